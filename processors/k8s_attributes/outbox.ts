/**
 * Hands batches that nobody stands behind to `next`: rows that waited here cannot be given back to
 * whoever sent them, so a refusal is met by trying again for a bounded time, in order.
 */
import type { Consumer } from '../../pipeline/component.ts'
import type { FlowBatch } from '../../pipeline/flows/batch.ts'
import type { Ledger } from '../../pipeline/ledger.ts'

const RETRY_MS = 100
const GIVE_UP_MS = 5000

export class Outbox {
  readonly #next: Consumer<'flows'>
  readonly #ledger: Ledger
  readonly #queue: FlowBatch[] = []
  #held = 0
  #draining = false
  #drained: Promise<void> = Promise.resolve()

  constructor(next: Consumer<'flows'>, ledger: Ledger) {
    this.#next = next
    this.#ledger = ledger
  }

  get held(): number {
    return this.#held
  }

  send(batch: FlowBatch): void {
    this.#queue.push(batch)
    this.#held += batch.rows
    if (this.#draining) return
    // A flag beside the promise: where `next` answers at once, the drain is over before it returns.
    this.#draining = true
    this.#drained = this.#drain()
  }

  /** Resolves when everything has been taken by `next`, or is counted as lost. */
  async flush(): Promise<void> {
    while (this.#draining) await this.#drained
  }

  async #drain(): Promise<void> {
    let giveUpMs = performance.now() + GIVE_UP_MS
    for (;;) {
      const batch = this.#queue[0]
      if (batch === undefined) break
      const { rows } = batch
      const answer = this.#next.consume(batch)
      const outcome = 'then' in answer ? await answer : answer
      if (outcome.kind === 'retryable' && performance.now() < giveUpMs) {
        await new Promise((resolve) => setTimeout(resolve, outcome.afterMs ?? RETRY_MS))
        continue
      }
      if (outcome.kind !== 'ok') this.#ledger.lost('refused_after_waiting', rows, { ...outcome })
      this.#queue.shift()
      this.#held -= rows
      giveUpMs = performance.now() + GIVE_UP_MS
    }
    this.#draining = false
  }
}
