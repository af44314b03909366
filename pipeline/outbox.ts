/**
 * Hands batches to the next component, in order and one at a time, for a component that cannot give
 * them back to whoever sent them. What is refused for now waits here and is offered again: who
 * fills the outbox looks at `waiting` or `held`, and stops in time.
 *
 * With `atOnceItems` batches go on while the answers to others are still awaited. `next` may need
 * that: who answers when rows of several batches have met would wait for the second one for ever.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Consumer, Signal, SignalData } from './component.ts'
import { itemsOf } from './data.ts'
import { FlowBatch } from './flows/batch.ts'
import type { Ledger } from './ledger.ts'
import type { Outcome } from './outcome.ts'

const RETRY_MS = 100
/** How long `close` goes on offering what is refused, where it is given no deadline. */
const CLOSE_MS = 5000

export interface OutboxOptions {
  /** Items that may be under way at once; one batch always may. */
  readonly atOnceItems?: number
}

export class Outbox<S extends Signal> {
  readonly #next: Consumer<S>
  readonly #ledger: Ledger
  readonly #atOnceItems: number
  /** Those that are not under way. */
  readonly #queue: SignalData[S][] = []
  #held = 0
  /** Answers that are awaited, and the items that they are about. */
  readonly #busy = new Set<Promise<void>>()
  #busyItems = 0
  #isClosed = false
  /** Runs until the first batch may be offered again. */
  #timer: NodeJS.Timeout | undefined

  constructor(next: Consumer<S>, ledger: Ledger, { atOnceItems = 0 }: OutboxOptions = {}) {
    this.#next = next
    this.#ledger = ledger
    this.#atOnceItems = atOnceItems
  }

  /** Items not yet taken by `next`. */
  get held(): number {
    return this.#held
  }

  /** Of those, the ones that are not under way: there is no room for them. */
  get waiting(): number {
    return this.#held - this.#busyItems
  }

  send(data: SignalData[S]): void {
    if (this.#isClosed) {
      this.#ledger.lost('refused_until_shutdown', itemsOf(data))
      return
    }
    this.#queue.push(data)
    this.#held += itemsOf(data)
    this.#pump()
  }

  /** Hands over everything until the deadline, and counts the rest as lost. Safe twice. */
  async close(deadline: AbortSignal = AbortSignal.timeout(CLOSE_MS)): Promise<void> {
    const { promise: over, resolve } = Promise.withResolvers<void>()
    if (deadline.aborted) resolve()
    else deadline.addEventListener('abort', () => resolve(), { once: true })
    while (this.#queue.length + this.#busy.size > 0) {
      this.#stopTimer()
      this.#pump()
      if (deadline.aborted) break
      if (this.#busy.size > 0) await Promise.race([...this.#busy, over])
      else if (this.#queue.length > 0) await Promise.race([sleep(RETRY_MS), over])
    }
    this.#stopTimer()
    this.#isClosed = true
    // What is being looked at may still be taken: its answer decides.
    this.#ledger.lost('refused_until_shutdown', this.waiting)
    this.#queue.length = 0
    this.#held = this.#busyItems
  }

  /** Offers what waits, until something is refused or enough is under way. */
  #pump(): void {
    while (this.#timer === undefined && !this.#isClosed && this.#hasRoom) {
      const data = this.#queue.shift()
      if (data === undefined) return
      const items = itemsOf(data)
      this.#busyItems += items
      const outcome = this.#next.consume(data)
      if (outcome instanceof Promise) {
        const busy = outcome.then((settled) => {
          this.#busy.delete(busy)
          this.#settle(settled, data, items)
          this.#pump()
        })
        this.#busy.add(busy)
        continue
      }
      this.#settle(outcome, data, items)
      const isOver = outcome.kind === 'ok' && this.#next.borrows === true
      if (isOver && data instanceof FlowBatch) data.recycle()
    }
  }

  get #hasRoom(): boolean {
    return this.#busy.size === 0 || this.#busyItems < this.#atOnceItems
  }

  /** `items` is what was offered: a batch that was taken is not ours to look at any more. */
  #settle(outcome: Outcome, data: SignalData[S], items: number): void {
    this.#busyItems -= items
    if (outcome.kind === 'retryable' && !this.#isClosed) {
      this.#ledger.note('refused_for_now', items)
      this.#queue.unshift(data)
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined
        this.#pump()
      }, outcome.afterMs ?? RETRY_MS)
      return
    }
    if (outcome.kind !== 'ok') {
      const why = outcome.kind === 'permanent' ? 'refused' : 'refused_until_shutdown'
      this.#ledger.lost(why, items, { detail: outcome.reason })
    }
    this.#held -= items
  }

  #stopTimer(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }
}
