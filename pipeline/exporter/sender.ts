/**
 * The layers of an exporter that sends over a network, each a decorator of the next:
 *
 *     consume ─▶ queue ─▶ retry ─▶ transport ─▶ backend
 *
 * The queue takes a batch over and answers at once; retry waits and tries again; the transport
 * makes one attempt and says what came of it as an `Outcome`. Only the outermost layer keeps
 * books: it alone knows when a batch is gone for good.
 */
import type { OtlpBatch } from '../otlp/batch.ts'
import type { Outcome } from '../outcome.ts'

export interface Sender {
  /**
   * Tries to deliver the batch as hard as the layer can. `retryable` means that it gave up
   * although another attempt might succeed. Never throws.
   */
  send(batch: OtlpBatch): Promise<Outcome>

  /** From now on each batch gets one more attempt and nobody waits: the process is to end. */
  hurry(): void

  /** Breaks off what is under way, which then comes back as `retryable`. Safe twice. */
  close(): void
}

/** How long a shutdown may take to deliver what is held. */
export const DRAIN_DEADLINE_MS = 5000
