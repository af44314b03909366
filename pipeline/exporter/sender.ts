/**
 * The layers of an exporter that sends over a network, each a decorator of the next:
 *
 *     consume ─▶ queue (+ batch) ─▶ observed ─▶ retry ─▶ health ─▶ timeout ─▶ transport
 *
 * The queue takes a batch over and answers at once; `Observed` traces and measures each request;
 * retry waits and tries again; health tells the service how attempts go; the timeout bounds one of
 * them; the transport makes it and says what came of it as an `Outcome`. Only the outermost layer
 * keeps the ledger: it alone knows when a batch is gone for good.
 */
import type { Span } from '@opentelemetry/api'
import type { OtlpBatch } from '../otlp/batch.ts'
import type { Outcome } from '../outcome.ts'

/** What outer layers tell inner ones of a request. */
export interface SendContext {
  /** The request's span, where it is recorded. */
  readonly span?: Span
  /** When the attempt has to have ended, on the clock of `performance.now()`. */
  readonly deadline?: number
}

/** For whoever waits to try again when the process is to end: at once for a last time, or not. */
export type Hurry = 'try_once_more' | 'give_up'

export interface Sender {
  /**
   * Tries to deliver the batch as hard as the layer can. `retryable` means that it gave up
   * although another attempt might succeed. Never throws.
   */
  send(batch: OtlpBatch, context: SendContext): Promise<Outcome>

  /** From now on each batch gets one attempt, and nobody waits. */
  hurry(waiting: Hurry): void

  /** Breaks off what is under way, which then comes back as `retryable`. Safe twice. */
  close(): void
}

/** How long a shutdown may take to deliver what is held, when nobody says otherwise. */
export const DRAIN_DEADLINE_MS = 5000
