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

/** The median with a percentile bootstrap of 2,000 resamples (Efron 1979), seeded. */
export function estimate(values: readonly number[]): Estimate {
  const random = mulberry32(1)
  const medians: number[] = []
  for (let round = 0; round < 2000; round++) {
    const sample = values.map(() => values[Math.floor(random() * values.length)] as number)
    medians.push(median(sample))
  }
  medians.sort((a, b) => a - b)
  return { median: median(values), low: medians[50] as number, high: medians[1949] as number }
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
