/**
 * What a load loses, by short slices of one run in which flowspan's programs are attached and not.
 *
 *     round   bare │ connections │ bare │ all │ bare │ control │ bare │ requests │ bare
 *
 * The machine swings by tens of percent from one second to the next, its neighbours do not: each
 * slice stands against the bare ones on both sides of it, so that what drifts cancels out. The
 * order of modes turns from round to round. What is told is a ratio of sums over all rounds, which
 * gives little weight to a slice in which the CPUs were somebody else's, with what 95 % of
 * bootstrap samples of the rounds give. The control is a bare slice like the others: what it shows
 * is what this machine cannot tell from nothing.
 *
 * A slice that was captured leaves rows to be made, for as long as it lasted where all CPU is
 * taken (0.15 s behind 0.15 s of 120,000 requests/s): the next one begins when the pipeline
 * process has done with them, or it would pay for what is not its own.
 *
 * Three measures of a loss. Of the rate: what a user would see where flowspan and the load compete
 * for all CPU. Of the CPU that a piece of work takes at both ends and in flowspan's process: the
 * same, without the time in which the CPUs were somebody else's. Of that at both ends alone: what
 * the kernel's programs take on the data's way, as they run in the processes that read and write.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { SignalGroup } from '../../receivers/ebpf/signals.ts'
import { bootstrap, type Estimate, median } from '../statistics.ts'
import type { Traced } from '../traced.ts'
import type { Load } from './loads.ts'
import { cpuNs, withBpfStats } from './processes.ts'

const SLICE_MS = 100
/**
 * After a switch, so that what was on its way does not count for the other side: a body of 32 MiB
 * whose head was not seen.
 */
const SETTLE_MS = 25
const WARM_MS = 1500
/** The pipeline process is idle when it took less of a CPU in so many windows in a row. */
const IDLE = { share: 0.08, windowMs: 15, windows: 2, mostMs: 1500 } as const
/** In which the kernel measures its programs. */
const STATS_MS = 500

export const MODES = {
  control: [],
  connections: ['connections', 'drops'],
  requests: ['connections', 'drops', 'payload'],
  all: ['connections', 'drops', 'payload', 'udp', 'dns'],
} as const satisfies Record<string, readonly SignalGroup[]>

export type Mode = keyof typeof MODES

const NAMES = Object.keys(MODES) as Mode[]

interface Slice {
  readonly work: number
  readonly seconds: number
  /** Of both ends. */
  readonly loadNs: number
  /** Of the pipeline process. */
  readonly pipelineNs: number
  readonly p99Us: number
}

/** A slice, and the bare ones before and behind it. */
interface Round {
  readonly bare: readonly Slice[]
  readonly with: Slice
}

/** What the kernel says its programs took, and what it takes to measure that. */
export interface Programs {
  readonly nsPerWork: number
  readonly runsPerWork: number
  /** Of the CPU of both ends. */
  readonly share: number
}

export interface Loss {
  readonly load: string
  readonly unit: string
  readonly mode: Mode
  readonly rounds: number
  /** Of all slices, without flowspan and with it. */
  readonly bare: number
  readonly with: number
  /** Shares. Where latency is measured, of its p99, and the others of CPU at that rate. */
  readonly rate: Estimate
  readonly cpu: Estimate
  readonly path: Estimate
  readonly programs: Programs
}

export interface SliceOptions {
  readonly rounds: number
  /** The load is at a fixed rate, and its p99 is what may get worse. */
  readonly latency?: boolean
  readonly sliceMs?: number
}

export async function slices(load: Load, traced: Traced, options: SliceOptions): Promise<Loss[]> {
  const { rounds, latency = false, sliceMs = SLICE_MS } = options
  await delay(WARM_MS)
  const seen = new Map(NAMES.map((mode) => [mode, [] as Round[]]))
  const take = async (mode: Mode) => {
    traced.detach()
    await idle(traced)
    traced.attach(MODES[mode])
    await delay(SETTLE_MS)
    return slice(load, traced, sliceMs)
  }
  let before = await take('control')
  for (let round = 0; round < rounds; round++) {
    for (const mode of orderOf(round)) {
      const with_ = await take(mode)
      const behind = await take('control')
      seen.get(mode)?.push({ bare: [before, behind], with: with_ })
      before = behind
    }
  }
  const losses: Loss[] = []
  for (const [mode, found] of seen) {
    const programs = await programsOf(load, traced, mode)
    const of = { load: load.name, unit: load.unit, mode, rounds, programs }
    losses.push({ ...of, ...compare(found, latency) })
  }
  traced.detach()
  return losses
}

