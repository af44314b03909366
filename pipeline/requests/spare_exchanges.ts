/**
 * Exchanges that have ended and that nobody knows any more, to become others: a new one for each
 * request was half of all that was allocated, and took a dozen cache lines that had not been used
 * for long, where the last one's are at hand.
 *
 *     open ── end, if the parser forgets it ──▶ ended ── the piece is handled ──▶ isForgotten
 *       ▲                                                       │ no call names it
 *       └───────── another begins ──────── spare ◀──────────────┘
 *
 * Whoever handles a piece may look at what it has ended, so nothing becomes another before that is
 * over. A call names its cause in its row, so a cause is kept for as long as a call of it is open.
 * What a thread has turned to may have ended long since: turns.ts knows it by its serial.
 */
import type { Exchange } from './exchange.ts'

/** Of a burst; each may keep a connection in memory that has ended. */
const SPARE_MAX = 256

export class SpareExchanges {
  readonly #ended: Exchange[] = []
  readonly #spare: Exchange[] = []

  take(): Exchange | undefined {
    return this.#spare.pop()
  }

  /** It has ended, its row is made, and its connection and parser do not know it any more. */
  ended(exchange: Exchange): void {
    this.#ended.push(exchange)
  }

  /** A piece was handled. */
  settle(): void {
    for (let last = this.#ended.pop(); last !== undefined; last = this.#ended.pop()) {
      const { cause } = last
      if (cause !== undefined) {
        last.cause = undefined
        cause.named--
        if (cause.isForgotten) this.#keep(cause)
      }
      last.isForgotten = true
      this.#keep(last)
    }
  }

  #keep(exchange: Exchange): void {
    if (exchange.named === 0 && this.#spare.length < SPARE_MAX) this.#spare.push(exchange)
  }
}
