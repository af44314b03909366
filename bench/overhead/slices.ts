/**
 * What a load loses, by short slices of one run in which flowspan's programs are attached and not.
 *
 *     round   bare │ connections │ requests │ all │ bare again     in another order each time
 *
 * The machine swings by tens of percent from one second to the next, its neighbours do not: each
 * slice stands against the two bare ones of its round. What is told is a ratio of sums over all
 * rounds, which gives little weight to a slice in which the CPUs were somebody else's, with what
 * 95 % of bootstrap samples of the rounds give. The two bare ones against each other are the
 * control: what they show is what this machine cannot tell from nothing.
 *
 * Two measures of a loss. Of the rate: what a user would see where all CPU is taken. Of the CPU
 * that a piece of work takes, at both ends and in flowspan's process: the same, without the time
 * in which the CPUs were somebody else's.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { SignalGroup } from '../../receivers/ebpf/signals.ts'
import { bootstrap, type Estimate, median } from '../statistics.ts'
import type { Traced } from '../traced.ts'
import type { Load } from './loads.ts'
import { cpuNs } from './processes.ts'

const SLICE_MS = 150
/** After a switch, so that what was on its way does not count for the other side. */
const SETTLE_MS = 20
const WARM_MS = 1500

export const MODES = {
  bare: [],
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
  /** Of both ends and the pipeline process. */
  readonly cpuNs: number
  readonly p99Us: number
}

export interface Loss {
  readonly load: string
  readonly unit: string
  readonly mode: Mode
  readonly rounds: number
  /** Of all slices, without flowspan and with it. */
  readonly bare: number
  readonly with: number
  /** Shares. Where latency is measured, of its p99, and `cpu` of CPU at that rate. */
  readonly rate: Estimate
  readonly cpu: Estimate
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
  const seen = Object.fromEntries(NAMES.map((mode) => [mode, [] as Slice[]])) as Seen
  for (let round = 0; round < rounds; round++) {
    for (const mode of orderOf(round)) {
      traced.detach()
      traced.attach(MODES[mode])
      await delay(SETTLE_MS)
      seen[mode].push(await slice(load, traced, sliceMs))
    }
  }
  traced.detach()
  const of = { load: load.name, unit: load.unit, rounds }
  return NAMES.filter((mode) => mode !== 'bare').map((mode) => ({
    ...of,
    mode,
    ...compare(seen, mode, latency),
  }))
}

type Seen = Record<Mode, Slice[]>

async function slice(load: Load, traced: Traced, ms: number): Promise<Slice> {
  const pids = [...load.pids, traced.pid]
  const before = await load.read()
  const [fromMs, fromNs] = [performance.now(), cpuNs(pids)]
  await delay(ms)
  const { done, p99Us = Number.NaN } = await load.read()
  const [toMs, toNs] = [performance.now(), cpuNs(pids)]
  return { work: done - before.done, seconds: (toMs - fromMs) / 1000, cpuNs: toNs - fromNs, p99Us }
}

interface Round {
  readonly bare: readonly Slice[]
  readonly with: Slice
}

function compare(seen: Seen, mode: Mode, latency: boolean) {
  const rounds = seen[mode].map((slice, i): Round => {
    const first = seen.bare[i] as Slice
    // The control is a bare slice itself: it has only the other one to be compared with.
    const bare = mode === 'control' ? [first] : [first, seen.control[i] as Slice]
    return { bare, with: slice }
  })
  const bare = [...seen.bare, ...seen.control]
  const value = latency ? p99Of : rateOf
  const better = (sample: readonly Round[]) =>
    value(sample.map((round) => round.with)) / value(sample.flatMap((round) => round.bare))
  return {
    bare: value(bare),
    with: value(seen[mode]),
    rate: bootstrap(rounds, (sample) => (latency ? better(sample) - 1 : 1 - better(sample))),
    // Of as much CPU as before, so much less work is done.
    cpu: bootstrap(rounds, (sample) => {
      const [without, with_] = [
        sample.flatMap((each) => each.bare),
        sample.map((each) => each.with),
      ]
      return 1 - cpuOf(without) / cpuOf(with_)
    }),
  }
}

function rateOf(slices: readonly Slice[]): number {
  return sum(slices.map(({ work }) => work)) / sum(slices.map(({ seconds }) => seconds))
}

function cpuOf(slices: readonly Slice[]): number {
  return sum(slices.map((each) => each.cpuNs)) / sum(slices.map(({ work }) => work))
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
