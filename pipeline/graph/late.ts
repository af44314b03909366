/**
 * What one taker was handed although it had not answered yet, because somebody else had taken the
 * same data and its giver was not to wait any longer (see fanout.ts).
 *
 * It belongs to the taker and to the way into it, not to a fan-out: a taker that is behind for one
 * giver is so for all, and stays so when a reload gives the graph other edges.
 */
import type { Ledger } from '../ledger.ts'
import type { Outcome } from '../outcome.ts'

/** More is not offered to a taker that is behind; what would have been is lost there. */
const OFFERS_MAX = 64
const BYTES_MAX = 16 * 1024 * 1024

export interface Size {
  readonly items: number
  readonly bytes: number
}

export class LateAnswers {
  readonly #ledger: Ledger
  readonly #roomListeners = new Set<() => void>()
  #offers = 0
  #bytes = 0

  constructor(ledger: Ledger) {
    this.#ledger = ledger
  }

  /** The taker owes an answer that nobody waits for. */
  get any(): boolean {
    return this.#offers > 0
  }

  get hasRoom(): boolean {
    return this.#offers < OFFERS_MAX && this.#bytes < BYTES_MAX
  }

  /** The data is the taker's from now on, whatever it answers: a refusal is its loss. */
  add(answer: Promise<Outcome>, { items, bytes }: Size): void {
    this.#offers++
    this.#bytes += bytes
    this.#ledger.unanswered += items
    void answer.then((outcome) => {
      this.#offers--
      this.#bytes -= bytes
      this.#ledger.unanswered -= items
      // What was taken the way in has counted already.
      if (outcome.kind !== 'ok') {
        this.#ledger.in += items
        this.#ledger.lost('refused', items, { refusal: outcome.reason })
      }
      if (this.hasRoom) for (const listener of [...this.#roomListeners]) listener()
    })
  }

  /** Calls `listener` each time that there is room, until the function it gives is called. */
  onRoom(listener: () => void): () => void {
    this.#roomListeners.add(listener)
    return () => this.#roomListeners.delete(listener)
  }
}
