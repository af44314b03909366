/** Spans that somebody waited for in vain, so that a row that comes after all counts as late. */
import { ID_WORDS, IdLog, NONE } from './id_log.ts'
import { isAfter } from './moments.ts'

export class MissedSpans {
  /** Stamped with until when they are remembered, in milliseconds; earliest first. */
  readonly #spans = new IdLog(ID_WORDS)
  max: number

  /** @param max spans; beyond, the earliest go */
  constructor(max: number) {
    this.max = max
  }

  get size(): number {
    return this.#spans.size
  }

  add(lo: number, hi: number, untilMs: number): void {
    this.take(lo, hi)
    const place = this.#spans.append(lo, hi, lo)
    this.#spans.stamps[place] = untilMs
    while (this.size > this.max) this.#spans.remove(this.#spans.oldest)
  }

  /** Whether the span was missed, and forgets it. */
  take(lo: number, hi: number): boolean {
    if (this.#spans.size === 0) return false
    const place = this.#spans.find(lo, hi, lo)
    if (place !== NONE) this.#spans.remove(place)
    return place !== NONE
  }

  expire(now: number): void {
    const spans = this.#spans
    while (spans.size > this.max) spans.remove(spans.oldest)
    for (let place = spans.oldest; place !== NONE; place = spans.oldest) {
      if (isAfter(spans.stamps[place] as number, now)) return
      spans.remove(place)
    }
  }
}
