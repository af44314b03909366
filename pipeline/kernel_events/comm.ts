/**
 * Names of tasks in records: up to 15 bytes and a NUL. A host has few, and each connection has one,
 * so they are kept by their bytes.
 */

/** A power of two. */
const KEPT_MAX = 256
const BYTES = 16
const WORDS = BYTES / 4

const names: (string | undefined)[] = Array.from({ length: KEPT_MAX })
const bytesOfNames = new Int32Array(KEPT_MAX * WORDS)
const utf8 = new TextDecoder()

export function commOf(view: DataView, at: number): string {
  const a = view.getInt32(at, true)
  const b = view.getInt32(at + 4, true)
  const c = view.getInt32(at + 8, true)
  const d = view.getInt32(at + 12, true)
  const place = placeOf(a ^ Math.imul(b, 3) ^ Math.imul(c, 5) ^ Math.imul(d, 7))
  const first = place * WORDS
  const known = names[place]
  if (
    known !== undefined &&
    bytesOfNames[first] === a &&
    bytesOfNames[first + 1] === b &&
    bytesOfNames[first + 2] === c &&
    bytesOfNames[first + 3] === d
  ) {
    return known
  }
  const name = decode(view, at)
  bytesOfNames[first] = a
  bytesOfNames[first + 1] = b
  bytesOfNames[first + 2] = c
  bytesOfNames[first + 3] = d
  names[place] = name
  return name
}

function placeOf(mixed: number): number {
  return (Math.imul(mixed, 0x9e37_79b1) >>> 16) & (KEPT_MAX - 1)
}

function decode(view: DataView, at: number): string {
  const bytes = new Uint8Array(view.buffer, view.byteOffset + at, BYTES)
  const nul = bytes.indexOf(0)
  return utf8.decode(nul < 0 ? bytes : bytes.subarray(0, nul))
}
