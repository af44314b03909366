/**
 * What something costs a load that counts its own CPU time: short slices without it and with it by
 * turns, each against the one before and the one behind, so that what drifts cancels out.
 *
 *     bare │ with │ bare │ with │ bare …     ln(with) − (ln(bare before) + ln(bare behind)) / 2
 *
 * Now and then a slice is disturbed, by far: the mean is that of the middle half (the interquartile
 * mean), and the bounds are those of 95 % of its bootstrap samples.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { bootstrap, type Estimate } from '../statistics.ts'
import type { CountedLoad } from './counted.ts'

export interface CountedSlice {
  readonly done: number
  readonly ns: number
  readonly seconds: number
}

export async function countedSlice(load: CountedLoad, ms: number): Promise<CountedSlice> {
  const [from, fromMs] = [load.read(), performance.now()]
  await delay(ms)
  const [to, toMs] = [load.read(), performance.now()]
  return { done: to.done - from.done, ns: to.ns - from.ns, seconds: (toMs - fromMs) / 1000 }
}

/** A slice between two that are bare. */
export interface Turn {
  readonly before: CountedSlice
  readonly with: CountedSlice
  readonly behind: CountedSlice
}

export function cpuPerWork({ ns, done }: CountedSlice): number {
  return ns / done
}

export function timePerWork({ seconds, done }: CountedSlice): number {
  return seconds / done
}

/** How much more of it a piece of work takes, as the logarithm of a ratio. */
export function more(turns: readonly Turn[], of: (slice: CountedSlice) => number): Estimate {
  const values = turns
    .map((turn) => Math.log(of(turn.with)) - mean([turn.before, turn.behind].map(of).map(Math.log)))
    .filter(Number.isFinite)
  return { ...bootstrap(values, middle), median: middle(values) }
}

/** As a share: of as much CPU, or time, so much less work is done. */
export function lost(logarithms: Estimate): Estimate {
  const share = (value: number) => 1 - Math.exp(-value)
  const { median, low, high } = logarithms
  return { median: share(median), low: share(low), high: share(high) }
}

function middle(values: readonly number[]): number {
  const quarter = Math.floor(values.length / 4)
  return mean([...values].sort((a, b) => a - b).slice(quarter, values.length - quarter))
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
