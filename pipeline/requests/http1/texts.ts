/**
 * Texts of bytes that come again and again: targets and hosts. To find one by its bytes costs a
 * fraction of making it anew and hashing it for each table that it is looked up in later.
 *
 * One place for each hash, and the latest text has it: bounded at 2 MB, and nothing to evict.
 */
import { viewOf } from './bytes.ts'

export const PLACES = 4096
/** Longer ones are seldom repeated. */
const BYTES_MAX = 256

const PRIME = 0x01000193

const texts: string[] = new Array(PLACES).fill('')
const lengths = new Uint16Array(PLACES)
/** The bytes of each, to be compared by words: of those with a place. */
const kept = Buffer.alloc(PLACES * BYTES_MAX)
const keptView = new DataView(kept.buffer, kept.byteOffset, kept.byteLength)

/** `bytes[at … to)` as Latin-1. */
export function textOf(bytes: Buffer, at: number, to: number): string {
  const place = placeOf(bytes, at, to)
  return place < 0 ? bytes.toString('latin1', at, to) : (texts[place] as string)
}

/** Where the text of `bytes[at … to)` is kept, which is until the next call; -1: it is too long. */
export function placeOf(bytes: Buffer, at: number, to: number): number {
  const length = to - at
  if (length > BYTES_MAX) return -1
  const view = viewOf(bytes)
  const place = hashOf(view, at, to) & (PLACES - 1)
  if (lengths[place] === length && isKept(place * BYTES_MAX, view, at, to)) return place
  const from = place * BYTES_MAX
  bytes.copy(kept, from, at, to)
  lengths[place] = length
  texts[place] = kept.toString('latin1', from, from + length)
  return place
}

/** @param place of placeOf() */
export function textAt(place: number): string {
  return texts[place] as string
}

/** Of two words at a time, so that one need not wait for the other; the last may overlap. */
function hashOf(view: DataView, at: number, to: number): number {
  if (to - at < 8) return hashOfFew(view, at, to)
  let even = to - at
  let odd = 0
  const last = to - 8
  for (let i = at; i < last; i += 8) {
    even = Math.imul(even ^ view.getInt32(i, true), PRIME)
    odd = Math.imul(odd ^ view.getInt32(i + 4, true), PRIME)
  }
  even = Math.imul(even ^ view.getInt32(last, true), PRIME)
  odd = Math.imul(odd ^ view.getInt32(last + 4, true), PRIME)
  return mixed(even ^ (odd >>> 13) ^ (odd << 19))
}

function hashOfFew(view: DataView, at: number, to: number): number {
  let hash = to - at
  for (let i = at; i < to; i++) hash = Math.imul(hash ^ view.getUint8(i), PRIME)
  return mixed(hash)
}

/** A product's low bits know nothing of its factors' high ones. */
function mixed(hash: number): number {
  const mixed = Math.imul(hash ^ (hash >>> 16), 0x45d9f3b)
  return mixed ^ (mixed >>> 15)
}

/** Whether the same bytes are kept from `from` on; by words, of which the last may overlap. */
function isKept(from: number, view: DataView, at: number, to: number): boolean {
  const behind = from - at
  const last = to - 4
  if (last < at) {
    for (let i = at; i < to; i++) if (view.getUint8(i) !== kept[behind + i]) return false
    return true
  }
  for (let i = at; i < last; i += 4) {
    if (view.getInt32(i, true) !== keptView.getInt32(behind + i, true)) return false
  }
  return view.getInt32(last, true) === keptView.getInt32(behind + last, true)
}
