/**
 * Reads the kernel programs' counters (bpf/events.h, enum counter) from the array map that holds
 * them, mapped read-only: no system call, no capability.
 */
import { COUNTER } from '../../pipeline/kernel_events/events.gen.ts'
import type { CounterReader } from '../../pipeline/kernel_events/loss.ts'
import { map, pageBytes } from './memory.ts'

export interface Counters extends CounterReader {
  /** Unmaps; every counter then reads as it last was. Safe twice. */
  close(): void
}

/** Maps the array map that `fd` stands for; it was made with BPF_F_MMAPABLE. */
export function openCounters(fd: number): Counters {
  const mapping = map(fd, { offset: 0, bytes: pageBytes(), writable: false })
  let values = new BigUint64Array(mapping.buffer, 0, COUNTER.COUNTER_MAX)
  let open = true
  return {
    read: (index) => Number(values[index] ?? 0n),
    close() {
      if (!open) return
      open = false
      values = values.slice()
      mapping.unmap()
    },
  }
}
