/**
 * Consistent probability sampling (OpenTelemetry, "TraceState: Probability Sampling"): a trace has
 * 56 random bits, a threshold says which share of them is rejected, and a trace that is not below
 * it is kept. Both are 14 hexadecimal digits here, so that texts compare as numbers do.
 */

const DIGITS = 14
const ALL = 2 ** 56
/** The least probability that a threshold can say. */
export const PROBABILITY_MIN = 2 ** -56

/** Keeps everything, and nothing: above all that 14 digits can say. */
export const ALWAYS = '0'.repeat(DIGITS)
export const NEVER = 'g'

/** The threshold of a probability up to 1, NEVER of one below the least, with so many digits. */
export function thresholdOf(probability: number, precision: number): string {
  if (probability < PROBABILITY_MIN) return NEVER
  if (probability >= 1) return ALWAYS
  // Leading zeros, or leading f, say nothing of how precise the rest is.
  const leading = Math.max(zeros(probability), zeros(1 - probability))
  const digits = Math.min(DIGITS, precision + leading)
  const shift = BigInt(4 * (DIGITS - digits))
  let threshold = BigInt(ALL) - BigInt(Math.round(probability * ALL))
  if (shift > 0n) threshold = ((threshold + (1n << (shift - 1n))) >> shift) << shift
  return threshold >= BigInt(ALL) ? NEVER : hex(threshold)
}

/** Hexadecimal digits that are 0 at the beginning of a fraction's, as frexp() counts them. */
function zeros(fraction: number): number {
  let exponent = 0
  for (let rest = fraction; rest > 0 && rest < 0.5; rest *= 2) exponent++
  return Math.floor(exponent / 4)
}

/** The probability that a threshold stands for. */
export function probabilityOf(threshold: string): number {
  return threshold === NEVER ? 0 : Number(BigInt(ALL) - BigInt(`0x${threshold}`)) / ALL
}

/** As `th:` says it: without the zeros at its end. */
export function shortThreshold(threshold: string): string {
  return threshold.replace(/0+$/, '') || '0'
}

/** The 14 digits of what `th:` says. */
export function longThreshold(text: string): string {
  return text.toLowerCase().padEnd(DIGITS, '0')
}

export function hex(value: bigint): string {
  return value.toString(16).padStart(DIGITS, '0')
}

/** Of 32 digits, the 14 that are random by W3C Trace Context, level 2. */
export function randomnessOf(traceId: string): string {
  return traceId.slice(-DIGITS)
}
