/** The kernel's tick, in which it keeps its stopwatches (jiffies). */
import koffi from 'koffi'
import { errnoName } from './memory.ts'

/** linux/time.h: the coarse clock moves once a tick, and its resolution is the tick's length. */
const CLOCK_MONOTONIC_COARSE = 6

/** Length of a jiffy in microseconds, whatever the kernel was built with: 1000 to 10000. */
export function jiffyUs(): number {
  const clockGetres = koffi.load('libc.so.6').func('int clock_getres(int clock, void *to)')
  const timespec = new BigInt64Array(2)
  if (clockGetres(CLOCK_MONOTONIC_COARSE, timespec) !== 0) {
    throw new Error(`Cannot read the length of the kernel's tick: ${errnoName(koffi.errno())}`)
  }
  return Math.round(Number(timespec[1]) / 1000)
}