/** Waits until the pipeline process has done with what was captured. */
async function idle(traced: Traced): Promise<void> {
  const until = performance.now() + IDLE.mostMs
  for (let windows = 0; windows < IDLE.windows && performance.now() < until; ) {
    const [fromMs, fromNs] = [performance.now(), cpuNs([traced.pid])]
    await delay(IDLE.windowMs)
    const share = (cpuNs([traced.pid]) - fromNs) / 1e6 / (performance.now() - fromMs)
    windows = share < IDLE.share ? windows + 1 : 0
  }
}

async function slice(load: Load, traced: Traced, ms: number): Promise<Slice> {
  const read = async () => {
    const { done, p99Us = Number.NaN } = await load.read()
    const [loadNs, pipelineNs] = [cpuNs(load.pids), cpuNs([traced.pid])]
    return { done, p99Us, ms: performance.now(), loadNs, pipelineNs }
  }
  const from = await read()
  await delay(ms)
  const to = await read()
  return {
    work: to.done - from.done,
    seconds: (to.ms - from.ms) / 1000,
    loadNs: to.loadNs - from.loadNs,
    pipelineNs: to.pipelineNs - from.pipelineNs,
    p99Us: to.p99Us,
  }
}

/** While the kernel measures, which costs something itself: apart from the slices. */
function programsOf(load: Load, traced: Traced, mode: Mode): Promise<Programs> {
  return withBpfStats(async () => {
    traced.detach()
    await idle(traced)
    traced.attach(MODES[mode])
    const before = traced.stats()
    const { work, loadNs } = await slice(load, traced, STATS_MS)
    const after = traced.stats()
    const ns = after.runNs - before.runNs
    return {
      nsPerWork: ns / work,
      runsPerWork: (after.runs - before.runs) / work,
      share: ns / loadNs,
    }
  })
}

function compare(rounds: readonly Round[], latency: boolean) {
  const value = latency ? p99Of : rateOf
  const bare = rounds.flatMap((round) => round.bare)
  const with_ = rounds.map((round) => round.with)
  // Of as much CPU as before, so much less work is done.
  const lost = (value: (slices: readonly Slice[]) => number) =>
    bootstrap(rounds, (sample) => {
      const without = value(sample.flatMap((round) => round.bare))
      return 1 - without / value(sample.map((round) => round.with))
    })
  const rate = bootstrap(rounds, (sample) => {
    const without = value(sample.flatMap((round) => round.bare))
    const ratio = value(sample.map((round) => round.with)) / without
    return latency ? ratio - 1 : 1 - ratio
  })
  return {
    bare: value(bare),
    with: value(with_),
    rate,
    cpu: lost((slices) => cpuOf(slices, ({ loadNs, pipelineNs }) => loadNs + pipelineNs)),
    path: lost((slices) => cpuOf(slices, ({ loadNs }) => loadNs)),
  }
}

function rateOf(slices: readonly Slice[]): number {
  return sum(slices.map(({ work }) => work)) / sum(slices.map(({ seconds }) => seconds))
}

function cpuOf(slices: readonly Slice[], cpu: (slice: Slice) => number): number {
  return sum(slices.map(cpu)) / sum(slices.map(({ work }) => work))
}

function p99Of(slices: readonly Slice[]): number {
  return median(slices.map(({ p99Us }) => p99Us))
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

/** A rotation, forwards and backwards by turns: each mode comes after each other one. */
function orderOf(round: number): Mode[] {
  const at = round % NAMES.length
  const turned = [...NAMES.slice(at), ...NAMES.slice(0, at)]
  return round % 2 === 0 ? turned : turned.reverse()
}
