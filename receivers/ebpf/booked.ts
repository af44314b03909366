/**
 * What this process has booked, in an array map that outlives it (bpf/events.h, enum booked): when
 * it is killed, its successor books what it could not, and nothing is booked twice.
 */
import { BOOKED } from '../../pipeline/kernel_events/events.gen.ts'
import type { Booked } from '../../pipeline/kernel_events/loss.ts'
import { map, wholePages } from './memory.ts'

const U64_BYTES = 8

export interface OpenBooked extends Booked {
  /** Items that are taken and not handed on; a successor books them as lost. */
  held: number
  /** The reader wants to be woken for the next record; the kernel then makes it false. */
  isAsleep: boolean
  /** Unmaps; nothing can be booked afterwards. Safe twice. */
  close(): void
}

/** Maps the array map that `fd` stands for; it was made with BPF_F_MMAPABLE. */
export function openBooked(fd: number): OpenBooked {
  const bytes = wholePages(BOOKED.BOOKED_MAX * U64_BYTES)
  const mapping = map(fd, { offset: 0, bytes, writable: true })
  let values = new BigUint64Array(mapping.buffer, 0, BOOKED.BOOKED_MAX)
  let open = true
  const read = (index: number) => Number(values[index] ?? 0n)
  const write = (index: number, value: number) => {
    values[index] = BigInt(value)
  }
  return {
    read,
    write,
    get held() {
      return read(BOOKED.BOOKED_HELD)
    },
    set held(items: number) {
      write(BOOKED.BOOKED_HELD, items)
    },
    get isAsleep() {
      return read(BOOKED.BOOKED_ASLEEP) !== 0
    },
    set isAsleep(asleep: boolean) {
      write(BOOKED.BOOKED_ASLEEP, asleep ? 1 : 0)
    },
    close() {
      if (!open) return
      open = false
      values = values.slice()
      mapping.unmap()
    },
  }
}
