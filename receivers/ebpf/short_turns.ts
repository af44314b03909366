/**
 * Asks the scheduler for short turns (sched_setattr(2)). A task that wants little at a time then
 * comes before those whose turns are longer, as soon as it wakes; its share of the CPU is the same,
 * so nobody has to allow it, and no program of the host is worse off. Linux 6.12 and later; others
 * take no notice. Nice levels are left alone: who watches shall not come before what is watched.
 */
import { readdirSync } from 'node:fs'
import koffi from 'koffi'

/** The shortest that there is. */
const SLICE_NS = 100_000n
/** struct sched_attr, as of its first version (linux/sched/types.h). */
const ATTR = { size: 48, policy: 4, runtime: 24 } as const
const SCHED_OTHER = 0
/** Of sched_setattr and sched_getattr. */
const NUMBERS: Readonly<Record<string, readonly [set: number, get: number]>> = {
  x64: [314, 315],
  arm64: [274, 275],
}

const libc = koffi.load('libc.so.6')
const setattr = libc.func('syscall', 'long', ['long', 'int', 'void *', 'uint32'])
const getattr = libc.func('syscall', 'long', ['long', 'int', 'void *', 'uint32', 'uint32'])

/**
 * Of all threads that there are: one reads the rings, another waits for the kernel. True: done,
 * whether this kernel heeds it or not.
 */
export function askForShortTurns(): boolean {
  return readdirSync('/proc/self/task').map(Number).map(shortenTurns).every(Boolean)
}

function shortenTurns(thread: number): boolean {
  const numbers = NUMBERS[process.arch]
  if (numbers === undefined) return false
  const [set, get] = numbers
  const attr = new Uint8Array(ATTR.size)
  const view = new DataView(attr.buffer)
  // What it has, as nice is set anew too.
  if (getattr(get, thread, attr, ATTR.size, 0) !== 0) return false
  if (view.getUint32(ATTR.policy, true) !== SCHED_OTHER) return false
  view.setBigUint64(ATTR.runtime, SLICE_NS, true)
  return setattr(set, thread, attr, 0) === 0
}
