/**
 * The `traceparent` field (W3C Trace Context §3.2.2).
 *
 *     version "-" trace-id "-" parent-id "-" trace-flags    2, 32, 16 and 2 lower-case hex digits
 *
 * Version ff is invalid; versions above 00 may have more behind the flags, after another `-`.
 */

const DASH = 45
const LENGTH = 55

/**
 * Writes trace id (4 words), parent id (2 words), low word first, and flags at `out[0..6]`, and
 * says whether the field is valid; otherwise `out` holds nothing of meaning.
 */
export function parseTraceparent(out: Uint32Array, bytes: Buffer, at: number, to: number): boolean {
  const length = to - at
  if (length < LENGTH) return false
  if (bytes[at + 2] !== DASH || bytes[at + 35] !== DASH || bytes[at + 52] !== DASH) return false
  const version = hex(bytes, at, 2)
  if (version < 0 || version === 0xff) return false
  if (length > LENGTH && (version === 0 || bytes[at + LENGTH] !== DASH)) return false
  for (let word = 0; word < 6; word++) {
    const from = word < 4 ? at + 27 - 8 * word : at + 44 - 8 * (word - 4)
    const value = hex(bytes, from, 8)
    if (value < 0) return false
    out[word] = value
  }
  const flags = hex(bytes, at + 53, 2)
  if (flags < 0) return false
  out[6] = flags
  const traceId = (out[0] as number) | (out[1] as number) | (out[2] as number) | (out[3] as number)
  return traceId !== 0 && ((out[4] as number) | (out[5] as number)) !== 0
}

/** The number that `digits` lower-case hex digits make, or -1. */
function hex(bytes: Buffer, at: number, digits: number): number {
  let value = 0
  for (let i = at; i < at + digits; i++) {
    const byte = bytes[i] as number
    const digit = byte >= 48 && byte <= 57 ? byte - 48 : byte >= 97 && byte <= 102 ? byte - 87 : -1
    if (digit < 0) return -1
    value = value * 16 + digit
  }
  return value
}
