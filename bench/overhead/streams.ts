/**
 * What a saturated stream loses to the programs on its way, within bounds that are narrow enough to
 * tell one per cent. Two estimates that have nothing in common:
 *
 * 1. Turns (turns.ts): CPU time of both ends for a byte, by the load's own clock, in hundreds of
 *    short slices with the programs attached and not. Where both ends are one thread neither the
 *    scheduler nor a queue between them makes one slice unlike the next; where each has a CPU, or
 *    the stream is paced below what a CPU can do, it is as in life, and the bounds are wider. The
 *    control turns nothing on: what it shows is what this machine cannot tell from nothing.
 * 2. What ran: the kernel's own measurement of its programs, in slices of their own, as a share of
 *    that CPU time. Half of a short run is what measuring takes, as empty programs show (hooks.ts):
 *    that is taken off, and what the measurement leaves out is added, a whole call of an empty
 *    program. The upper bound of both together is an upper bound of what is on the data's way.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { SignalGroup } from '../../receivers/ebpf/signals.ts'
import { bootstrap, type Estimate } from '../statistics.ts'
import type { Traced } from '../traced.ts'
import { CountedLoad, type Kind, type Shape } from './counted.ts'
import type { Hook, Hooks } from './hooks.ts'
import { withBpfStats } from './processes.ts'
import { MODES } from './slices.ts'
import {
  type CountedSlice,
  countedSlice,
  cpuPerWork,
  lost,
  more,
  type Turn,
  timePerWork,
} from './turns.ts'

const SLICE_MS = { turns: 50, ends: 100, paced: 100 } as const satisfies Record<Shape, number>
/** After a switch: what was on its way; of a body, the rest of one whose head was missed. */
const SETTLE_MS = { bytes: 8, tls: 8, body: 30 } as const satisfies Record<Kind, number>
const WARM_MS = 1000

const STREAM_MODES = {
  ...MODES,
  episodes: [...MODES.all, 'episodes'],
} as const satisfies Record<string, readonly SignalGroup[]>

export type StreamMode = keyof typeof STREAM_MODES

const NAMES = Object.keys(STREAM_MODES) as StreamMode[]

export interface StreamLoss {
  readonly mode: StreamMode
  readonly turns: number
  /** Of a byte: CPU of both ends, and of the clock. */
  readonly cpu: Estimate
  readonly time: Estimate
}

/** Of the CPU of both ends. */
export interface StreamShare {
  readonly mode: StreamMode
  readonly runsPerMb: number
  readonly nsPerMb: number
  readonly share: Estimate
  /** Without what measuring takes, with what calling them takes. */
  readonly atMost: number
}

export interface StreamFigures {
  readonly mbPerSecond: number
  /** Of both ends, bare. */
  readonly nsPerMb: number
  readonly losses: readonly StreamLoss[]
  readonly shares: readonly StreamShare[]
}

export interface StreamOptions {
  readonly kind: Kind
  readonly shape: Shape
  /** Rounds of one turn of each mode, and slices in which the kernel measures, of each. */
  readonly rounds: number
  readonly statsSlices: number
  readonly hooks: Hooks
}

export async function streamFigures(
  traced: Traced,
  options: StreamOptions,
): Promise<StreamFigures> {
  // Known from its beginning, as a connection of a host that runs flowspan is.
  traced.detach()
  traced.attach(STREAM_MODES.episodes)
  const load = await CountedLoad.stream(options.kind, options.shape)
  try {
    await delay(WARM_MS)
    const seen = await turnsOf(traced, load, options)
    const losses = NAMES.map((mode) => {
      const turns = seen.get(mode) as Turn[]
      const [cpu, time] = [cpuPerWork, timePerWork].map((of) => lost(more(turns, of)))
      return { mode, turns: turns.length, cpu: cpu as Estimate, time: time as Estimate }
    })
    const bare = [...seen.values()].flat().map((turn) => turn.before)
    const mb = sum(bare, ({ done }) => done) / 1e6
    const shares: StreamShare[] = []
    for (const mode of NAMES.slice(1))
      shares.push(await shareOf(traced, load, { ...options, mode }))
    return {
      mbPerSecond: mb / sum(bare, ({ seconds }) => seconds),
      nsPerMb: sum(bare, ({ ns }) => ns) / mb,
      losses,
      shares,
    }
  } finally {
    traced.detach()
    await load.stop()
  }
}

async function turnsOf(
  traced: Traced,
  load: CountedLoad,
  { kind, shape, rounds }: StreamOptions,
): Promise<Map<StreamMode, Turn[]>> {
  const take = async (mode: StreamMode) => {
    traced.detach()
    traced.attach(STREAM_MODES[mode])
    await delay(SETTLE_MS[kind])
    return countedSlice(load, SLICE_MS[shape])
  }
  const seen = new Map(NAMES.map((mode) => [mode, [] as Turn[]]))
  let before = await take('control')
  for (let round = 0; round < rounds; round++) {
    for (const mode of round % 2 === 0 ? NAMES : NAMES.toReversed()) {
      const with_ = await take(mode)
      const behind = await take('control')
      seen.get(mode)?.push({ before, with: with_, behind })
      before = behind
    }
  }
  return seen
}

interface Measured extends CountedSlice {
  readonly tracing: { readonly runs: number; readonly ns: number }
  readonly cgroup: { readonly runs: number; readonly ns: number }
}

async function shareOf(
  traced: Traced,
  load: CountedLoad,
  { mode, shape, kind, statsSlices, hooks }: StreamOptions & { mode: StreamMode },
): Promise<StreamShare> {
  traced.detach()
  traced.attach(STREAM_MODES[mode])
  await delay(SETTLE_MS[kind])
  const slices = await withBpfStats(async () => {
    const found: Measured[] = []
    for (let slice = 0; slice < statsSlices; slice++) {
      const before = traced.statsByHook()
      const counted = await countedSlice(load, SLICE_MS[shape])
      const after = traced.statsByHook()
      const since = (hook: 'tracing' | 'cgroup') => ({
        runs: after[hook].runs - before[hook].runs,
        ns: after[hook].runNs - before[hook].runNs,
      })
      found.push({ ...counted, tracing: since('tracing'), cgroup: since('cgroup') })
    }
    return found
  })
  const loadNs = sum(slices, ({ ns }) => ns)
  const mb = sum(slices, ({ done }) => done) / 1e6
  const share = bootstrap(slices, (sample) => sum(sample, nsOf) / sum(sample, ({ ns }) => ns))
  const beside = ({ call, measured }: Hook) => call.high - measured
  const calls =
    sum(slices, ({ tracing }) => tracing.runs) * beside(hooks.tracing) +
    sum(slices, ({ cgroup }) => cgroup.runs) * beside(hooks.cgroup)
  return {
    mode,
    runsPerMb: sum(slices, ({ tracing, cgroup }) => tracing.runs + cgroup.runs) / mb,
    nsPerMb: sum(slices, nsOf) / mb,
    share,
    atMost: share.high + calls / loadNs,
  }
}

function nsOf({ tracing, cgroup }: Measured): number {
  return tracing.ns + cgroup.ns
}

function sum<T>(values: readonly T[], of: (value: T) => number): number {
  return values.reduce((total, value) => total + of(value), 0)
}
