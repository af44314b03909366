import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { countItems } from '../../../pipeline/otlp/count.ts'
import { LogsView } from '../../../pipeline/otlp/logs_view.ts'
import { MetricsView } from '../../../pipeline/otlp/metrics_view.ts'
import { TracesView } from '../../../pipeline/otlp/traces_view.ts'
import type { AttributesView, Value } from '../../../pipeline/otlp/values.ts'
import { arbitraryMessage } from '../../proto/arbitrary.ts'
import { decode, descending, encode, requestType } from '../../proto/otlp.ts'

// biome-ignore lint/suspicious/noExplicitAny: decoded messages are walked freely
type Decoded = any

const DATA = ['gauge', 'sum', 'histogram', 'exponentialHistogram', 'summary']

/** Every field that the views show, read through them and through protobufjs. */
const SIGNALS = {
  traces: { read: readTraces, expect: (r: Decoded) => flat(r, 'Spans', (s) => s.spans, spanOf) },
  metrics: {
    read: readMetrics,
    expect: (r: Decoded) => flat(r, 'Metrics', (s) => s.metrics, metricOf),
  },
  logs: { read: readLogs, expect: (r: Decoded) => flat(r, 'Logs', (s) => s.logRecords, recordOf) },
}

for (const [name, { read, expect }] of Object.entries(SIGNALS)) {
  const signal = name as keyof typeof SIGNALS
  test(`the view of ${signal} reads what protobufjs reads, in either order of fields`, () => {
    const type = requestType(signal)
    fc.assert(
      fc.property(arbitraryMessage(type), fc.boolean(), (request, backwards) => {
        const { bytes } = encode(signal, request)
        const expected = expect(decode({ signal, bytes, items: 0 }))
        const wire = backwards ? descending(type, bytes) : bytes
        const { rows, fault, points } = read(wire)
        assert.equal(fault, undefined)
        assert.deepEqual(rows, expected)
        assert.equal(countItems(signal, wire), points ?? rows.length)
      }),
      { numRuns: 300 },
    )
  })
}

function flat(
  request: Decoded,
  signal: string,
  items: (scope: Decoded) => Decoded[] | undefined,
  one: (item: Decoded) => unknown,
): unknown[] {
  const rows: unknown[] = []
  for (const resource of request[`resource${signal}`] ?? []) {
    for (const scope of resource[`scope${signal}`] ?? []) {
      for (const item of items(scope) ?? []) {
        rows.push({
          resource: attributesOf(resource.resource?.attributes),
          scope: [scope.scope?.name ?? '', scope.scope?.version ?? ''],
          item: one(item),
        })
      }
    }
  }
  return rows
}

function attributesOf(list: Decoded[] = []): unknown[] {
  return list.map((kv) => [kv.key ?? '', anyValueOf(kv.value)])
}

function anyValueOf(value: Decoded): unknown {
  if (value === undefined) return undefined
  if (value.intValue !== undefined) {
    const int = Number(value.intValue)
    return Number.isSafeInteger(int) ? int : BigInt(value.intValue)
  }
  if (value.arrayValue !== undefined) return (value.arrayValue.values ?? []).map(anyValueOf)
  if (value.kvlistValue !== undefined) return new Map(attributesOf(value.kvlistValue.values) as [])
  if (value.bytesValue !== undefined) return `bytes ${value.bytesValue}`
  return value.stringValue ?? value.boolValue ?? value.doubleValue
}

