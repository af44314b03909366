/**
 * Flows of which something was seen from the client's end, so that the CLIENT row of a request on
 * them can be expected.
 *
 * Keys are 53 bits of the flow id, itself a hash: two flows that share them cost a needless wait,
 * once in 2^53 / flows.
 */
export class KnownFlows {
  readonly #open = new Map<number, true>()
  /** With the time until when they are known, earliest first. */
  readonly #closed = new Map<number, number>()
  #max: number

  /** @param max flows known at once, open and closed each; beyond, the longest unseen go */
  constructor(max: number) {
    this.#max = max
  }

  set max(max: number) {
    this.#max = max
    while (this.#open.size > max) forgetFirst(this.#open)
    while (this.#closed.size > max) forgetFirst(this.#closed)
  }

  get size(): number {
    return this.#open.size + this.#closed.size
  }

  has(lo: number, hi: number): boolean {
    const flow = keyOf(lo, hi)
    return this.#open.has(flow) || this.#closed.has(flow)
  }

  /** A row of the client's end was seen. A closed flow stays closed. */
  seen(lo: number, hi: number): void {
    const flow = keyOf(lo, hi)
    if (this.#closed.has(flow)) return
    this.#open.delete(flow)
    this.#open.set(flow, true)
    if (this.#open.size > this.#max) forgetFirst(this.#open)
  }

  /** The client's end was closed; it stays known until then. */
  closed(lo: number, hi: number, untilMs: number): void {
    const flow = keyOf(lo, hi)
    this.#open.delete(flow)
    this.#closed.delete(flow)
    this.#closed.set(flow, untilMs)
    if (this.#closed.size > this.#max) forgetFirst(this.#closed)
  }

  expire(now: number): void {
    for (const [flow, until] of this.#closed) {
      if (until > now) return
      this.#closed.delete(flow)
    }
  }
}

function keyOf(lo: number, hi: number): number {
  return (hi & 0x1fffff) * 4_294_967_296 + lo
}

function forgetFirst(map: Map<number, unknown>): void {
  for (const key of map.keys()) {
    map.delete(key)
    return
  }
}
