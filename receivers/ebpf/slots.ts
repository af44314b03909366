/**
 * Where a connection stands in the arrays that it shares with the others (`wants`, `spoken`), and
 * its conn_id there: a connId() has all of that but some bits of the CPU's number.
 *
 * Not by `%` and `/ 2 ** 40`: on doubles those were most of what a piece costs here.
 */
import { WANT_LIMIT } from '../../pipeline/kernel_events/events.gen.ts'

const TWO_32 = 2 ** 32

/** As want_slot() in bpf/maps.bpf.h. `id` is a connId(), as below. */
export function slotOf(id: number): number {
  const cpu = upperOf(id) >>> 8
  return ((id >>> 0) + cpu * 2053) & (WANT_LIMIT.WANTS_MAX - 1)
}

/** The lower half of the kernel's conn_id. */
export function lowOf(id: number): number {
  return id >>> 0
}

/** The upper half. */
export function highOf(id: number): number {
  const upper = upperOf(id)
  return ((upper >>> 8) << 16) + (upper & 0xff)
}

function upperOf(id: number): number {
  return (id - (id >>> 0)) / TWO_32
}
