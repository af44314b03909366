/**
 * Hands batches to the next component, in order and one at a time, for a component that cannot give
 * them back to whoever sent them. What is refused for now waits here and is offered again: who
 * fills the outbox looks at `held`, and stops in time.
 */
import type { Consumer, Signal, SignalData } from './component.ts'
import { itemsOf } from './data.ts'
import type { Ledger } from './ledger.ts'
import type { Outcome } from './outcome.ts'

const RETRY_MS = 100
/** How long `close` goes on offering what is refused. */
const CLOSE_MS = 5000

export class Outbox<S extends Signal> {
  readonly #next: Consumer<S>
  readonly #ledger: Ledger
  readonly #queue: SignalData[S][] = []
  #held = 0
  /** An answer that is awaited. */
  #busy: Promise<void> | undefined
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

  /** Hands over everything, or counts it as lost. Safe twice. */
  async close(): Promise<void> {
    const deadlineMs = performance.now() + CLOSE_MS
    while (this.#queue.length > 0) {
      this.#stopTimer()
      this.#pump()
      if (this.#busy !== undefined) await this.#busy
      else if (performance.now() >= deadlineMs) break
      else if (this.#queue.length > 0) await new Promise((done) => setTimeout(done, RETRY_MS))
    }
    this.#stopTimer()
    this.#ledger.lost('refused_until_shutdown', this.#held)
    this.#queue.length = 0
    this.#held = 0
  }

  /** Offers what waits, until something is refused or takes its time. */
  #pump(): void {
    while (this.#busy === undefined && this.#timer === undefined) {
      const data = this.#queue[0]
      if (data === undefined) return
      const items = itemsOf(data)
      const outcome = this.#next.consume(data)
      if (outcome instanceof Promise) this.#busy = this.#wait(outcome, items)
      else this.#settle(outcome, items)
    }
  }

  async #wait(outcome: Promise<Outcome>, items: number): Promise<void> {
    const settled = await outcome
    this.#busy = undefined
    this.#settle(settled, items)
    this.#pump()
  }

  /** `items` is what was offered: a batch that was taken is not ours to look at any more. */
  #settle(outcome: Outcome, items: number): void {
    if (outcome.kind === 'retryable') {
      this.#ledger.note('refused_for_now', items)
      this.#timer = setTimeout(() => {
        this.#timer = undefined
        this.#pump()
      }, outcome.afterMs ?? RETRY_MS)
      return
    }
    if (outcome.kind === 'permanent')
      this.#ledger.lost('refused', items, { detail: outcome.reason })
    this.#queue.shift()
    this.#held -= items
  }

  #stopTimer(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }
}
