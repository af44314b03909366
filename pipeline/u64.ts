/**
 * 64-bit values without BigInt: two u32 halves, low half first, in a Uint32Array.
 *
 * Ids, kernel times and wall-clock times exceed 2^53, and a BigInt per row is an allocation per
 * row. Text is made here too, for it is where the halves meet.
 */

const TWO_32 = 4_294_967_296
/** A byte's digits: the runtime makes those of a number beyond 2^30 by division of doubles. */
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** `hi:lo` as 16 hexadecimal digits. */
export function hex64(lo: number, hi: number): string {
  return hex32(hi) + hex32(lo)
}

export function hex32(value: number): string {
  const high = HEX[value >>> 24] + (HEX[(value >>> 16) & 0xff] as string)
  return high + HEX[(value >>> 8) & 0xff] + HEX[value & 0xff]
}

/** Exact up to 2^53, else rounded to the nearest double. */
export function toNumber(lo: number, hi: number): number {
  return hi * TWO_32 + lo
}

/** Writes a whole number in [0, 2^53] as two halves at `out[at]`, `out[at + 1]`. */
export function fromNumber(out: Uint32Array, at: number, value: number): void {
  out[at] = value >>> 0
  out[at + 1] = Math.floor(value / TWO_32)
}

/** `out[at..] = (lo, hi) + delta`, for a whole number |delta| < 2^53; wraps at 2^64. */
export function add(out: Uint32Array, at: number, value: [number, number], delta: number): void {
  const low = delta - Math.floor(delta / TWO_32) * TWO_32
  const sum = value[0] + low
  out[at] = sum >>> 0
  out[at + 1] = value[1] + Math.floor(delta / TWO_32) + (sum >= TWO_32 ? 1 : 0)
}

/** `a - b` as a double: exact while the difference is below 2^53. */
export function difference(aLo: number, aHi: number, bLo: number, bHi: number): number {
  return (aHi - bHi) * TWO_32 + (aLo - bLo)
}

/**
 * Nanoseconds since the Unix epoch as RFC 3339 with nine digits, UTC.
 *
 * Exact: hi·2^32 is a double without rounding, and `%` is exact on doubles. The difference is
 * rounded, by 1024 at most, so the quotient is a millionth off a whole number at most.
 */
export function rfc3339(lo: number, hi: number): string {
  const high = hi * TWO_32
  const rest = (high % 1e9) + lo
  const seconds = Math.round((high - (high % 1e9)) / 1e9) + Math.floor(rest / 1e9)
  const nanos = rest % 1e9
  const date = new Date(seconds * 1000).toISOString()
  return `${date.slice(0, 19)}.${String(nanos).padStart(9, '0')}Z`
}

/** Milliseconds since the Unix epoch, rounded down: for timers and comparisons, not for output. */
export function unixMs(lo: number, hi: number): number {
  return Math.floor(toNumber(lo, hi) / 1e6)
}

/** The wall clock in nanoseconds (of microsecond resolution), as halves. */
export function wallClockNs(out: Uint32Array, at: number): void {
  const ms = performance.timeOrigin + performance.now()
  const whole = Math.floor(ms)
  const nanos = Math.floor((ms - whole) * 1e6)
  const high = Math.floor(whole / TWO_32)
  // whole·1e6 in halves: (high·2^32 + low)·1e6, each partial product below 2^53.
  const low = (whole >>> 0) * 1e6
  const sum = (low % TWO_32) + nanos
  out[at] = sum >>> 0
  out[at + 1] = high * 1e6 + Math.floor(low / TWO_32) + (sum >= TWO_32 ? 1 : 0)
}
