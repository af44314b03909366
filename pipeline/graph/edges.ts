/**
 * The two ends of an edge, where the books are kept: `Outlet` counts what its giver has handed
 * over, `Inlet` what its taker has taken. Data that is refused appears in neither; it is noted.
 *
 *     giver ──▶ Outlet ──▶ [FanOut] ──▶ Inlet ──▶ taker
 */
import type { Consumer, Signal, SignalData } from '../component.ts'
import { itemsOf } from '../data.ts'
import type { Ledger } from '../ledger.ts'
import type { Outcome, Permanent, Retryable } from '../outcome.ts'

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

/** One of the takers of a fan-out. */
export interface Branch extends Consumer {
  /**
   * The giver will not offer this data again, as others have taken it: the copy that was meant for
   * this branch is lost here.
   */
  lose(items: number, refusal: Retryable | Permanent): void
}

export class Outlet implements Consumer {
  readonly mutates: boolean
  readonly #next: Consumer
  readonly #count: (items: number) => void

  /** @param count notes items that the taker has taken */
  constructor(next: Consumer, count: (items: number) => void) {
    this.mutates = next.mutates
    this.#next = next
    this.#count = count
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

export class Inlet implements Branch {
  readonly mutates: boolean
  readonly #taker: Consumer
  readonly #ledger: Ledger
  readonly #behind: Consumer | undefined

  /**
   * @param of.mutates whether the taker, or anything that it passes the same data on to, does
   * @param of.behind where a processor passes the same data on
   */
  constructor(
    taker: Consumer,
    of: { ledger: Ledger; mutates: boolean; behind?: Consumer | undefined },
  ) {
    this.mutates = of.mutates
    this.#taker = taker
    this.#ledger = of.ledger
    this.#behind = of.behind
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

  lose(items: number, refusal: Retryable | Permanent): void {
    this.#ledger.in += items
    this.#ledger.lost('refused', items, { refusal: refusal.reason })
  }
}
