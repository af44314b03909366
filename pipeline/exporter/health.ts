/**
 * Tells the service how attempts to send go, so that whoever watches flowspan's health sees a
 * backend that is down: as an error that may pass, whatever the retries will come to. A batch that
 * the backend refuses for good is such an error too, for the next one may be to its liking.
 */
import type { Host } from '../component.ts'
import type { OtlpBatch } from '../otlp/batch.ts'
import type { Outcome } from '../outcome.ts'
import type { Hurry, SendContext, Sender } from './sender.ts'

export class Health implements Sender {
  readonly #next: Sender
  #host: Host | undefined
  /** Why the last attempt failed; undefined when it did not, or there was none. */
  #trouble: string | undefined
  #isEnding = false

  constructor(layers: { next: Sender }) {
    this.#next = layers.next
  }

  start(host: Host): void {
    this.#host = host
  }

  async send(batch: OtlpBatch, context: SendContext): Promise<Outcome> {
    const outcome = await this.#next.send(batch, context)
    if (!this.#isEnding) this.#judge(outcome.kind === 'ok' ? undefined : outcome.reason)
    return outcome
  }

  hurry(waiting: Hurry): void {
    this.#isEnding = true
    this.#next.hurry(waiting)
  }

  close(): void {
    this.#isEnding = true
    this.#next.close()
  }

  #judge(trouble: string | undefined): void {
    if (trouble === this.#trouble) return
    this.#trouble = trouble
    this.#host?.report(
      trouble === undefined ? { status: 'ok' } : { status: 'recoverable_error', reason: trouble },
    )
  }
}