/** Brings a view's value into the oracle's form. */
function plain(value: Value): unknown {
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString('hex')}`
  if (Array.isArray(value)) return value.map((v) => plain(v))
  if (value instanceof Map) return new Map([...value].map(([k, v]) => [k, plain(v)]))
  return value
}

function read(attributes: AttributesView): unknown[] {
  const out: unknown[] = []
  while (attributes.next()) out.push([attributes.key, plain(attributes.value)])
  return out
}

function u64(lo: number, hi: number): string {
  return String((BigInt(hi) << 32n) | BigInt(lo))
}

function frame(view: TracesView | MetricsView | LogsView, item: unknown) {
  view.resource.attributes.rewind()
  return {
    resource: read(view.resource.attributes),
    scope: [view.scope.name, view.scope.version],
    item,
  }
}

function spanOf(span: Decoded): unknown {
  return {
    ids: [span.traceId ?? '', span.spanId ?? '', span.parentSpanId ?? ''],
    texts: [span.name ?? '', span.traceState ?? ''],
    numbers: [span.kind ?? 0, span.flags ?? 0, span.status?.code ?? 0],
    message: span.status?.message ?? '',
    times: [span.startTimeUnixNano ?? '0', span.endTimeUnixNano ?? '0'],
    attributes: attributesOf(span.attributes),
    links: (span.links ?? []).map((link: Decoded) => [
      link.traceId ?? '',
      link.spanId ?? '',
      attributesOf(link.attributes),
    ]),
    events: (span.events ?? []).map((event: Decoded) => [
      event.name ?? '',
      event.timeUnixNano ?? '0',
      attributesOf(event.attributes),
    ]),
  }
}

function readTraces(bytes: Uint8Array) {
  const view = new TracesView(bytes)
  const rows: unknown[] = []
  while (view.nextResource()) {
    while (view.nextScope()) {
      while (view.nextSpan()) {
        const { span } = view
        const links: unknown[] = []
        while (span.links.next()) {
          links.push([span.links.traceId, span.links.spanId, read(span.links.attributes)])
        }
        const events: unknown[] = []
        while (span.events.next()) {
          const { name, timeLo, timeHi, attributes } = span.events
          events.push([name, u64(timeLo, timeHi), read(attributes)])
        }
        rows.push(
          frame(view, {
            ids: [span.traceId, span.spanId, span.parentSpanId],
            texts: [span.name, span.traceState],
            numbers: [span.kind, span.flags, span.statusCode],
            message: span.statusMessage,
            times: [u64(span.startLo, span.startHi), u64(span.endLo, span.endHi)],
            attributes: read(span.attributes),
            links,
            events,
          }),
        )
      }
    }
  }
  return { rows, fault: view.fault, points: undefined }
}

function metricOf(metric: Decoded): unknown {
  const kind = DATA.find((name) => metric[name] !== undefined)
  const data = kind === undefined ? {} : metric[kind]
  return {
    texts: [metric.name ?? '', metric.description ?? '', metric.unit ?? ''],
    type: kind === undefined ? 'none' : kind.replace(/[H]/, '_h'),
    temporality: data.aggregationTemporality ?? 0,
    monotonic: data.isMonotonic ?? false,
    points: (data.dataPoints ?? []).map((point: Decoded) => pointOf(point, kind as string)),
  }
}

function pointOf(point: Decoded, kind: string): unknown {
  const counts = kind === 'gauge' || kind === 'sum'
  const value = point.asInt === undefined ? point.asDouble : Number(point.asInt)
  const histogram = kind === 'histogram'
  return {
    times: [point.startTimeUnixNano ?? '0', point.timeUnixNano ?? '0'],
    value: counts ? (value ?? Number.NaN) : Number.NaN,
    count: Number(point.count ?? 0),
    sum: point.sum ?? Number.NaN,
    range: histogram ? [point.min ?? Number.NaN, point.max ?? Number.NaN] : [NaN, NaN],
    buckets: histogram ? (point.bucketCounts ?? []).map(Number) : [],
    bounds: histogram ? (point.explicitBounds ?? []) : [],
    attributes: attributesOf(point.attributes),
  }
}

function readMetrics(bytes: Uint8Array) {
  const view = new MetricsView(bytes)
  const rows: unknown[] = []
  let count = 0
  while (view.nextResource()) {
    while (view.nextScope()) {
      while (view.nextMetric()) {
        const { metric } = view
        const points: unknown[] = []
        while (metric.nextPoint()) {
          const { point } = metric
          count++
          points.push({
            times: [u64(point.startLo, point.startHi), u64(point.timeLo, point.timeHi)],
            value: point.value,
            count: point.count,
            sum: point.sum,
            range: [point.min, point.max],
            buckets: point.bucketCounts(),
            bounds: point.explicitBounds(),
            attributes: read(point.attributes),
          })
        }
        rows.push(
          frame(view, {
            texts: [metric.name, metric.description, metric.unit],
            type: metric.type,
            temporality: metric.temporality,
            monotonic: metric.monotonic,
            points,
          }),
        )
      }
    }
  }
  return { rows, fault: view.fault, points: count }
}

function recordOf(record: Decoded): unknown {
  return {
    times: [record.timeUnixNano ?? '0', record.observedTimeUnixNano ?? '0'],
    severity: [record.severityNumber ?? 0, record.severityText ?? ''],
    body: anyValueOf(record.body),
    ids: [record.traceId ?? '', record.spanId ?? ''],
    eventName: record.eventName ?? '',
    attributes: attributesOf(record.attributes),
  }
}

function readLogs(bytes: Uint8Array) {
  const view = new LogsView(bytes)
  const rows: unknown[] = []
  while (view.nextResource()) {
    while (view.nextScope()) {
      while (view.nextRecord()) {
        const { record } = view
        rows.push(
          frame(view, {
            times: [
              u64(record.timeLo, record.timeHi),
              u64(record.observedTimeLo, record.observedTimeHi),
            ],
            severity: [record.severityNumber, record.severityText],
            body: plain(record.body),
            ids: [record.traceId, record.spanId],
            eventName: record.eventName,
            attributes: read(record.attributes),
          }),
        )
      }
    }
  }
  return { rows, fault: view.fault, points: undefined }
}
