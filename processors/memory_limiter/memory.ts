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
import v8 from 'node:v8'
import vm from 'node:vm'
import koffi from 'koffi'

export interface Memory {
  /** Resident bytes; about 9 µs. */
  used(): number
  /** A full collection: 5 ms and more. Payload is freed on another thread, some ms later. */
  gc(): void
  /** Gives free pages back to the kernel: 1 ms, and 70 ms a GiB that is given back. */
  trim(): void
}

export function processMemory(): Memory {
  return { used: () => process.memoryUsage.rss(), gc: collector(), trim: trimmer() }
}

/** V8's collector, which it gives only to contexts that are made after this flag was set. */
function collector(): () => void {
  if (globalThis.gc !== undefined) return () => void globalThis.gc?.()
  v8.setFlagsFromString('--expose-gc')
  const gc = vm.runInNewContext('gc') as () => void
  v8.setFlagsFromString('--no-expose-gc')
  return gc
}

/** malloc_trim(3) of glibc. Other C libraries have no need of it, and no such function. */
function trimmer(): () => void {
  try {
    const trim = koffi.load('libc.so.6').func('int malloc_trim(size_t pad)')
    return () => void trim(0)
  } catch {
    return () => {}
  }
}
