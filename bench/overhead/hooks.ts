/**
 * What the kernel takes to call a program at all, which its own measurement of programs leaves out:
 * empty ones, attached and not by turns, under loops of short system calls.
 */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { cgroupRoot } from '../../receivers/ebpf/cgroup.ts'
import { BpfObject } from '../../receivers/ebpf/libbpf.ts'
import { removeDirectory, temporaryDirectory } from '../../test/kit/processes.ts'
import type { Estimate } from '../statistics.ts'
import { CountedLoad } from './counted.ts'
import { withBpfStats } from './processes.ts'
import { type CountedSlice, countedSlice, cpuPerWork, more, type Turn } from './turns.ts'

const SOURCE = join(import.meta.dirname, 'empty.bpf.c')
const SLICE_MS = 50
const SETTLE_MS = 5
const WARM_MS = 300
const FLOOR_SLICES = 10
/** Of a datagram to itself: one out, one in. */
const RUNS = { peek: 8, self: 2 } as const

const OF_CGROUP = ['passes_out', 'passes_in'] as const

/** Nanoseconds of a run that does nothing. */
export interface Hook {
  /** With all that the kernel takes to call it. */
  readonly call: Estimate
  /** What the kernel says that it took, the least of some slices: what measuring takes itself. */
  readonly measured: number
}

export interface Hooks {
  readonly tracing: Hook
  readonly cgroup: Hook
}

export async function hooks(turns: number): Promise<Hooks> {
  const directory = temporaryDirectory('empty')
  const path = join(directory, 'empty.bpf.o')
  const arch = process.arch === 'arm64' ? 'aarch64' : 'x86_64'
  const flags = ['-g', '-O2', '-target', 'bpf', '-I', `/usr/include/${arch}-linux-gnu`]
  execFileSync('clang', [...flags, '-c', SOURCE, '-o', path])
  const object = new BpfObject(path)
  try {
    object.load()
    const traced = object.programs().filter((name) => name.startsWith('traced'))
    const root = cgroupRoot() as string
    const attachTraced = () => {
      for (const name of traced) object.attach(name)
    }
    const attachCgroup = () => {
      for (const name of OF_CGROUP) object.attachCgroup(name, root)
    }
    return {
      tracing: await aRun('peek', { turns, object, attach: attachTraced }),
      cgroup: await aRun('self', { turns, object, attach: attachCgroup }),
    }
  } finally {
    object.close()
    removeDirectory(directory)
  }
}

async function aRun(
  loop: keyof typeof RUNS,
  { turns, object, attach }: { turns: number; object: BpfObject; attach: () => void },
): Promise<Hook> {
  const load = CountedLoad.loop(loop)
  try {
    await delay(WARM_MS)
    const seen: Turn[] = []
    const take = async (isAttached: boolean) => {
      object.detach()
      if (isAttached) attach()
      await delay(SETTLE_MS)
      return countedSlice(load, SLICE_MS)
    }
    let before = await take(false)
    for (let turn = 0; turn < turns; turn++) {
      const with_ = await take(true)
      const behind = await take(false)
      seen.push({ before, with: with_, behind })
      before = behind
    }
    attach()
    const measured = await withBpfStats(() => measuredNs(object))
    const bareNs = nsOf(seen.map((turn) => turn.before))
    const { median, low, high } = more(seen, cpuPerWork)
    const ns = (logarithm: number) => (bareNs * Math.expm1(logarithm)) / RUNS[loop]
    return { call: { median: ns(median), low: ns(low), high: ns(high) }, measured }
  } finally {
    object.detach()
    await load.stop()
  }
}

async function measuredNs(object: BpfObject): Promise<number> {
  const all = () => object.programs().map((name) => object.stats(name))
  let least = Number.POSITIVE_INFINITY
  for (let slice = 0; slice < FLOOR_SLICES; slice++) {
    const before = all()
    await delay(SLICE_MS)
    const after = all()
    const since = (of: 'runs' | 'runNs') =>
      after.reduce((total, each, i) => total + each[of] - (before[i]?.[of] ?? 0), 0)
    least = Math.min(least, since('runNs') / since('runs'))
  }
  return least
}

function nsOf(slices: readonly CountedSlice[]): number {
  const sum = (of: (slice: CountedSlice) => number) =>
    slices.reduce((total, slice) => total + of(slice), 0)
  return sum(({ ns }) => ns) / sum(({ done }) => done)
}
