/** Timestamps of captures: up to 64 bits in units of an interface's own choice. */

/** Divisors up to this keep every step of the long division below 2^53. */
export const DIVISOR_MAX = 2 ** 37

/**
 * Seconds and the rest of a 64-bit count in units of 1/`perSecond`; schoolbook division by limbs
 * of 16 bits, for a double cannot hold the count.
 */
export function splitSeconds(
  hi: number,
  lo: number,
  perSecond: number,
): { seconds: number; rest: number } {
  let seconds = 0
  let rest = 0
  for (const limb of [hi >>> 16, hi & 0xffff, lo >>> 16, lo & 0xffff]) {
    const dividend = rest * 65_536 + limb
    const digit = Math.floor(dividend / perSecond)
    seconds = seconds * 65_536 + digit
    rest = dividend - digit * perSecond
  }
  return { seconds, rest }
}

/**
 * Turns seconds and nanoseconds since the Unix epoch into nanoseconds since the second of the first
 * packet, which a double holds exactly.
 */
export class CaptureClock {
  /** Nanoseconds since the epoch of time 0, as halves, low first: for `add` of pipeline/u64.ts. */
  readonly offset: [number, number] = [0, 0]
  #epochSeconds: number | undefined

  relativeNs(seconds: number, nanoseconds: number): number {
    if (this.#epochSeconds === undefined) {
      // One second earlier, so that no time is 0, which rows take for "not known".
      this.#epochSeconds = seconds - 1
      const ns = BigInt(Math.max(this.#epochSeconds, 0)) * 1_000_000_000n
      this.offset[0] = Number(ns & 0xffff_ffffn)
      this.offset[1] = Number((ns >> 32n) & 0xffff_ffffn)
    }
    return Math.max((seconds - this.#epochSeconds) * 1e9 + nanoseconds, 1)
  }
}
