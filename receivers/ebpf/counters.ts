/**
 * Reads the kernel programs' counters (bpf/events.h, enum counter) from the array map that holds
 * them, mapped read-only: no system call, no capability.
 */
import { COUNTER, COUNTER_SLOTS } from '../../pipeline/kernel_events/events.gen.ts'
import type { CounterReader } from '../../pipeline/kernel_events/loss.ts'
import { toNumber } from '../../pipeline/u64.ts'
import { map, wholePages } from './memory.ts'

export interface Counters extends CounterReader {
  /** Unmaps; every counter then reads as it last was. Safe twice. */
  close(): void
}

const { COUNTERS_BY_CPU, COUNTER_CPUS } = COUNTER_SLOTS
const U64_BYTES = 8

/** Maps the array map that `fd` stands for; it was made with BPF_F_MMAPABLE. */
export function openCounters(fd: number): Counters {
  const bytes = wholePages(COUNTER_SLOTS.COUNTER_SLOTS * U64_BYTES)
  const mapping = map(fd, { offset: 0, bytes, writable: false })
  // Halves of the values, which are little-endian: a BigInt each would be garbage.
  let halves = new Uint32Array(mapping.buffer, 0, 2 * COUNTER_SLOTS.COUNTER_SLOTS)
  let open = true

  function slot(index: number): number {
    return toNumber(halves[2 * index] ?? 0, halves[2 * index + 1] ?? 0)
  }

  return {
    read(index) {
      let sum = slot(index)
      if (index >= COUNTERS_BY_CPU) return sum
      for (let cpu = 0; cpu < COUNTER_CPUS; cpu++) {
        sum += slot(COUNTER.COUNTER_MAX + cpu * COUNTERS_BY_CPU + index)
      }
      return sum
    },
    close() {
      if (!open) return
      open = false
      halves = halves.slice()
      mapping.unmap()
    },
  }
}
