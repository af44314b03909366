import type { Ledger } from '../ledger.ts'
import type { OtlpBatch } from '../otlp/batch.ts'
import type { Outcome } from '../outcome.ts'

/** Books what became of a batch that was taken over, once all layers are done with it. */
export function settle(
  ledger: Ledger,
  sent: { batch: OtlpBatch; outcome: Outcome; stopping: boolean },
): void {
  const { batch, outcome, stopping } = sent
  if (outcome.kind === 'ok') ledger.used('sent', batch.items)
  else {
    const why = outcome.kind === 'permanent' ? 'permanent' : 'retries_exhausted'
    const reason = stopping && outcome.kind === 'retryable' ? 'shutdown' : why
    ledger.lost(reason, batch.items, { error: outcome.reason })
  }
}
