/** In place of the queue where that is switched off: the caller waits, and hears the outcome. */
import type { Logger } from 'pino'
import type { Ledger } from '../ledger.ts'
import type { OtlpBatch } from '../otlp/batch.ts'
import type { Outcome } from '../outcome.ts'
import { bookSent, rejecting } from './books.ts'
import { LogLimit } from './log_limit.ts'
import { NOT_SENT } from './request.ts'
import type { Sender } from './sender.ts'

export class Direct {
  readonly #next: Sender
  readonly #ledger: Ledger
  readonly #logger: Logger
  readonly #logLimit = new LogLimit()
  #stopped = false

  constructor(layers: { next: Sender; ledger: Ledger; logger: Logger }) {
    this.#next = layers.next
    this.#ledger = layers.ledger
    this.#logger = layers.logger
  }

  /** Whatever is not `ok` was not taken: the batch, and its loss, stay with the caller. */
  async consume(batch: OtlpBatch): Promise<Outcome> {
    if (this.#stopped) return NOT_SENT
    const outcome = await this.#next.send(batch, {})
    if (outcome.kind === 'ok') bookSent(this.#ledger, batch.items)
    else {
      this.#ledger.note('send_failed', batch.items)
      rejecting(this.#logger, { limit: this.#logLimit, outcome, items: batch.items })
    }
    return outcome
  }

  async shutdown(): Promise<void> {
    this.#stopped = true
    this.#next.close()
  }
}
