/**
 * Gives bytes that come again and again a place: the same as long as they have it. One place for
 * each hash, and the latest bytes have it: bounded at 1 MB, and nothing to evict.
 */
import { viewOf } from './bytes.ts'

const COUNT = 4096
/** Longer ones are seldom repeated. */
export const BYTES_MAX = 256
const PRIME = 0x01000193
/** Of a place that nothing has. */
const NOTHING = 0xffff

export class Places {
  static readonly count = COUNT
  /** The last bytes have only now got their place. */
  isNew = false
  readonly #lengths = new Uint16Array(COUNT).fill(NOTHING)
  readonly #view = new DataView(new ArrayBuffer(COUNT * BYTES_MAX))

  /** The place of `bytes[at … to)`; -1: they are too long for one. */
  of(bytes: Buffer, at: number, to: number): number {
    this.isNew = false
    const length = to - at
    if (length > BYTES_MAX) return -1
    const view = viewOf(bytes)
    const place = hashOf(view, at, to) & (COUNT - 1)
    if (this.#lengths[place] === length && this.#has(place, view, at, to)) return place
    this.#keep(place, view, at, to)
    this.#lengths[place] = length
    this.isNew = true
    return place
  }

  /** Nothing has the place any more. */
  clear(place: number): void {
    this.#lengths[place] = NOTHING
  }

  /** By words, which for few bytes costs less than a call of `copy`. */
  #keep(place: number, view: DataView, at: number, to: number): void {
    const kept = this.#view
    const behind = place * BYTES_MAX - at
    let i = at
    for (const last = to - 4; i <= last; i += 4) {
      kept.setInt32(behind + i, view.getInt32(i, true), true)
    }
    for (; i < to; i++) kept.setUint8(behind + i, view.getUint8(i))
  }

  /** Whether the place is of the same bytes; by words, of which the last may overlap. */
  #has(place: number, view: DataView, at: number, to: number): boolean {
    const kept = this.#view
    const behind = place * BYTES_MAX - at
    const last = to - 4
    if (last < at) {
      for (let i = at; i < to; i++) if (view.getUint8(i) !== kept.getUint8(behind + i)) return false
      return true
    }
    for (let i = at; i < last; i += 4) {
      if (view.getInt32(i, true) !== kept.getInt32(behind + i, true)) return false
    }
    return view.getInt32(last, true) === kept.getInt32(behind + last, true)
  }
}

/** Of two words at a time, so that one need not wait for the other; the last may overlap. */
export function hashOf(view: DataView, at: number, to: number): number {
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
