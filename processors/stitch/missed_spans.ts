/**
 * Spans that somebody waited for in vain, so that a row that comes after all is known to be late.
 * Keys are 53 bits of the span id, itself a hash.
 */
export class MissedSpans {
  /** With the time until when they are remembered, earliest first. */
  readonly #until = new Map<number, number>()
  max: number

  /** @param max spans; beyond, the earliest go */
  constructor(max: number) {
    this.max = max
  }

  get size(): number {
    return this.#until.size
  }

  add(lo: number, hi: number, untilMs: number): void {
    const span = keyOf(lo, hi)
    this.#until.delete(span)
    this.#until.set(span, untilMs)
    this.#forget(Number.NEGATIVE_INFINITY)
  }

  /** Whether the span was missed, and forgets it. */
  take(lo: number, hi: number): boolean {
    return this.#until.size > 0 && this.#until.delete(keyOf(lo, hi))
  }

  expire(now: number): void {
    this.#forget(now)
  }

  #forget(now: number): void {
    for (const [span, until] of this.#until) {
      if (until > now && this.#until.size <= this.max) return
      this.#until.delete(span)
    }
  }
}

function keyOf(lo: number, hi: number): number {
  return (hi & 0x1fffff) * 4_294_967_296 + lo
}
