/**
 * What counts of the process's memory, and how it is given back.
 *
 * The OOM killer counts resident pages, so that is what is measured: V8's own figures leave out
 * what malloc keeps, and payload is malloc's, outside the heap. (300 MiB of payload in pieces of
 * 200 bytes were 307 MiB of `heapUsed` and `external`, and 950 MiB resident.) But resident
 * pages do not become fewer by themselves: V8 frees payload only in a collection, whose own time
 * does not come while data is refused, and glibc keeps what was freed. So both are asked: `gc`
 * frees, and `trim` gives free pages back to the kernel. Without `trim` a process that once was
 * above its limit would stay there for ever: 743 MiB with everything freed; then 69 + what is held.
 */
import { collector, trimmer } from '../../pipeline/memory.ts'

export interface Memory {
  /** Resident bytes; about 9 µs. */
  used(): number
  /** A full collection: 5 ms and more. Payload is freed on another thread, some ms later. */
  gc(): void
  /** Gives free pages back to the kernel: 1 ms, and 70 ms a GiB that is given back. */
  trim(): void
}

export function processMemory(): Memory {
  const collect = collector()
  return { used: () => process.memoryUsage.rss(), gc: () => collect(), trim: trimmer() }
}
