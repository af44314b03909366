import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { OtlpBatch } from '../../../pipeline/otlp/batch.ts'
import { checkRequest } from '../../../pipeline/otlp/check.ts'
import { fromJson } from '../../../pipeline/otlp/from_json.ts'
import { decode } from '../../proto/otlp.ts'

type Signal = OtlpBatch['signal']

// biome-ignore lint/suspicious/noExplicitAny: a test walks into it, and fails where it errs
function read(signal: Signal, text: string | object): any {
  const bytes = fromJson(
    signal,
    Buffer.from(typeof text === 'string' ? text : JSON.stringify(text)),
  )
  assert.ok(bytes instanceof Uint8Array, JSON.stringify(bytes))
  assert.equal(typeof checkRequest(signal, bytes), 'number')
  return decode({ signal, bytes, items: 0 })
}

function refused(signal: Signal, text: string | object): string {
  const bytes = fromJson(
    signal,
    Buffer.from(typeof text === 'string' ? text : JSON.stringify(text)),
  )
  assert.ok(!(bytes instanceof Uint8Array), `accepted: ${text}`)
  return bytes.reason
}

function span(fields: object | string): string {
  const text = typeof fields === 'string' ? fields : JSON.stringify(fields)
  return `{"resourceSpans":[{"scopeSpans":[{"spans":[${text}]}]}]}`
}

function readSpan(fields: object | string) {
  return read('traces', span(fields)).resourceSpans[0].scopeSpans[0].spans[0]
}

const ID = '5b8efff798038103d269b633813fc60c'

test('both spellings of keys, ids of either case, and times as text or number', () => {
  const camel = {
    traceId: ID.toUpperCase(),
    spanId: 'EEE19B7EC3C1B174',
    name: 'I/O "quoted" \u{1F600}',
    kind: 2,
    startTimeUnixNano: '1544712660300000001',
    droppedAttributesCount: 3,
  }
  const expected = { ...camel, traceId: ID, spanId: 'eee19b7ec3c1b174' }
  assert.deepEqual(readSpan(camel), expected)
  const snake =
    `{"trace_id":"${ID}","span_id":"eee19b7ec3c1b174","name":"I/O \\"quoted\\" \\ud83d\\ude00",` +
    '"kind":"SPAN_KIND_SERVER","start_time_unix_nano":1544712660300000001,' +
    '"dropped_attributes_count":"3"}'
  assert.deepEqual(readSpan(snake), expected)
})

test('null is not set, and unknown keys are passed over whatever they hold', () => {
  const fields = '"name":"x","kind":null,"status":null,"events":null,"traceState":null'
  const unknown = '"new":{"a":[1,2,{"b":null}],"c":"\\u0041"},"links2":[[],{}],"z":-1.5e-3'
  assert.deepEqual(readSpan(`{${unknown},${fields}}`), { name: 'x' })
})

test('values of attributes of every type', () => {
  const values = [
    ['{"stringValue":"a"}', { stringValue: 'a' }],
    ['{"boolValue":false}', { boolValue: false }],
    ['{"intValue":"-9223372036854775808"}', { intValue: '-9223372036854775808' }],
    ['{"intValue":9223372036854775807}', { intValue: '9223372036854775807' }],
    ['{"intValue":-1}', { intValue: '-1' }],
    ['{"intValue":1e3}', { intValue: '1000' }],
    ['{"intValue":"-4.0"}', { intValue: '-4' }],
    ['{"intValue":-0}', { intValue: '0' }],
    ['{"doubleValue":-0.5e-3}', { doubleValue: -0.0005 }],
    ['{"doubleValue":"Infinity"}', { doubleValue: Number.POSITIVE_INFINITY }],
    ['{"doubleValue":"NaN"}', { doubleValue: Number.NaN }],
    ['{"doubleValue":"1.5"}', { doubleValue: 1.5 }],
    ['{"bytesValue":"-_8="}', { bytesValue: 'fbff' }],
    ['{"bytesValue":"+/8"}', { bytesValue: 'fbff' }],
    [
      '{"arrayValue":{"values":[{"intValue":"1"},null,{}]}}',
      {
        arrayValue: { values: [{ intValue: '1' }, {}, {}] },
      },
    ],
    [
      '{"kvlistValue":{"values":[{"key":"k","value":{"boolValue":true}}]}}',
      {
        kvlistValue: { values: [{ key: 'k', value: { boolValue: true } }] },
      },
    ],
    ['{}', {}],
  ] as const
  for (const [text, expected] of values) {
    const { attributes } = readSpan(`{"attributes":[{"key":"a","value":${text}}]}`)
    assert.deepEqual(attributes, [{ key: 'a', value: expected }], text)
  }
})

