/**
 * The spans that are settled, with all that a child or a further row of theirs takes from them.
 * They are most of what stitch remembers, so they are small, and forgotten in order. Both ends of
 * a request are found by its number, as they are looked for together.
 */
import { IdLog, NONE } from './id_log.ts'
import { RECORD_WORDS } from './record.ts'

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

  /** Index in `words` of a span's record, or NONE. `request`: the RequestHash's number. */
  find(lo: number, hi: number, request: number): number {
    return at(this.#log.find(lo, hi, request))
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

  remove(record: number): void {
    this.#log.remove(record / RECORD_WORDS)
  }

  /** How long ago its last row came. */
  age(record: number, now: number): number {
    return (now - (this.#log.stamps[record / RECORD_WORDS] as number)) >>> 0
  }
}

function at(place: number): number {
  return place === NONE ? NONE : place * RECORD_WORDS
}
