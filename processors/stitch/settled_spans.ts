/**
 * The spans that are settled, with all that a child or a further row of theirs takes from them.
 * They are most of what stitch remembers, so they are small, and forgotten in order. Both ends of
 * a request are found by its number, as they are looked for together.
 */
import { IdLog, NONE } from './id_log.ts'
import { RECORD_WORDS } from './record.ts'

/** Fetched at a time. */
const TOUCHED = 32

export class SettledSpans {
  /** In order of their last row: a record each, whose span id is the entry's. */
  readonly #log = new IdLog(RECORD_WORDS)
  /** Of the oldest, how many have been looked at to be forgotten. */
  #touched = 0

  get size(): number {
    return this.#log.size
  }

  /** A record a span: see record.ts. Replaced, and moved, by `reserve`, `add` and `renew`. */
  get words(): Uint32Array {
    return this.#log.words
  }

  /** Index in `words` of a span's record, or NONE. `request`: the RequestHash's number. */
  find(lo: number, hi: number, request: number): number {
    return at(this.#log.find(lo, hi, request))
  }

  /** Both ends of requests of these numbers are looked for, or added, next. */
  touch(numbers: Int32Array, count: number): void {
    this.#log.touch(numbers, count)
  }

  /** The one whose last row is the oldest, or NONE. */
  get oldest(): number {
    return at(this.#log.oldest)
  }

  /** Sees to it that the next `add` moves no record. */
  reserve(): void {
    this.#log.reserve()
  }

  /** A new one, whose last row comes now: 0 but for its id. */
  add(lo: number, hi: number, { request, now }: { request: number; now: number }): number {
    const place = this.#log.append(lo, hi, request)
    this.#log.stamps[place] = now
    return at(place)
  }

  /** Another row of it has come. Gives where its record is now. */
  renew(record: number, now: number): number {
    const renewed = this.#log.renew(record / RECORD_WORDS)
    this.#log.stamps[renewed] = now
    return at(renewed)
  }

  /** Forgets the oldest, which others are likely to follow. */
  removeOldest(): void {
    if (this.#touched === 0) {
      this.#touched = Math.min(TOUCHED, this.#log.size)
      this.#log.touchOldest(this.#touched)
    }
    this.#touched--
    this.#log.remove(this.#log.oldest)
  }

  /** How long ago its last row came. */
  age(record: number, now: number): number {
    return (now - (this.#log.stamps[record / RECORD_WORDS] as number)) >>> 0
  }
}

function at(place: number): number {
  return place === NONE ? NONE : place * RECORD_WORDS
}
