/**
 * The spans that are settled, with all that a child or a further row of theirs takes from them.
 * They are most of what stitch remembers, so they are small, and forgotten in order.
 */
import { IdLog, NONE } from './id_log.ts'
import { RECORD_WORDS, TIME } from './record.ts'

export class SettledSpans {
  /** In order of their last row: a record each, whose span id is the entry's. */
  readonly #log = new IdLog(RECORD_WORDS)

  get size(): number {
    return this.#log.size
  }

  /** A record a span: see record.ts. Replaced, and moved, by `reserve`, `add` and `renew`. */
  get words(): Uint32Array {
    return this.#log.words
  }

  /** Index in `words` of a span's record, or NONE. */
  find(lo: number, hi: number): number {
    return at(this.#log.find(lo, hi))
  }

  /** The one whose last row is the oldest, or NONE. */
  get oldest(): number {
    return at(this.#log.oldest)
  }

  /** Sees to it that the next `add` moves no record. */
  reserve(): void {
    this.#log.reserve()
  }

  /** A new one, whose last row comes now: 0 but for id and time. */
  add(lo: number, hi: number, now: number): number {
    const record = at(this.#log.append(lo, hi))
    this.#log.words[record + TIME] = now
    return record
  }

  /** Another row of it has come. Gives where its record is now. */
  renew(record: number, now: number): number {
    const renewed = at(this.#log.renew(record / RECORD_WORDS))
    this.#log.words[renewed + TIME] = now
    return renewed
  }

  remove(record: number): void {
    this.#log.remove(record / RECORD_WORDS)
  }

  /** How long ago its last row came. */
  age(record: number, now: number): number {
    return (now - (this.#log.words[record + TIME] as number)) >>> 0
  }
}

function at(place: number): number {
  return place === NONE ? NONE : place * RECORD_WORDS
}
