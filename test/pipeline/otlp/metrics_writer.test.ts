import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MetricsWriter, TEMPORALITY } from '../../../pipeline/otlp/metrics_writer.ts'
import { decode } from '../../proto/otlp.ts'

const TIMES = Uint32Array.of(1, 0, 2, 1)
const TRACE = Uint32Array.of(0x0c0d0e0f, 0x08090a0b, 0x04050607, 0x00010203)
const SPAN = Uint32Array.of(0xdeadbeef, 0xfeedface)

function begun(): MetricsWriter {
  const writer = new MetricsWriter()
  writer.beginResource()
  writer.attrString('service.name', 'api')
  writer.beginScope('flowspan', '1')
  return writer
}

function metrics(writer: MetricsWriter): unknown {
  return decode(writer.finish()).resourceMetrics[0].scopeMetrics[0].metrics
}

test('`MetricsWriter` writes sums and gauges that protobufjs reads back', () => {
  const writer = begun()
  writer.beginSum('tcp.retransmits', { unit: '{segment}', monotonic: true, description: 'again' })
  writer.beginNumberPoint()
  writer.start(TIMES, 0)
  writer.time(TIMES, 1)
  writer.valueInt(2 ** 40)
  writer.attrString('peer', 'a')
  writer.beginNumberPoint()
  writer.valueInt(-3)
  writer.beginGauge('tcp.rtt', { unit: 's' })
  writer.beginNumberPoint()
  writer.valueDouble(0.25)
  writer.attrInt('port', 80)
  assert.equal(writer.items, 3)
  const startTimeUnixNano = '1'
  const timeUnixNano = String((1n << 32n) + 2n)
  const peer = { key: 'peer', value: { stringValue: 'a' } }
  assert.deepEqual(metrics(writer), [
    {
      name: 'tcp.retransmits',
      unit: '{segment}',
      description: 'again',
      sum: {
        aggregationTemporality: TEMPORALITY.cumulative,
        isMonotonic: true,
        dataPoints: [
          { startTimeUnixNano, timeUnixNano, asInt: String(2 ** 40), attributes: [peer] },
          { asInt: '-3' },
        ],
      },
    },
    {
      name: 'tcp.rtt',
      unit: 's',
      gauge: {
        dataPoints: [{ asDouble: 0.25, attributes: [{ key: 'port', value: { intValue: '80' } }] }],
      },
    },
  ])
})

test('`MetricsWriter` writes histograms with counts, bounds, exemplars and attributes', () => {
  const writer = begun()
  writer.beginHistogram('http.server.request.duration', { unit: 's', temporality: 1 })
  writer.beginHistogramPoint()
  writer.start(TIMES, 0)
  writer.time(TIMES, 1)
  writer.buckets(Float64Array.of(0.1, 0.5), [1, 0, 2 ** 33])
  writer.sum(1.5)
  writer.min(0.01)
  writer.max(9)
  writer.exemplar({ value: 9, time: TIMES, traceId: TRACE, spanId: SPAN, row: 0 })
  writer.attrString('http.request.method', 'GET')
  assert.deepEqual(metrics(writer), [
    {
      name: 'http.server.request.duration',
      unit: 's',
      histogram: {
        aggregationTemporality: TEMPORALITY.delta,
        dataPoints: [
          {
            startTimeUnixNano: '1',
            timeUnixNano: String((1n << 32n) + 2n),
            count: String(2 ** 33 + 1),
            sum: 1.5,
            min: 0.01,
            max: 9,
            bucketCounts: ['1', '0', String(2 ** 33)],
            explicitBounds: [0.1, 0.5],
            exemplars: [
              {
                timeUnixNano: '1',
                asDouble: 9,
                spanId: 'feedfacedeadbeef',
                traceId: '000102030405060708090a0b0c0d0e0f',
              },
            ],
            attributes: [{ key: 'http.request.method', value: { stringValue: 'GET' } }],
          },
        ],
      },
    },
  ])
})

test('`MetricsWriter` ends metric, scope and resource when the next one begins', () => {
  const writer = begun()
  writer.beginGauge('a')
  writer.beginNumberPoint()
  writer.valueInt(1)
  writer.beginScope('other', '')
  writer.beginGauge('b')
  writer.beginNumberPoint()
  writer.valueInt(2)
  writer.beginResource()
  writer.attrString('service.name', 'second')
  writer.beginScope('flowspan', '1')
  writer.beginGauge('c')
  const request = decode(writer.finish())
  assert.deepEqual(
    request.resourceMetrics.map((r: { scopeMetrics: { metrics: { name: string }[] }[] }) =>
      r.scopeMetrics.map((s) => s.metrics.map((m) => m.name)),
    ),
    [[['a'], ['b']], [['c']]],
  )
})

test('`MetricsWriter` throws when a point or a metric is begun outside its place', () => {
  const writer = new MetricsWriter()
  assert.throws(() => writer.beginScope('x', ''), /outside a resource/)
  writer.beginResource()
  assert.throws(() => writer.beginGauge('x'), /outside a scope/)
  writer.beginScope('x', '')
  assert.throws(() => writer.beginNumberPoint(), /outside a metric/)
})
