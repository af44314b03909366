/**
 * OTLP's messages as tables for the JSON mapping (opentelemetry-proto docs/specification.md,
 * "JSON Protobuf Encoding"): by field number the key, and how the value is written.
 *
 * - `hex`: trace and span ids; `base64`: other bytes;
 * - `i64 u64`: decimal strings, from varints; `x64 s64`: the same, from fixed64 and sfixed64;
 * - `u32 s32 x32 enum`: numbers, from varints, zigzag varints, fixed32, varints.
 */
import { FIXED32, FIXED64, LEN, VARINT } from './wire.ts'

export type ScalarType =
  | 'string'
  | 'hex'
  | 'base64'
  | 'bool'
  | 'double'
  | 'i64'
  | 'u64'
  | 'x64'
  | 's64'
  | 'u32'
  | 's32'
  | 'x32'
  | 'enum'

const WIRE_TYPE: { readonly [T in ScalarType]: number } = {
  string: LEN,
  hex: LEN,
  base64: LEN,
  bool: VARINT,
  i64: VARINT,
  u64: VARINT,
  u32: VARINT,
  s32: VARINT,
  enum: VARINT,
  double: FIXED64,
  x64: FIXED64,
  s64: FIXED64,
  x32: FIXED32,
}

export function wireTypeOf(type: ScalarType): number {
  return WIRE_TYPE[type]
}

export interface FieldSpec {
  readonly key: string
  readonly type: ScalarType | (() => MessageSpec)
  readonly repeated: boolean
  /** Members of one oneof exclude each other: the last on the wire counts. */
  readonly oneof: boolean
}

export interface MessageSpec {
  /** Fields in the order of their numbers. */
  readonly fields: readonly FieldSpec[]
  /** Field number to index in `fields`. */
  readonly index: ReadonlyMap<number, number>
}

type Type = ScalarType | (() => MessageSpec)

function one(key: string, type: Type): FieldSpec {
  return { key, type, repeated: false, oneof: false }
}

function many(key: string, type: Type): FieldSpec {
  return { key, type, repeated: true, oneof: false }
}

function member(key: string, type: Type): FieldSpec {
  return { key, type, repeated: false, oneof: true }
}

function message(fields: Readonly<Record<number, FieldSpec>>): MessageSpec {
  const numbers = Object.keys(fields).map(Number)
  return {
    fields: Object.values(fields),
    index: new Map(numbers.map((number, i) => [number, i])),
  }
}

const ANY_VALUE = message({
  1: member('stringValue', 'string'),
  2: member('boolValue', 'bool'),
  3: member('intValue', 'i64'),
  4: member('doubleValue', 'double'),
  5: member('arrayValue', () => ARRAY_VALUE),
  6: member('kvlistValue', () => KEY_VALUE_LIST),
  7: member('bytesValue', 'base64'),
})
const anyValue = () => ANY_VALUE
const ARRAY_VALUE = message({ 1: many('values', anyValue) })
const KEY_VALUE = message({ 1: one('key', 'string'), 2: one('value', anyValue) })
const keyValue = () => KEY_VALUE
const KEY_VALUE_LIST = message({ 1: many('values', keyValue) })
const ENTITY_REF = message({
  1: one('schemaUrl', 'string'),
  2: one('type', 'string'),
  3: many('idKeys', 'string'),
  4: many('descriptionKeys', 'string'),
})
const RESOURCE = message({
  1: many('attributes', keyValue),
  2: one('droppedAttributesCount', 'u32'),
  3: many('entityRefs', () => ENTITY_REF),
})
const SCOPE = message({
  1: one('name', 'string'),
  2: one('version', 'string'),
  3: many('attributes', keyValue),
  4: one('droppedAttributesCount', 'u32'),
})

const EVENT = message({
  1: one('timeUnixNano', 'x64'),
  2: one('name', 'string'),
  3: many('attributes', keyValue),
  4: one('droppedAttributesCount', 'u32'),
})
const LINK = message({
  1: one('traceId', 'hex'),
  2: one('spanId', 'hex'),
  3: one('traceState', 'string'),
  4: many('attributes', keyValue),
  5: one('droppedAttributesCount', 'u32'),
  6: one('flags', 'x32'),
})
const STATUS = message({ 2: one('message', 'string'), 3: one('code', 'enum') })
const SPAN = message({
  1: one('traceId', 'hex'),
  2: one('spanId', 'hex'),
  3: one('traceState', 'string'),
  4: one('parentSpanId', 'hex'),
  5: one('name', 'string'),
  6: one('kind', 'enum'),
  7: one('startTimeUnixNano', 'x64'),
  8: one('endTimeUnixNano', 'x64'),
  9: many('attributes', keyValue),
  10: one('droppedAttributesCount', 'u32'),
  11: many('events', () => EVENT),
  12: one('droppedEventsCount', 'u32'),
  13: many('links', () => LINK),
  14: one('droppedLinksCount', 'u32'),
  15: one('status', () => STATUS),
  16: one('flags', 'x32'),
})

