/**
 * What the suite gives to components: plain batches, empty ones, hostile ones that are valid all
 * the same, and bytes that are no OTLP at all.
 */
import { createHash } from 'node:crypto'
import type { Signal, SignalData } from '../../pipeline/component.ts'
import { FlowBatch } from '../../pipeline/flows/batch.ts'
import {
  CARRIED_COLUMNS,
  COLUMN_GROUPS,
  type ColumnSpec,
  type GroupName,
} from '../../pipeline/flows/schema.ts'
import type { OtlpBatch } from '../../pipeline/otlp/batch.ts'
import { countItems } from '../../pipeline/otlp/count.ts'
import { LogsWriter } from '../../pipeline/otlp/logs_writer.ts'
import { MetricsWriter } from '../../pipeline/otlp/metrics_writer.ts'
import { TracesWriter } from '../../pipeline/otlp/traces_writer.ts'
import { flowBatch } from '../connectors/rows.ts'
import { descending, encode, requestType } from '../proto/otlp.ts'

export type Data = SignalData[Signal]
type OtlpSignal = OtlpBatch['signal']

const TIMES = Uint32Array.of(0x5e3b2000, 0x18859c25, 0x5e3b3000, 0x18859c25)
const IDS = Uint32Array.of(1, 2, 3, 4)

/** A batch such as components mostly see. */
export function plain(signal: Signal, items = 4): Data {
  if (signal !== 'flows') return otlpOf(signal, items)
  const rows = Array.from({ length: items }, (_, i) => i)
  return flowBatch(
    ...rows.map((i) => ({
      kind: i % 4 === 3 ? ('connection' as const) : ('exchange' as const),
      role: i % 2 === 0 ? ('client' as const) : ('server' as const),
      flow: 1 + i,
    })),
  )
}

/** Nothing at all, and a frame without an item in it. */
export function empties(signal: Signal): Data[] {
  if (signal === 'flows') return [new FlowBatch(1), new FlowBatch(64)]
  const resource = { resource: { attributes: [{ key: 'service.name', value: text('x') }] } }
  const framed = encode(signal, { [NAMES[signal].resources]: [resource] })
  return [{ signal, bytes: new Uint8Array(0), items: 0 }, framed]
}

/** Valid, and nothing that any application would send. */
export function hostile(signal: Signal): Data[] {
  if (signal === 'flows') return [extremeRows(['base']), extremeRows(['base', 'k8s', 'stitch'])]
  const odd = counted(encode(signal, oddRequest(signal)))
  const turned = descending(requestType(signal), odd.bytes)
  const unknown = Uint8Array.from([0xba, 0x3e, 2, 1, 2, 0xbd, 0x3e, 1, 2, 3, 4, 0xb8, 0x3e, 7])
  return [
    odd,
    { ...odd, bytes: turned },
    { ...odd, bytes: Uint8Array.from(Buffer.concat([unknown, odd.bytes, unknown])) },
    // Far larger than any other, in one item.
    counted(
      encode(signal, requestOf(signal, { attributes: [attribute('', 'é'.repeat(500_000))] })),
    ),
    otlpOf(signal, 3000),
  ]
}

/** What a broken sender may send: not of the signal flows, whose batches are made here. */
export function malformed(signal: Signal): OtlpBatch[] {
  if (signal === 'flows') return []
  const { bytes, items } = otlpOf(signal, 3)
  return [
    { signal, bytes: bytes.slice(0, (bytes.length * 3) >> 2), items },
    { signal, bytes: Uint8Array.from({ length: 64 }, () => 0xff), items: 1 },
    { signal, bytes: Uint8Array.of(0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f), items: 1 },
  ]
}

