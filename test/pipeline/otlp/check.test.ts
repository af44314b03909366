import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkRequest } from '../../../pipeline/otlp/check.ts'
import { SPAN_KIND, TracesWriter } from '../../../pipeline/otlp/traces_writer.ts'
import { VALUE_DEPTH_MAX } from '../../../pipeline/otlp/values.ts'
import { descending, encode, requestType } from '../../proto/otlp.ts'

type Plain = Record<string, unknown>

function traces(span: Plain): Uint8Array {
  return encode('traces', { resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] }).bytes
}

function nested(levels: number): Plain {
  let value: Plain = { intValue: '1' }
  for (let i = 0; i < levels; i++) {
    value = i % 2 === 0 ? { arrayValue: { values: [value] } } : kvlist(value)
  }
  return value
}

function kvlist(value: Plain): Plain {
  return { kvlistValue: { values: [{ key: 'k', value }] } }
}

/** Tag and content as a field of wire type 2. */
function field(number: number, content: Uint8Array): Uint8Array {
  assert.ok(content.length < 128)
  return Uint8Array.from([(number << 3) | 2, content.length, ...content])
}

function inSpan(content: Uint8Array): Uint8Array {
  return field(1, field(2, field(2, content)))
}

test('items are counted, in the order of fields that the Collector writes too', () => {
  const writer = new TracesWriter()
  const ids = Uint32Array.from([1, 2, 3, 4])
  writer.beginResource()
  writer.attrString('service.name', 'api')
  writer.beginScope('test', '1')
  for (let i = 0; i < 3; i++) {
    writer.beginSpan()
    writer.traceId(ids, 0)
    writer.kind(SPAN_KIND.server)
    writer.attrString('short', 'x')
    writer.attrString('long', 'x'.repeat(300))
    writer.attrInt('int', -5)
    writer.attrDouble('double', 0.5)
    writer.attrBool('bool', true)
  }
  const { bytes } = writer.finish()
  assert.equal(checkRequest('traces', bytes), 3)
  assert.equal(checkRequest('traces', descending(requestType('traces'), bytes)), 3)
  assert.equal(checkRequest('traces', new Uint8Array(0)), 0)
})

test('points of every kind of metric are counted, exemplars are not', () => {
  const point = { exemplars: [{ asInt: '1' }], attributes: [{ key: 'a', value: nested(2) }] }
  const dataPoints = [point, {}]
  const metrics = [
    { gauge: { dataPoints } },
    { sum: { dataPoints } },
    { histogram: { dataPoints: [{ bucketCounts: ['1', '2'], explicitBounds: [1] }] } },
    { exponentialHistogram: { dataPoints: [{ positive: { bucketCounts: ['1', '300'] } }] } },
    { summary: { dataPoints: [{ quantileValues: [{ quantile: 0.5 }] }] } },
  ]
  const { bytes } = encode('metrics', { resourceMetrics: [{ scopeMetrics: [{ metrics }] }] })
  assert.equal(checkRequest('metrics', bytes), 7)
})

test('values may nest as deep as every reader follows, and no deeper', () => {
  const attributes = (levels: number) =>
    traces({ attributes: [{ key: 'a', value: nested(levels) }] })
  assert.equal(checkRequest('traces', attributes(VALUE_DEPTH_MAX)), 1)
  const deeper = checkRequest('traces', attributes(VALUE_DEPTH_MAX + 1))
  assert.ok(typeof deeper === 'object')
  assert.match(deeper.reason, /values nest deeper than 32/)
})

const ID = new Uint8Array(3)
const broken: [what: string, bytes: Uint8Array, reason: RegExp][] = [
  ['a field of number 0', Uint8Array.of(0x02, 0x00), /field number/],
  ['a group', Uint8Array.of(0x0b, 0x0c), /wire type 3/],
  ['a length beyond the end', Uint8Array.of(0x0a, 0x05, 0x00), /beyond the message/],
  ['a huge length', Uint8Array.of(0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f), /beyond the message/],
  ['a tag alone', Uint8Array.of(0x0a), /length is not a varint/],
  ['an endless tag', new Uint8Array(12).fill(0x80), /tag is not a varint/],
  ['a trace id of 3 bytes', inSpan(field(1, ID)), /trace id has 3 bytes/],
  ['a parent id of 3 bytes', inSpan(field(4, ID)), /span id has 3 bytes/],
  [
    'a name that is a number',
    inSpan(Uint8Array.of(0x28, 0x01)),
    /wire type 0 is wrong for field 5/,
  ],
  ['half a time', inSpan(Uint8Array.of(0x39, 1, 2, 3)), /value reaches beyond/],
  ['an endless kind', inSpan(new Uint8Array([0x30, ...Array(11).fill(0xff)])), /not a varint/],
  [
    'flags as a varint',
    inSpan(Uint8Array.of(0x80, 0x01, 0x01)),
    /wire type 0 is wrong for field 16/,
  ],
  ['an attribute cut off', inSpan(field(9, Uint8Array.of(0x0a, 0x01, 0x61, 0x12, 0x09))), /beyond/],
  ['a double of 3 bytes', inSpan(field(9, field(2, Uint8Array.of(0x21, 1, 2, 3)))), /beyond/],
]

for (const [what, bytes, reason] of broken) {
  test(`${what} is malformed`, () => {
    const answer = checkRequest('traces', bytes)
    assert.ok(typeof answer === 'object')
    assert.match(answer.reason, reason)
  })
}

test('unknown fields of every wire type are passed over', () => {
  const unknown = Uint8Array.of(0xb8, 0x06, 1, 0xb9, 0x06, 1, 2, 3, 4, 5, 6, 7, 8, 0xba, 0x06, 1, 0)
  const more = Uint8Array.of(0xbd, 0x06, 1, 2, 3, 4)
  assert.equal(checkRequest('traces', inSpan(Uint8Array.from([...unknown, ...more]))), 1)
})
