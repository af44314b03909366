/**
 * The two ends of an edge, where the books are kept: `Outlet` counts what its giver has handed
 * over, `Inlet` what its taker has taken. Data that is refused appears in neither; it is noted.
 *
 *     giver ──▶ Outlet ──▶ [FanOut] ──▶ Inlet ──▶ taker
 *
 * Both belong to their component and go with it into the graph of the next configuration; what is
 * between them belongs to the graph, so an outlet is pointed elsewhere when the graph is exchanged.
 */
import type { Consumer, Signal, SignalData } from '../component.ts'
import { itemsOf } from '../data.ts'
import type { Ledger } from '../ledger.ts'
import type { Outcome, Permanent, Retryable } from '../outcome.ts'
import { LateAnswers } from './late.ts'

/** Calls `settle` with the outcome, at once when it is there at once. */
export function settled(
  outcome: Outcome | Promise<Outcome>,
  settle: (outcome: Outcome) => void,
): Outcome | Promise<Outcome> {
  if (outcome instanceof Promise) {
    return outcome.then((later) => {
      settle(later)
      return later
    })
  }
  settle(outcome)
  return outcome
}

export class Outlet implements Consumer {
  readonly #count: (items: number) => void
  #next: Consumer

  /** @param count notes items that the taker has taken */
  constructor(next: Consumer, count: (items: number) => void) {
    this.#next = next
    this.#count = count
  }

  /** Asked each time: what stands behind may change. */
  get mutates(): boolean {
    return this.#next.mutates
  }

  get borrows(): boolean {
    return this.#next.borrows === true
  }

  /** From now on the giver's data goes there. What was handed over before is not called back. */
  pointTo(next: Consumer): void {
    this.#next = next
  }

  consume(data: SignalData[Signal]): Outcome | Promise<Outcome> {
    // Counted before the call, for afterwards the data is the taker's.
    const items = itemsOf(data)
    return settled(this.#next.consume(data), (outcome) => {
      if (outcome.kind === 'ok') this.#count(items)
    })
  }

  refusal(): Retryable | undefined {
    return this.#next.refusal?.()
  }
}

export class Inlet implements Consumer {
  readonly late: LateAnswers
  readonly #taker: Consumer
  readonly #ledger: Ledger
  readonly #behind: Consumer | undefined

  /** @param of.behind where a processor passes the same data on */
  constructor(taker: Consumer, of: { ledger: Ledger; behind?: Consumer | undefined }) {
    this.#taker = taker
    this.#ledger = of.ledger
    this.#behind = of.behind
    this.late = new LateAnswers(of.ledger)
  }

  /** Whether the taker changes the data, or anything that it passes the same data on to. */
  get mutates(): boolean {
    return this.#taker.mutates || this.#behind?.mutates === true
  }

  /** What passes the data on keeps it, as far as it knows. */
  get borrows(): boolean {
    return this.#taker.borrows === true
  }

  consume(data: SignalData[Signal]): Outcome | Promise<Outcome> {
    const items = itemsOf(data)
    return settled(this.#taker.consume(data), (outcome) => {
      if (outcome.kind === 'ok') this.#ledger.in += items
      else this.#ledger.note('refused', items)
    })
  }

  refusal(): Retryable | undefined {
    return this.#taker.refusal?.() ?? this.#behind?.refusal?.()
  }

  /** Others have taken the data and it will not be offered again: the taker's copy is lost. */
  lose(items: number, refusal: Retryable | Permanent): void {
    this.#ledger.in += items
    this.#ledger.lost('refused', items, { refusal: refusal.reason })
  }
}
