/**
 * Flows of which something was seen from the client's end, so that the CLIENT row of a request on
 * them can be expected. There is none with the id 0.
 */
import { IdLog, NONE } from './id_log.ts'
import { isAfter } from './moments.ts'

/** Words of an entry: the id, and of an open flow whether it was seen since it was looked at. */
const WORDS = 3
const SEEN = 2
/** Of a closed one: until when it is known, in milliseconds. */
const UNTIL = 2

export class KnownFlows {
  readonly #open = new IdLog(WORDS)
  /** Those that are known for the shortest first. */
  readonly #closed = new IdLog(WORDS)
  #max: number

  /** @param max flows known at once, open and closed each; beyond, the longest unseen go */
  constructor(max: number) {
    this.#max = max
  }

  set max(max: number) {
    this.#max = max
    this.#shrink()
  }

  get size(): number {
    return this.#open.size + this.#closed.size
  }

  has(lo: number, hi: number): boolean {
    return this.#open.find(lo, hi) !== NONE || this.#closed.find(lo, hi) !== NONE
  }

  /** A row of the client's end was seen. A closed flow stays closed. */
  seen(lo: number, hi: number): void {
    const open = this.#open
    const place = open.find(lo, hi)
    if (place !== NONE) {
      open.words[place * WORDS + SEEN] = 1
      return
    }
    if ((lo === 0 && hi === 0) || this.#closed.find(lo, hi) !== NONE) return
    open.append(lo, hi)
    this.#shrink()
  }

  /** The client's end was closed; it stays known until then. */
  closed(lo: number, hi: number, untilMs: number): void {
    if (lo === 0 && hi === 0) return
    removeFrom(this.#open, lo, hi)
    removeFrom(this.#closed, lo, hi)
    const place = this.#closed.append(lo, hi)
    this.#closed.words[place * WORDS + UNTIL] = untilMs
    this.#shrink()
  }

  expire(now: number): void {
    const closed = this.#closed
    for (let place = closed.oldest; place !== NONE; place = closed.oldest) {
      if (isAfter(closed.words[place * WORDS + UNTIL] as number, now)) return
      closed.remove(place)
    }
  }

  #shrink(): void {
    while (this.#open.size > this.#max) this.#forgetOpen()
    while (this.#closed.size > this.#max) this.#closed.remove(this.#closed.oldest)
  }

  /** One that was seen while it grew old is looked at once more before it goes. */
  #forgetOpen(): void {
    const open = this.#open
    let place = open.oldest
    while (open.words[place * WORDS + SEEN] === 1) {
      open.words[place * WORDS + SEEN] = 0
      open.renew(place)
      place = open.oldest
    }
    open.remove(place)
  }
}

function removeFrom(log: IdLog, lo: number, hi: number): void {
  const place = log.find(lo, hi)
  if (place !== NONE) log.remove(place)
}
