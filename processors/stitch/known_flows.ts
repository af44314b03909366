/**
 * Flows of which something was seen from the client's end, so that the CLIENT row of a request on
 * them can be expected. There is none with the id 0. They are found by the lower half of it, which
 * is a hash.
 */
import { ID_WORDS, IdLog, NONE } from './id_log.ts'
import { isAfter } from './moments.ts'

export class KnownFlows {
  /** Stamped with whether they were seen since they were looked at. */
  readonly #open = new IdLog(ID_WORDS)
  /** Stamped with until when they are known, in milliseconds; the first to be forgotten first. */
  readonly #closed = new IdLog(ID_WORDS)
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
    return this.#open.find(lo, hi, lo) !== NONE || this.#closed.find(lo, hi, lo) !== NONE
  }

  /** A row of the client's end was seen. A closed flow stays closed. */
  seen(lo: number, hi: number): void {
    const open = this.#open
    const place = open.find(lo, hi, lo)
    if (place !== NONE) {
      // Mostly it is, and what is not written need not be written back.
      if (open.stamps[place] === 0) open.stamps[place] = 1
      return
    }
    if ((lo === 0 && hi === 0) || this.#closed.find(lo, hi, lo) !== NONE) return
    // Room before it is there: not seen again so far, it would be the first to go.
    while (open.size >= this.#max) this.#forgetOpen()
    open.append(lo, hi, lo)
  }

  /** The client's end was closed; it stays known until then. */
  closed(lo: number, hi: number, untilMs: number): void {
    if (lo === 0 && hi === 0) return
    removeFrom(this.#open, lo, hi)
    removeFrom(this.#closed, lo, hi)
    const place = this.#closed.append(lo, hi, lo)
    this.#closed.stamps[place] = untilMs
    this.#shrink()
  }

  expire(now: number): void {
    const closed = this.#closed
    for (let place = closed.oldest; place !== NONE; place = closed.oldest) {
      if (isAfter(closed.stamps[place] as number, now)) return
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
    while (open.stamps[place] === 1) {
      open.stamps[place] = 0
      open.renew(place)
      place = open.oldest
    }
    open.remove(place)
  }
}

function removeFrom(log: IdLog, lo: number, hi: number): void {
  const place = log.find(lo, hi, lo)
  if (place !== NONE) log.remove(place)
}
