/** The Collector's three counts of an exporter, told from the books that it keeps. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { status } from '@grpc/grpc-js'
import type { Ledger } from '../../../pipeline/ledger.ts'
import { collectorCounts } from '../../../pipeline/telemetry/collector_counts.ts'
import { spans, until } from '../sending.ts'
import { Backend } from './backend.ts'
import { exporting, gated } from './exporting.ts'

function counts(ledger: Ledger): Record<string, number> {
  const found = { sent: 0, send_failed: 0, enqueue_failed: 0 }
  const of = { kind: 'exporter', id: 'otlp', signal: 'traces' } as const
  for (const { name, value } of collectorCounts(ledger, of)) {
    const [, key] = /^otelcol_exporter_(.*)_spans$/.exec(name) ?? []
    if (key !== undefined) found[key as keyof typeof found] += value
  }
  return found
}

test('with a queue: what failed has failed to be sent, what found no room was not enqueued', async (t) => {
  const backend = await new Backend().listen()
  backend.answer = (n) => (n === 0 ? new Uint8Array(0) : { code: status.INVALID_ARGUMENT })
  const { exporter, ledger } = await exporting(t, backend, {
    sending_queue: { sizer: 'items', queue_size: 5, num_consumers: 1 },
  })
  await exporter.consume(spans(2))
  await exporter.consume(spans(3))
  await exporter.consume(spans(4))
  await until(() => exporter.held?.() === 0)
  assert.deepEqual(counts(ledger), { sent: 2, send_failed: 3, enqueue_failed: 4 })
})

test('with wait_for_result a failure counts as both, without a queue as the one', async (t) => {
  for (const [sending_queue, enqueue_failed] of [
    [{ wait_for_result: true }, 3],
    [{ enabled: false }, 0],
  ] as const) {
    const backend = await new Backend().listen()
    backend.answer = () => ({ code: status.INVALID_ARGUMENT })
    const { exporter, ledger } = await exporting(t, backend, { sending_queue })
    await exporter.consume(spans(3))
    // As the graph does for what an exporter did not take.
    ledger.note('refused', 3)
    assert.deepEqual(counts(ledger), { sent: 0, send_failed: 3, enqueue_failed })
  }
})

test('what is lost at shutdown has failed to be sent', async (t) => {
  const { backend } = await gated(t)
  const { exporter, ledger } = await exporting(t, backend)
  await exporter.consume(spans(6))
  await exporter.shutdown?.(AbortSignal.abort())
  assert.deepEqual(counts(ledger), { sent: 0, send_failed: 6, enqueue_failed: 0 })
})