/** A digest of all that a batch says: it differs when anything of it has changed. */
export function digest(data: Data): string {
  const hash = createHash('sha1')
  if (!(data instanceof FlowBatch)) {
    hash.update(`${data.signal} ${data.items} ${data.bytes.length} `).update(data.bytes)
    return hash.digest('hex')
  }
  hash.update(`${data.rows} ${data.strings.size}`)
  for (let i = 0; i < data.strings.size; i++) hash.update(JSON.stringify(data.strings.at(i)))
  for (const group of Object.keys(COLUMN_GROUPS) as GroupName[]) {
    if (!data.has(group)) continue
    hash.update(group)
    for (const column of Object.values<Uint8Array>(
      data.add(group) as unknown as Record<string, Uint8Array>,
    )) {
      hash.update(new Uint8Array(column.buffer, column.byteOffset, column.byteLength))
    }
  }
  return hash.digest('hex')
}

function otlpOf(signal: OtlpSignal, items: number): OtlpBatch {
  const writer = { traces: tracesOf, metrics: metricsOf, logs: logsOf }[signal]
  return writer(items)
}

function tracesOf(items: number): OtlpBatch {
  const writer = new TracesWriter()
  writer.beginResource()
  writer.attrString('service.name', 'contract')
  writer.beginScope('contract', '1')
  for (let i = 0; i < items; i++) {
    writer.beginSpan()
    writer.traceId(IDS, 0)
    writer.spanId(Uint32Array.of(i + 1, 7), 0)
    writer.name(`span ${i}`)
    writer.kind(2)
    writer.start(TIMES, 0)
    writer.end(TIMES, 1)
    writer.attrInt('http.response.status_code', 200)
  }
  return writer.finish()
}

function metricsOf(items: number): OtlpBatch {
  const writer = new MetricsWriter()
  writer.beginResource()
  writer.attrString('service.name', 'contract')
  writer.beginScope('contract', '1')
  writer.beginGauge('contract.gauge')
  for (let i = 0; i < items; i++) {
    writer.beginNumberPoint()
    writer.time(TIMES, 0)
    writer.valueInt(i)
    writer.attrInt('series', i)
  }
  return writer.finish()
}

function logsOf(items: number): OtlpBatch {
  const writer = new LogsWriter()
  writer.beginResource()
  writer.attrString('service.name', 'contract')
  writer.beginScope('contract', '1')
  for (let i = 0; i < items; i++) {
    writer.beginRecord()
    writer.time(TIMES, 0)
    writer.severity(9, 'INFO')
    writer.body(`line ${i}`)
  }
  return writer.finish()
}

const NAMES = {
  traces: { resources: 'resourceSpans', scopes: 'scopeSpans', items: 'spans' },
  metrics: { resources: 'resourceMetrics', scopes: 'scopeMetrics', items: 'metrics' },
  logs: { resources: 'resourceLogs', scopes: 'scopeLogs', items: 'logRecords' },
} as const

/** An item, with these fields in it; a metric has them in its one point. */
function requestOf(signal: OtlpSignal, fields: object): Record<string, unknown> {
  const { resources, scopes, items } = NAMES[signal]
  const item = signal === 'metrics' ? { name: 'm', gauge: { dataPoints: [fields] } } : fields
  return { [resources]: [{ [scopes]: [{ [items]: [item] }] }] }
}

const text = (stringValue: string) => ({ stringValue })
const attribute = (key: string, value: string) => ({ key, value: text(value) })

