/**
 * Hands batches to the next component, in order and one at a time, for a component that cannot give
 * them back to whoever sent them. What is refused for now waits here and is offered again: who
 * fills the outbox looks at `held`, and stops in time.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Consumer, Signal, SignalData } from './component.ts'
import { itemsOf } from './data.ts'
import type { Ledger } from './ledger.ts'
import type { Outcome } from './outcome.ts'

const RETRY_MS = 100
/** How long `close` goes on offering what is refused, where it is given no deadline. */
const CLOSE_MS = 5000

export class Outbox<S extends Signal> {
  readonly #next: Consumer<S>
  readonly #ledger: Ledger
  readonly #queue: SignalData[S][] = []
  #held = 0
  /** An answer that is awaited, and the items that it is about. */
  #busy: Promise<void> | undefined
  #busyItems = 0
  #isClosed = false
  /** Runs until the first batch may be offered again. */
  #timer: NodeJS.Timeout | undefined

  constructor(next: Consumer<S>, ledger: Ledger) {
    this.#next = next
    this.#ledger = ledger
  }

  /** Items not yet taken by `next`. */
  get held(): number {
    return this.#held
  }

  send(data: SignalData[S]): void {
    this.#queue.push(data)
    this.#held += itemsOf(data)
    this.#pump()
  }

  /** Hands over everything until the deadline, and counts the rest as lost. Safe twice. */
  async close(deadline: AbortSignal = AbortSignal.timeout(CLOSE_MS)): Promise<void> {
    const { promise: over, resolve } = Promise.withResolvers<void>()
    if (deadline.aborted) resolve()
    else deadline.addEventListener('abort', () => resolve(), { once: true })
    while (this.#queue.length > 0) {
      this.#stopTimer()
      this.#pump()
      if (deadline.aborted) break
      if (this.#busy !== undefined) await Promise.race([this.#busy, over])
      else if (this.#queue.length > 0) await Promise.race([sleep(RETRY_MS), over])
    }
    this.#stopTimer()
    this.#isClosed = true
    // What is being looked at may still be taken: its answer decides.
    this.#ledger.lost('refused_until_shutdown', this.#held - this.#busyItems)
    this.#queue.length = this.#busy === undefined ? 0 : 1
    this.#held = this.#busyItems
  }

  /** Offers what waits, until something is refused or takes its time. */
  #pump(): void {
    while (this.#busy === undefined && this.#timer === undefined && !this.#isClosed) {
      const data = this.#queue[0]
      if (data === undefined) return
      const items = itemsOf(data)
      const outcome = this.#next.consume(data)
      if (outcome instanceof Promise) {
        this.#busyItems = items
        this.#busy = this.#wait(outcome, items)
      } else this.#settle(outcome, items)
    }
  }

  async #wait(outcome: Promise<Outcome>, items: number): Promise<void> {
    const settled = await outcome
    this.#busy = undefined
    this.#busyItems = 0
    this.#settle(settled, items)
    this.#pump()
  }

  /** `items` is what was offered: a batch that was taken is not ours to look at any more. */
  #settle(outcome: Outcome, items: number): void {
    if (outcome.kind === 'retryable' && !this.#isClosed) {
      this.#ledger.note('refused_for_now', items)
      this.#timer = setTimeout(() => {
        this.#timer = undefined
        this.#pump()
      }, outcome.afterMs ?? RETRY_MS)
      return
    }
    if (outcome.kind !== 'ok') {
      const why = outcome.kind === 'permanent' ? 'refused' : 'refused_until_shutdown'
      this.#ledger.lost(why, items, { detail: outcome.reason })
    }
    this.#queue.shift()
    this.#held -= items
  }

  #stopTimer(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }
}
