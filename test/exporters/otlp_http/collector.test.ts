/** What a real OpenTelemetry Collector makes of what the exporters send. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { schema as grpcSchema } from '../../../exporters/otlp/config.ts'
import { otlpExporter } from '../../../exporters/otlp/otlp_exporter.ts'
import { schema } from '../../../exporters/otlp_http/config.ts'
import { otlpHttpExporter } from '../../../exporters/otlp_http/otlp_http_exporter.ts'
import type { OtlpBatch } from '../../../pipeline/otlp/batch.ts'
import { OK } from '../../../pipeline/outcome.ts'
import { skipWithoutGo } from '../../kit/backends.ts'
import { type Collector, type OtlpJson, startCollector } from '../../kit/otelcol.ts'
import { encode } from '../../proto/otlp.ts'
import { namedSpans, running } from '../sending.ts'

const skip = await skipWithoutGo()
const DIRECT = { sending_queue: { enabled: false }, retry_on_failure: { enabled: false } }
const TIME = '1700000000000000000'

function requests(name: string): Record<OtlpBatch['signal'], OtlpBatch> {
  const point = { timeUnixNano: TIME, asInt: '7' }
  const span = {
    traceId: Buffer.alloc(16, 1),
    spanId: Buffer.alloc(8, 2),
    name,
    startTimeUnixNano: TIME,
    attributes: [{ key: 'n', value: { intValue: '9007199254740993' } }],
  }
  return {
    traces: encode('traces', { resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] }),
    metrics: encode('metrics', {
      resourceMetrics: [
        { scopeMetrics: [{ metrics: [{ name, gauge: { dataPoints: [point] } }] }] },
      ],
    }),
    logs: encode('logs', {
      resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: { stringValue: name } }] }] }],
    }),
  }
}

describe('a real Collector', { skip }, () => {
  let collector: Collector
  before(async () => {
    collector = await startCollector()
  })
  after(() => collector?.stop())

  for (const [encoding, compression] of [
    ['proto', 'gzip'],
    ['proto', 'zstd'],
    ['json', 'gzip'],
    ['json', 'none'],
  ] as const) {
    test(`takes every signal as ${encoding} with compression ${compression}`, async (t) => {
      const name = `${encoding} ${compression}`
      const config = schema.parse({
        endpoint: collector.otlpHttp,
        encoding,
        compression,
        ...DIRECT,
      })
      for (const [signal, batch] of Object.entries(requests(name))) {
        const make = otlpHttpExporter(signal as OtlpBatch['signal'])
        const { exporter } = await running(t, (settings) => make(settings, config))
        assert.deepEqual(await exporter.consume(batch), OK, signal)
        const found = (all: OtlpJson[]) => JSON.stringify(all).includes(`"${name}"`)
        const all = await collector.waitFor(signal as OtlpBatch['signal'], found)
        if (signal !== 'traces') continue
        const [resource] = all.at(-1).resourceSpans
        const [written] = resource.scopeSpans[0].spans
        assert.equal(written.traceId, '01'.repeat(16))
        assert.equal(written.startTimeUnixNano, TIME)
        assert.deepEqual(written.attributes[0].value, { intValue: '9007199254740993' })
      }
    })
  }

  test('says in words what it refuses, over HTTP', async (t) => {
    const config = schema.parse({ endpoint: collector.otlpHttp, ...DIRECT })
    const make = otlpHttpExporter('traces')
    const { exporter } = await running(t, (settings) => make(settings, config))
    const outcome = await exporter.consume({
      signal: 'traces',
      bytes: Uint8Array.of(10, 99),
      items: 1,
    })
    assert.match(JSON.stringify(outcome), /"permanent".*HTTP Status Code 400, Message=.+/)
  })

  test('takes batches that were merged and cut, over gRPC and HTTP', async (t) => {
    const sending_queue = { batch: { min_size: 7, max_size: 7, flush_timeout: '50ms' } }
    const grpc = grpcSchema.parse({
      endpoint: collector.otlpGrpc,
      tls: { insecure: true },
      sending_queue,
    })
    const http = schema.parse({ endpoint: collector.otlpHttp, sending_queue })
    const makers = [
      await running(t, (settings) => otlpExporter('traces')(settings, grpc)),
      await running(t, (settings) => otlpHttpExporter('traces')(settings, http)),
    ]
    for (const [i, { exporter }] of makers.entries()) {
      for (let n = 0; n < 10; n++) {
        const names = [0, 1, 2, 3].map((k) => `cut ${i}.${n}.${k}`)
        assert.equal(await exporter.consume(namedSpans(...names)), OK)
      }
    }
    const cut = (all: OtlpJson[]) => JSON.stringify(all).match(/"cut [^"]+"/g) ?? []
    const all = await collector.waitFor('traces', (requests) => cut(requests).length === 80)
    assert.equal(new Set(cut(all)).size, 80)
  })
})
