import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { status } from '@grpc/grpc-js'
import type { Attributes } from '@opentelemetry/api'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import { FAST_RETRY, spans, until } from '../sending.ts'
import { Backend } from './backend.ts'
import { exporting, gated } from './exporting.ts'

/** A meter, and what its instruments show now: `name{attributes}` to value, or count and sum. */
function metering(t: TestContext) {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })
  const provider = new MeterProvider({ readers: [reader] })
  t.after(() => provider.shutdown())
  const read = async (): Promise<Record<string, unknown>> => {
    exporter.reset()
    await reader.forceFlush()
    const shown: Record<string, unknown> = {}
    for (const { scopeMetrics } of exporter.getMetrics()) {
      for (const { descriptor, dataPoints } of scopeMetrics.flatMap(({ metrics }) => metrics)) {
        for (const { attributes, value } of dataPoints as {
          attributes: Attributes
          value: unknown
        }[]) {
          const labels = Object.entries(attributes).sort().flat().join(',')
          const { count, sum } = value as { count?: number; sum?: number }
          shown[`${descriptor.name}{${labels}}`] = count === undefined ? value : [count, sum]
        }
      }
    }
    return shown
  }
  return { meter: provider.getMeter('test'), read }
}

test('the Collector’s instruments show the queue and what is under way', async (t) => {
  const { meter, read } = metering(t)
  const { backend, open } = await gated(t)
  const sending_queue = {
    sizer: 'items',
    queue_size: 500,
    num_consumers: 1,
    batch: { min_size: 4 },
  }
  const { exporter, ledger } = await exporting(t, backend, { sending_queue }, { meter })
  const { length } = spans(4).bytes
  for (let i = 0; i < 3; i++) await exporter.consume(spans(4))
  await backend.arrived(1)
  assert.deepEqual(await read(), {
    'otelcol_exporter_queue_size{data_type,traces,exporter,otlp}': 12,
    'otelcol_exporter_queue_capacity{data_type,traces,exporter,otlp}': 500,
    'flowspan_exporter_queue_bytes{data_type,traces,exporter,otlp}': 3 * length,
    'otelcol_exporter_in_flight_requests{data_type,traces,exporter,otlp}': 1,
    'otelcol_exporter_enqueue_size{exporter,otlp}': [3, 12],
    'otelcol_exporter_enqueue_size_bytes{exporter,otlp}': [3, 3 * length],
    'otelcol_exporter_queue_batch_send_size{exporter,otlp}': [1, 4],
    'otelcol_exporter_queue_batch_send_size_bytes{exporter,otlp}': [1, length],
  })
  open()
  await until(() => ledger.entry().used.sent === 12)
  const after = await read()
  assert.equal(after['otelcol_exporter_queue_size{data_type,traces,exporter,otlp}'], 0)
  assert.equal(after['otelcol_exporter_in_flight_requests{data_type,traces,exporter,otlp}'], 0)
  await exporter.shutdown?.()
  const gone = await read()
  assert.equal(gone['otelcol_exporter_queue_capacity{data_type,traces,exporter,otlp}'], 0)
})

test('the queue that takes another one’s place is the one that is shown', async (t) => {
  const { meter, read } = metering(t)
  const { backend } = await gated(t)
  const size = (queue_size: number) => ({ sending_queue: { queue_size } })
  const capacity = 'otelcol_exporter_queue_capacity{data_type,traces,exporter,otlp}'
  const old = await exporting(t, backend, size(10), { meter })
  assert.equal((await read())[capacity], 10)
  await exporting(t, backend, size(20), { meter })
  assert.equal((await read())[capacity], 20)
  await old.exporter.shutdown?.()
  assert.equal((await read())[capacity], 20)
  assert.equal((await read())[capacity], 20)
})

test('each request has a span, with its retries as events, and its outcome', async (t) => {
  const memory = new InMemorySpanExporter()
  const provider = new TracerProvider({
    spanProcessors: [new SimpleSpanProcessor({ exporter: memory })],
  })
  t.after(() => provider.shutdown())
  const backend = await new Backend().listen()
  backend.answer = (n) =>
    n === 0
      ? { code: status.UNAVAILABLE, details: 'later' }
      : n === 1
        ? new Uint8Array(0)
        : { code: status.INVALID_ARGUMENT, details: 'no' }
  const { exporter, ledger } = await exporting(
    t,
    backend,
    { retry_on_failure: FAST_RETRY, sending_queue: { num_consumers: 1 } },
    { tracer: provider.getTracer('test'), id: 'otlp/x' },
  )
  await exporter.consume(spans(3))
  await exporter.consume(spans(2))
  await until(() => ledger.entry().lost.permanent === 2)
  const attributes = { exporter: 'otlp/x', data_type: 'traces' }
  assert.deepEqual(
    memory.getFinishedSpans().map((span) => ({
      name: span.name,
      attributes: span.attributes,
      status: span.status,
      events: span.events.map((event) => event.name),
    })),
    [
      {
        name: 'exporter/otlp/x/traces',
        attributes: { ...attributes, 'items.sent': 3, 'items.failed': 0 },
        status: { code: 0 },
        events: [
          'Sending request.',
          'Exporting failed. Will retry the request after interval.',
          'Sending request.',
        ],
      },
      {
        name: 'exporter/otlp/x/traces',
        attributes: { ...attributes, 'items.sent': 0, 'items.failed': 2 },
        status: { code: 2, message: 'not retryable error: INVALID_ARGUMENT: no' },
        events: ['Sending request.'],
      },
    ],
  )
})

test('the service hears when attempts begin to fail, why, and when they go well again', async (t) => {
  const backend = await new Backend().listen()
  const answers = [
    { code: status.UNAVAILABLE, details: 'down' },
    { code: status.UNAVAILABLE, details: 'down' },
    new Uint8Array(0),
    new Uint8Array(0),
    { code: status.UNAUTHENTICATED, details: 'who?' },
  ]
  backend.answer = (n) => answers[n] as Uint8Array
  const { exporter, ledger, host } = await exporting(t, backend, {
    retry_on_failure: FAST_RETRY,
    sending_queue: { num_consumers: 1 },
  })
  for (let i = 0; i < 3; i++) await exporter.consume(spans(1))
  await until(() => ledger.entry().lost.permanent === 1)
  assert.deepEqual(host.reports, [
    { status: 'recoverable_error', reason: 'UNAVAILABLE: down' },
    { status: 'ok' },
    { status: 'recoverable_error', reason: 'UNAUTHENTICATED: who?' },
  ])
})

test('a loss is logged in the Collector’s words and counted by the kind of error', async (t) => {
  const backend = await new Backend().listen()
  backend.answer = () => ({ code: status.PERMISSION_DENIED, details: 'no' })
  const { exporter, ledger, log } = await exporting(t, backend)
  await exporter.consume(spans(4))
  await until(() => ledger.entry().lost.permanent === 4)
  assert.equal(ledger.lostByError.get('PERMISSION_DENIED')?.get('permanent'), 4)
  const line = log.map((text) => JSON.parse(text)).find(({ level }) => level === 50)
  assert.deepEqual(
    [line.msg, line.dropped_items, line.error],
    ['Exporting failed. Dropping data.', 4, 'not retryable error: PERMISSION_DENIED: no'],
  )
})
