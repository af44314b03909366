/** Bounds one attempt: the transport breaks off at the deadline, and tells the server of it. */
import type { OtlpBatch } from '../otlp/batch.ts'
import type { Outcome } from '../outcome.ts'
import type { Hurry, SendContext, Sender } from './sender.ts'

export class Timeout implements Sender {
  readonly #timeoutMs: number
  readonly #next: Sender

  constructor(timeoutMs: number, layers: { next: Sender }) {
    this.#timeoutMs = timeoutMs
    this.#next = layers.next
  }

  send(batch: OtlpBatch, context: SendContext): Promise<Outcome> {
    return this.#next.send(batch, { ...context, deadline: performance.now() + this.#timeoutMs })
  }

  hurry(waiting: Hurry): void {
    this.#next.hurry(waiting)
  }

  close(): void {
    this.#next.close()
  }
}