test('metrics: packed numbers, enums by name, signed 32 bits', () => {
  const points = {
    explicitBounds: [0.5, '1', 'Infinity'],
    bucketCounts: ['1', 2, '18446744073709551615'],
    count: '3',
    sum: 0,
  }
  const exponential = { scale: -3, positive: { offset: -2, bucketCounts: ['1', 300] } }
  const metrics = [
    {
      name: 'h',
      histogram: { aggregationTemporality: 'AGGREGATION_TEMPORALITY_DELTA', dataPoints: [points] },
    },
    { name: 'e', exponential_histogram: { data_points: [exponential] } },
    { name: 's', sum: { isMonotonic: true, dataPoints: [{ asInt: '-7' }] } },
  ]
  const request = read('metrics', { resourceMetrics: [{ scopeMetrics: [{ metrics }] }] })
  const [h, e, s] = request.resourceMetrics[0].scopeMetrics[0].metrics
  assert.equal(h.histogram.aggregationTemporality, 1)
  assert.deepEqual(h.histogram.dataPoints[0], {
    explicitBounds: [0.5, 1, Number.POSITIVE_INFINITY],
    bucketCounts: ['1', '2', '18446744073709551615'],
    count: '3',
    sum: 0,
  })
  const point = e.exponentialHistogram.dataPoints[0]
  assert.deepEqual(point, { scale: -3, positive: { offset: -2, bucketCounts: ['1', '300'] } })
  assert.deepEqual(s.sum, { isMonotonic: true, dataPoints: [{ asInt: '-7' }] })
})

test('logs: severity by name', () => {
  const logRecords = [{ severityNumber: 'SEVERITY_NUMBER_ERROR2', body: { stringValue: 'x' } }]
  const request = read('logs', { resourceLogs: [{ scopeLogs: [{ logRecords }] }] })
  assert.equal(request.resourceLogs[0].scopeLogs[0].logRecords[0].severityNumber, 18)
})

test('an empty request has white space around it, or nothing in it', () => {
  assert.deepEqual(read('traces', ' \r\n\t{} \n'), {})
  assert.deepEqual(read('traces', '{"resourceSpans":[]}'), {})
})

const wrong: [text: string, reason: RegExp][] = [
  ['', /ends too early/],
  ['[]', /an object is expected/],
  ['{', /a key is expected/],
  ['{}x', /something follows/],
  ['{"resourceSpans":{}}', /resourceSpans must be a list/],
  ['{"resourceSpans":[1]}', /resourceSpans must be an object/],
  ['{"resourceSpans":[{}]', /comma or an end/],
  ['{"a":1,}', /a key is expected/],
  ['{"a":[1,]}', /a value is expected/],
  ['{"a":01}', /comma or an end/],
  ['{"a":"\\x"}', /wrong escape/],
  ['{"a":"\n"}', /control character/],
  ['{"a":"', /no end/],
  ['{"a":tru}', /a value is expected/],
  ['{"a":1.}', /behind the point/],
  ['{"a":1e}', /exponent/],
  [`{"a":${'['.repeat(10_000)}`, /nest deeper/],
  [span('{"traceId":"abc"}'), /traceId must be 32 hexadecimal digits/],
  [span(`{"spanId":"zee19b7ec3c1b174"}`), /spanId must be 16 hexadecimal digits/],
  [span('{"kind":"SERVER"}'), /kind must be a number or one of the names/],
  [span('{"kind":1.5}'), /kind must be a whole number/],
  [span('{"name":1}'), /name must be a string/],
  [span('{"startTimeUnixNano":"-1"}'), /startTimeUnixNano must be .* not negative/],
  [span('{"startTimeUnixNano":"18446744073709551616"}'), /64 bits/],
  [span('{"startTimeUnixNano":""}'), /startTimeUnixNano must be a number/],
  [span('{"droppedAttributesCount":4294967296}'), /32 bits/],
  [span('{"attributes":[{"value":{"intValue":"9223372036854775808"}}]}'), /64 bits/],
  [span('{"attributes":[{"value":{"boolValue":"true"}}]}'), /true or false/],
  [span('{"attributes":[{"value":{"bytesValue":"a"}}]}'), /base64/],
  [span('{"attributes":[{"value":{"doubleValue":"x"}}]}'), /must be a number/],
]

test('what is not a request is refused with the reason', () => {
  for (const [text, reason] of wrong)
    assert.match(refused('traces', text), reason, text.slice(0, 80))
})

test('text that is not UTF-8 is refused', () => {
  const bytes = fromJson('traces', Uint8Array.of(0x7b, 0xff, 0x7d))
  assert.ok(!(bytes instanceof Uint8Array))
  assert.match(bytes.reason, /UTF-8/)
})
