/**
 * Figures from a machine that swings by tens of percent: only the difference between neighbouring
 * slices of one run is looked at, and the bound is given with the value.
 */

export interface Estimate {
  readonly median: number
  /** 95 % of the bootstrap medians lie between these. */
  readonly low: number
  readonly high: number
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2
}

/** The median of values, with its bounds. */
export function estimate(values: readonly number[]): Estimate {
  return { ...bootstrap(values, median), median: median(values) }
}

/**
 * What `of` makes of all rounds, as in a ratio of sums, with its bounds: a percentile bootstrap of
 * 2,000 resamples (Efron 1979), seeded. `median` is of the resamples.
 */
export function bootstrap<T>(rounds: readonly T[], of: (sample: readonly T[]) => number): Estimate {
  const random = mulberry32(1)
  const found: number[] = []
  for (let i = 0; i < 2000; i++) {
    found.push(of(rounds.map(() => rounds[Math.floor(random() * rounds.length)] as T)))
  }
  found.sort((a, b) => a - b)
  return { median: found[1000] as number, low: found[50] as number, high: found[1949] as number }
}

/** A small seeded generator, so that two runs over the same slices print the same bounds. */
function mulberry32(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

export function percent(value: number): string {
  return `${(value * 100).toFixed(2)} %`
}
