/**
 * How exporters that send over a network keep their ledger, so that the Collector's three counts
 * can be told from it:
 *
 * - sent: used `sent`;
 * - send_failed: lost `permanent`, `retries_exhausted` and `shutdown`; the note `send_failed` for
 *   what is not lost, as the caller or the disk keeps it;
 * - enqueue_failed: notes `refused_…`.
 */
import type { Logger } from 'pino'
import type { Ledger } from '../ledger.ts'
import type { OtlpBatch } from '../otlp/batch.ts'
import type { Permanent, Retryable } from '../outcome.ts'
import type { LogLimit } from './log_limit.ts'
import type { PartialSuccess } from './otlp_response.ts'

const DROPPED_ITEMS = {
  traces: 'spans',
  metrics: 'data_points',
  logs: 'log_records',
} as const

const DROPPED = { level: 'error', message: 'Exporting failed. Dropping data.' } as const

export function bookSent(ledger: Ledger, items: number): void {
  ledger.used('sent', items)
}

/** Items that were taken over and are gone. */
export function bookFailure(
  ledger: Ledger,
  failed: { items: number; outcome: Retryable | Permanent; stopping: boolean },
): void {
  const { items, outcome, stopping } = failed
  const { reason: error, errorType: error_type } = outcome
  const gaveUp = stopping ? 'shutdown' : 'retries_exhausted'
  ledger.lost(outcome.kind === 'permanent' ? 'permanent' : gaveUp, items, {
    error,
    ...(error_type !== undefined && { error_type }),
    dropped_items: items,
    event: DROPPED,
  })
}

/** What the caller keeps. */
export function rejecting(
  logger: Logger,
  of: { limit: LogLimit; outcome: Retryable | Permanent; items: number },
): void {
  const { limit, outcome, items: rejected_items } = of
  if (!limit.pass()) return
  logger.error({ error: outcome.reason, rejected_items }, 'Exporting failed. Rejecting data.')
}

/** Items of a request that the backend took but did not accept: sending them again is pointless. */
export function bookPartialSuccess(
  { ledger, logger }: { ledger: Ledger; logger: Logger },
  { batch, answer }: { batch: OtlpBatch; answer: PartialSuccess },
): void {
  ledger.note('rejected_by_backend', answer.rejected)
  const dropped = `dropped_${DROPPED_ITEMS[batch.signal]}`
  logger.warn({ message: answer.message, [dropped]: answer.rejected }, 'Partial success response')
}
