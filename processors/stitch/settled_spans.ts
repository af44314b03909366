/**
 * The spans that are settled, with all that a child or a further row of theirs takes from them.
 * They are most of what stitch remembers, so they are small, and forgotten in order. Both ends of
 * a request are found by its number, as they are looked for together.
 *
 * Where both come at once, as on the host of both, there is one record of them: the SERVER's is
 * the CLIENT's child, so but for its id, which a hash tells, all is known.
 */
import { LINK_METHOD } from '../../pipeline/flows/schema.ts'
import { IdLog, NONE } from './id_log.ts'
import {
  copyWords,
  FLAG,
  METHOD,
  OTHER_SPAN_ID,
  OTHER_TRACE_ID,
  PARENT_ID,
  RECORD_WORDS,
  SPAN_ID,
  TRACE_ID,
} from './record.ts'

export class SettledSpans {
  /** In order of their last row: a record each, whose span id is the entry's. */
  readonly #log = new IdLog(RECORD_WORDS)
  /** The record that `asServer` has made. */
  readonly server = new Int32Array(RECORD_WORDS)

  /** Records: one that stands for both ends of a request counts once. */
  get size(): number {
    return this.#log.size
  }

  /** A record a span: see record.ts. Replaced, and moved, by `reserve`, `add` and `renew`. */
  get words(): Int32Array {
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

  /** A new one, whose last row comes now: all but its id is still to be written. */
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

  removeOldest(): void {
    this.#log.remove(this.#log.oldest)
  }

  /** How long ago its last row came. */
  age(record: number, now: number): number {
    return (now - (this.#log.stamps[record / RECORD_WORDS] as number)) >>> 0
  }

  /** Whether a CLIENT's record stands for the SERVER's span. */
  hasServer(client: number): boolean {
    return ((this.words[client + METHOD] as number) & FLAG.server) !== 0
  }

  /** Whether it could, of one that comes now: as far as its record says all but the traceparent. */
  hasRoomForServer(client: number, now: number): boolean {
    const flags = (this.words[client + METHOD] as number) & (FLAG.candidate | FLAG.unheard)
    return flags === 0 && this.#log.stamps[client / RECORD_WORDS] === now
  }

  /** Notes that it does from now on. */
  addServer(client: number): void {
    this.words[client + METHOD] = (this.words[client + METHOD] as number) | FLAG.server
  }

  /** Makes the SERVER's record, with this id, of the CLIENT's: good until the next call. */
  asServer(client: number, id: Int32Array): Int32Array {
    const { server, words: from } = this
    server[SPAN_ID] = id[0] as number
    server[SPAN_ID + 1] = id[1] as number
    copyWords(server, TRACE_ID, { from, first: client + TRACE_ID, count: 4 })
    copyWords(server, PARENT_ID, { from, first: client + SPAN_ID, count: 2 })
    copyWords(server, OTHER_TRACE_ID, { from, first: client + OTHER_TRACE_ID, count: 4 })
    copyWords(server, OTHER_SPAN_ID, { from, first: client + OTHER_SPAN_ID, count: 2 })
    server[METHOD] = LINK_METHOD.identity
    return server
  }
}

function at(place: number): number {
  return place === NONE ? NONE : place * RECORD_WORDS
}