const EXEMPLAR = message({
  2: one('timeUnixNano', 'x64'),
  3: member('asDouble', 'double'),
  4: one('spanId', 'hex'),
  5: one('traceId', 'hex'),
  6: member('asInt', 's64'),
  7: many('filteredAttributes', keyValue),
})
const NUMBER_POINT = message({
  2: one('startTimeUnixNano', 'x64'),
  3: one('timeUnixNano', 'x64'),
  4: member('asDouble', 'double'),
  5: many('exemplars', () => EXEMPLAR),
  6: member('asInt', 's64'),
  7: many('attributes', keyValue),
  8: one('flags', 'u32'),
})
const HISTOGRAM_POINT = message({
  2: one('startTimeUnixNano', 'x64'),
  3: one('timeUnixNano', 'x64'),
  4: one('count', 'x64'),
  5: one('sum', 'double'),
  6: many('bucketCounts', 'x64'),
  7: many('explicitBounds', 'double'),
  8: many('exemplars', () => EXEMPLAR),
  9: many('attributes', keyValue),
  10: one('flags', 'u32'),
  11: one('min', 'double'),
  12: one('max', 'double'),
})
const BUCKETS = message({ 1: one('offset', 's32'), 2: many('bucketCounts', 'u64') })
const EXPONENTIAL_POINT = message({
  1: many('attributes', keyValue),
  2: one('startTimeUnixNano', 'x64'),
  3: one('timeUnixNano', 'x64'),
  4: one('count', 'x64'),
  5: one('sum', 'double'),
  6: one('scale', 's32'),
  7: one('zeroCount', 'x64'),
  8: one('positive', () => BUCKETS),
  9: one('negative', () => BUCKETS),
  10: one('flags', 'u32'),
  11: many('exemplars', () => EXEMPLAR),
  12: one('min', 'double'),
  13: one('max', 'double'),
  14: one('zeroThreshold', 'double'),
})
const QUANTILE = message({ 1: one('quantile', 'double'), 2: one('value', 'double') })
const SUMMARY_POINT = message({
  2: one('startTimeUnixNano', 'x64'),
  3: one('timeUnixNano', 'x64'),
  4: one('count', 'x64'),
  5: one('sum', 'double'),
  6: many('quantileValues', () => QUANTILE),
  7: many('attributes', keyValue),
  8: one('flags', 'u32'),
})
const GAUGE = message({ 1: many('dataPoints', () => NUMBER_POINT) })
const SUM = message({
  1: many('dataPoints', () => NUMBER_POINT),
  2: one('aggregationTemporality', 'enum'),
  3: one('isMonotonic', 'bool'),
})
const HISTOGRAM = message({
  1: many('dataPoints', () => HISTOGRAM_POINT),
  2: one('aggregationTemporality', 'enum'),
})
const EXPONENTIAL_HISTOGRAM = message({
  1: many('dataPoints', () => EXPONENTIAL_POINT),
  2: one('aggregationTemporality', 'enum'),
})
const SUMMARY = message({ 1: many('dataPoints', () => SUMMARY_POINT) })
const METRIC = message({
  1: one('name', 'string'),
  2: one('description', 'string'),
  3: one('unit', 'string'),
  5: member('gauge', () => GAUGE),
  7: member('sum', () => SUM),
  9: member('histogram', () => HISTOGRAM),
  10: member('exponentialHistogram', () => EXPONENTIAL_HISTOGRAM),
  11: member('summary', () => SUMMARY),
  12: many('metadata', keyValue),
})

const LOG_RECORD = message({
  1: one('timeUnixNano', 'x64'),
  2: one('severityNumber', 'enum'),
  3: one('severityText', 'string'),
  5: one('body', anyValue),
  6: many('attributes', keyValue),
  7: one('droppedAttributesCount', 'u32'),
  8: one('flags', 'x32'),
  9: one('traceId', 'hex'),
  10: one('spanId', 'hex'),
  11: one('observedTimeUnixNano', 'x64'),
  12: one('eventName', 'string'),
})

/** The levels above the items differ in their keys alone. */
function request(signal: string, items: string, item: MessageSpec): MessageSpec {
  const scopes = message({
    1: one('scope', () => SCOPE),
    2: many(items, () => item),
    3: one('schemaUrl', 'string'),
  })
  const resources = message({
    1: one('resource', () => RESOURCE),
    2: many(`scope${signal}`, () => scopes),
    3: one('schemaUrl', 'string'),
  })
  return message({ 1: many(`resource${signal}`, () => resources) })
}

export const REQUESTS = {
  traces: request('Spans', 'spans', SPAN),
  metrics: request('Metrics', 'metrics', METRIC),
  logs: request('Logs', 'logRecords', LOG_RECORD),
} as const
