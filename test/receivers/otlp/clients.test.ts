/** Senders that others have written: the OpenTelemetry SDK, and the Collector's exporters. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { OK, permanent, retryable } from '../../../pipeline/outcome.ts'
import { skipWithoutGo } from '../../kit/backends.ts'
import { startCollector } from '../../kit/otelcol.ts'
import { exportOtlp } from '../../kit/otlp_client.ts'
import { Program } from '../../kit/processes.ts'
import { decode, encode } from '../../proto/otlp.ts'
import { type Receiving, receiving, type Signal } from './receiving.ts'

const APP = join(import.meta.dirname, '../../kit/apps/instrumented.ts')

/** What has come, of a signal, as plain objects. */
function taken({ sink }: Receiving, signal: Signal) {
  return sink.taken.filter((batch) => batch.signal === signal).map(decode)
}

for (const protocol of ['grpc', 'http/protobuf', 'http/json']) {
  for (const compression of ['none', 'gzip']) {
    test(`the SDK of Node sends all signals over ${protocol}, compression ${compression}`, async (t) => {
      const received = await receiving(t)
      const program = new Program([process.execPath, APP], {
        env: {
          OTEL_SERVICE_NAME: 'shop',
          OTEL_TRACES_EXPORTER: 'otlp',
          OTEL_METRICS_EXPORTER: 'otlp',
          OTEL_LOGS_EXPORTER: 'otlp',
          OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
          OTEL_EXPORTER_OTLP_COMPRESSION: compression,
          OTEL_EXPORTER_OTLP_ENDPOINT:
            protocol === 'grpc' ? `http://${received.grpc}` : received.http,
        },
      })
      assert.deepEqual(await program.exited, { code: 0, signal: null }, program.output)
      const [trace] = taken(received, 'traces')
      const { name, attributes, events } = trace.resourceSpans[0].scopeSpans[0].spans[0]
      assert.equal(name, 'place order')
      assert.deepEqual(attributes, [{ key: 'item', value: { stringValue: 'tea' } }])
      assert.equal(events[0].name, 'paid')
      const service = trace.resourceSpans[0].resource.attributes.find(
        ({ key }: { key: string }) => key === 'service.name',
      )
      assert.equal(service.value.stringValue, 'shop')
      const [metric] = taken(received, 'metrics')
      const found = metric.resourceMetrics.flatMap(
        (r: { scopeMetrics: object[] }) => r.scopeMetrics,
      )
      const { metrics } = found.find((s: { scope: { name: string } }) => s.scope.name === 'shop')
      assert.equal(metrics[0].name, 'orders')
      const [log] = taken(received, 'logs')
      assert.deepEqual(log.resourceLogs[0].scopeLogs[0].logRecords[0].body, {
        stringValue: 'order placed',
      })
      const transport = protocol === 'grpc' ? 'grpc' : 'http'
      const accepted = received.ledger.received.get(transport)?.accepted
      assert.equal(accepted, received.ledger.in)
    })
  }
}

const skip = await skipWithoutGo()
const SPAN = { traceId: Buffer.alloc(16, 1), spanId: Buffer.alloc(8, 2), name: 'GET' }
const ATTRIBUTES = [
  { key: 'a', value: { intValue: '-1' } },
  { key: 'b', value: { kvlistValue: { values: [{ key: 'c', value: { doubleValue: 0.5 } }] } } },
]
const requests = {
  traces: {
    resourceSpans: [
      { scopeSpans: [{ scope: { name: 's' }, spans: [{ ...SPAN, attributes: ATTRIBUTES }] }] },
    ],
  },
  metrics: {
    resourceMetrics: [
      { scopeMetrics: [{ metrics: [{ name: 'm', gauge: { dataPoints: [{ asInt: '7' }] } }] }] },
    ],
  },
  logs: { resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: { stringValue: 'x' } }] }] }] },
} as const

/** Exporters of the Collector in all the ways that they send. */
function exportersTo({ grpc, http }: Receiving): Record<string, object> {
  const common = { tls: { insecure: true }, sending_queue: { enabled: false } }
  const grpcs = ['none', 'gzip', 'zstd'].map((compression) => [
    `otlp_grpc/${compression}`,
    { endpoint: grpc, compression, ...common },
  ])
  const https = ['none', 'gzip', 'zstd', 'deflate', 'zlib'].flatMap((compression) =>
    ['proto', 'json'].map((encoding) => [
      `otlp_http/${compression}_${encoding}`,
      { endpoint: http, compression, encoding, ...common },
    ]),
  )
  return Object.fromEntries([...grpcs, ...https])
}

describe('a Collector', { skip }, () => {
  test('sends all signals in every encoding and compression that it has', async (t) => {
    const received = await receiving(t)
    const exporters = exportersTo(received)
    const collector = await startCollector({ exporters })
    t.after(() => collector.stop())
    const ways = Object.keys(exporters).length
    for (const signal of ['traces', 'metrics', 'logs'] as const) {
      await exportOtlp(collector.otlpGrpc, encode(signal, requests[signal]))
      const batches = taken(received, signal)
      assert.equal(batches.length, ways, collector.log)
      const [first, ...others] = batches
      for (const other of others) assert.deepEqual(without(other), without(first))
      assert.match(JSON.stringify(first), signal === 'traces' ? /"name":"GET"/ : /"(m|x)"/)
    }
  })

  test('sends again what was refused for now, after the time it was told, and drops the rest', async (t) => {
    const received = await receiving(t)
    const retry_on_failure = { initial_interval: '10s', max_interval: '10s' }
    const common = { tls: { insecure: true }, sending_queue: { enabled: false } }
    const fast = { ...retry_on_failure, initial_interval: '1ms', randomization_factor: 0 }
    const collector = await startCollector({
      exporters: {
        otlp_grpc: { endpoint: received.grpc, ...common, retry_on_failure: fast },
        otlp_http: { endpoint: received.http, ...common, retry_on_failure: fast },
      },
    })
    t.after(() => collector.stop())
    const { sink, ledger } = received
    const answers = [retryable('full'), retryable('full', 50), retryable('full', 10), OK, OK]
    sink.answer = () => answers.shift() ?? OK
    await exportOtlp(collector.otlpGrpc, encode('traces', requests.traces))
    const { accepted: grpc = 0 } = ledger.received.get('grpc') ?? {}
    const { accepted: http = 0 } = ledger.received.get('http') ?? {}
    assert.deepEqual([grpc, http, sink.taken.length], [1, 1, 5])
    sink.answer = () => permanent('never')
    await assert.rejects(exportOtlp(collector.otlpGrpc, encode('logs', requests.logs)), /never/)
    // Once over each: what is refused for good is not sent again.
    assert.equal(sink.taken.length, 7)
  })
})

/** The Collector writes empty messages that others leave out. */
function without(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(without)
  if (value === null || typeof value !== 'object') return value
  const kept = Object.entries(value)
    .map(([key, v]) => [key, without(v)] as const)
    .filter(([, v]) => !(v === '' || (typeof v === 'object' && Object.keys(v ?? {}).length === 0)))
  return Object.fromEntries(kept)
}