function oddRequest(signal: OtlpSignal): Record<string, unknown> {
  const { resources, scopes, items } = NAMES[signal]
  let nested: object = { intValue: '-9223372036854775808' }
  for (let depth = 0; depth < 12; depth++) {
    const inArray = { arrayValue: { values: [nested, {}] } }
    nested = depth % 2 === 0 ? inArray : { kvlistValue: { values: [{ key: '', value: nested }] } }
  }
  const attributes = [
    { key: 'deep', value: nested },
    { key: 'bytes', value: { bytesValue: Uint8Array.of(0, 255, 128) } },
    { key: 'not a number', value: { doubleValue: Number.NaN } },
    { key: 'no value' },
    attribute('', ''),
    attribute('twice', '1'),
    attribute('twice', '2'),
    attribute('service.name', 'line\nbreak \u0000 \u2028 "quoted" \\ 😀'),
  ]
  const point = { attributes, timeUnixNano: '18446744073709551615', asInt: '-1' }
  const odd = {
    traces: [
      { attributes, traceId: new Uint8Array(16), kind: 99, endTimeUnixNano: '1' },
      { traceId: Uint8Array.of(1, 2, 3), spanId: new Uint8Array(40), startTimeUnixNano: '5' },
      {},
    ],
    metrics: [
      { name: '', sum: { dataPoints: [point, {}], aggregationTemporality: 7 } },
      { name: 'no data' },
      {
        histogram: {
          dataPoints: [{ attributes, bucketCounts: ['1'], explicitBounds: [3, 2, 1], count: '9' }],
        },
      },
      { exponentialHistogram: { dataPoints: [{ scale: -2147483648, zeroCount: '3' }] } },
      { summary: { dataPoints: [{ quantileValues: [{ quantile: 2, value: Number.NaN }] }] } },
    ],
    logs: [
      { attributes, body: nested, severityNumber: 77, timeUnixNano: '1' },
      { body: { arrayValue: {} }, traceId: Uint8Array.of(9), flags: 4294967295 },
      {},
    ],
  }[signal]
  const scope = { scope: { name: '', attributes }, [items]: odd, schemaUrl: 'x' }
  return {
    [resources]: [{}, { resource: { attributes }, [scopes]: [scope, {}, { [items]: [] }] }],
  }
}

function counted(batch: OtlpBatch): OtlpBatch {
  const items = countItems(batch.signal, batch.bytes)
  if (typeof items !== 'number') throw new Error(`Not valid: ${items.reason} at ${items.offset}`)
  return { ...batch, items }
}

const LOWS_AND_HIGHS = [0, 1, 255, 65_535, 0x7fff_ffff, 0xffff_ffff] as const
const NUMBERS = [0, -0, Number.NaN, Number.MAX_SAFE_INTEGER, -1, 1e308, 0.1] as const
const TEXTS = ['', 'x', '\u0000', 'a\nb', '😀'.repeat(2000), '-', '%2e%2e', 'GET'] as const
const ROWS = 48

/** Every column of the groups goes through the extremes of its type, each at a pace of its own. */
function extremeRows(groups: readonly GroupName[]): FlowBatch {
  const batch = new FlowBatch(ROWS + 16)
  for (let row = 0; row < ROWS; row++) batch.addRow()
  for (const group of groups) {
    const columns = batch.add(group) as unknown as Record<string, Uint32Array>
    const specs = Object.entries(COLUMN_GROUPS[group]) as [string, ColumnSpec][]
    for (const [at, [name, spec]] of specs.entries()) {
      const column = columns[name] as Uint32Array
      const stride = column.length / batch.capacity
      for (let i = 0; i < ROWS * stride; i++) column[i] = extreme(spec, i * (at + 1) + at, batch)
    }
  }
  return batch
}

/** The attribute `a` with the value 1, of a log record or of a resource. */
function carried(spec: ColumnSpec): string {
  const field = spec === CARRIED_COLUMNS.attributes ? '2' : '\n'
  return `${field}\u0007\n\u0001a\u0012\u0002\u0018\u0001`
}

function extreme(spec: ColumnSpec, step: number, batch: FlowBatch): number {
  const of = <T>(values: readonly T[]) => values[step % values.length] as T
  if (spec.type === 'f64') return of(NUMBERS)
  if (spec.type === 'string') return batch.strings.intern(of(TEXTS))
  // Bytes of whole fields: another text would be no valid batch.
  if (spec.type === 'attributes') return step % 2 === 0 ? 0 : batch.strings.intern(carried(spec))
  if (spec.type === 'flag') return step % 2
  // An enum's codes are those of its values: another number would be no valid batch.
  if (spec.type === 'enum') return step % (spec.values?.length ?? 1)
  return of(LOWS_AND_HIGHS)
}
