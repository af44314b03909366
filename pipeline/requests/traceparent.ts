/**
 * The `traceparent` field (W3C Trace Context §3.2.2).
 *
 *     version "-" trace-id "-" parent-id "-" trace-flags    2, 32, 16 and 2 lower-case hex digits
 *
 * Version ff is invalid; versions above 00 may have more behind the flags, after another `-`.
 */

const DASH = 45
const LENGTH = 55

/** What the byte is as a lower-case hex digit; NO_DIGIT where it is none. */
const NO_DIGIT = 0x10
const DIGITS = new Uint8Array(256).fill(NO_DIGIT)
for (let digit = 0; digit < 16; digit++) DIGITS[digit.toString(16).charCodeAt(0)] = digit

/** Where the words of trace id and parent id are in the field, low word first. */
const WORDS = [27, 19, 11, 3, 44, 36]
const FLAGS = 53

/**
 * Writes trace id (4 words), parent id (2 words), low word first, and flags at `out[0..6]`, and
 * says whether the field is valid; otherwise `out` holds nothing of meaning.
 */
export function parseTraceparent(out: Uint32Array, bytes: Buffer, at: number, to: number): boolean {
  const length = to - at
  if (length < LENGTH) return false
  if (bytes[at + 2] !== DASH || bytes[at + 35] !== DASH || bytes[at + 52] !== DASH) return false
  const version = twoDigits(bytes, at)
  if (version < 0 || version === 0xff) return false
  if (length > LENGTH && (version === 0 || bytes[at + LENGTH] !== DASH)) return false
  // What is no digit is found at the end, by the bit that no digit has.
  let all = 0
  for (let i = 0; i < WORDS.length; i++) {
    const from = at + (WORDS[i] as number)
    let word = 0
    for (let j = from; j < from + 8; j++) {
      const digit = DIGITS[bytes[j] as number] as number
      all |= digit
      word = (word << 4) | digit
    }
    out[i] = word
  }
  const flags = twoDigits(bytes, at + FLAGS)
  if (all >= NO_DIGIT || flags < 0) return false
  out[6] = flags
  const traceId = (out[0] as number) | (out[1] as number) | (out[2] as number) | (out[3] as number)
  return traceId !== 0 && ((out[4] as number) | (out[5] as number)) !== 0
}

/** Trace id, parent id and flags as parseTraceparent() has them, each a word with a sign. */
export type TraceWords = readonly number[]

/** To be kept: made and held at a third of what a typed array takes. */
export function traceWords(out: Uint32Array): TraceWords {
  const word = (i: number) => (out[i] as number) | 0
  return [word(0), word(1), word(2), word(3), word(4), word(5), word(6)]
}

/** The number that two digits make, or -1. */
function twoDigits(bytes: Buffer, at: number): number {
  const high = DIGITS[bytes[at] as number] as number
  const low = DIGITS[bytes[at + 1] as number] as number
  return (high | low) >= NO_DIGIT ? -1 : (high << 4) | low
}
