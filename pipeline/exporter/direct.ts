/** In place of the queue where that is switched off: the caller waits, and hears the outcome. */
import type { Ledger } from '../ledger.ts'
import type { OtlpBatch } from '../otlp/batch.ts'
import { type Outcome, retryable } from '../outcome.ts'
import type { Sender } from './sender.ts'

export class Direct {
  readonly #next: Sender
  readonly #ledger: Ledger
  #stopped = false

  constructor(layers: { next: Sender; ledger: Ledger }) {
    this.#next = layers.next
    this.#ledger = layers.ledger
  }

  /** Whatever is not `ok` was not taken: the batch, and its loss, stay with the caller. */
  async consume(batch: OtlpBatch): Promise<Outcome> {
    if (this.#stopped) return retryable('the exporter is shutting down')
    const outcome = await this.#next.send(batch)
    if (outcome.kind === 'ok') this.#ledger.used('sent', batch.items)
    return outcome
  }

  held(): number {
    return 0
  }

  async shutdown(): Promise<void> {
    this.#stopped = true
    this.#next.close()
  }
}
