import assert from 'node:assert/strict'
import { test } from 'node:test'
import protobuf from 'protobufjs'
import { type Piece, splitRequest } from '../../../pipeline/otlp/split.ts'
import { decode, encode } from '../../proto/otlp.ts'

type Signal = 'traces' | 'metrics' | 'logs'

function split(signal: Signal, bytes: Uint8Array, limit: [number, 'items' | 'bytes']): Piece[] {
  const pieces = splitRequest({ signal, bytes }, { max: limit[0], sizer: limit[1] })
  assert.ok(Array.isArray(pieces), JSON.stringify(pieces))
  return pieces
}

function plain(signal: Signal, pieces: readonly Piece[]): unknown[] {
  return pieces.map(({ bytes, items }) => decode({ signal, bytes, items }))
}

const resource = (name: string) => ({
  attributes: [{ key: 'service.name', value: { stringValue: name } }],
})
const spans = (...names: string[]) => names.map((name) => ({ name }))

test('what fits is one piece, the very same bytes', () => {
  const { bytes } = encode('traces', { resourceSpans: [{ scopeSpans: [{ spans: spans('a') }] }] })
  assert.equal(split('traces', bytes, [1, 'items'])[0]?.bytes, bytes)
  assert.equal(split('traces', bytes, [bytes.length, 'bytes'])[0]?.bytes, bytes)
  const empty = new Uint8Array(0)
  assert.deepEqual(split('traces', empty, [1, 'items']), [{ bytes: empty, items: 0 }])
})

test('resources and scopes stand in each piece that has items of them, and in no other', () => {
  const scope = { name: 'lib', version: '1' }
  const { bytes } = encode('traces', {
    resourceSpans: [
      { resource: resource('a'), scopeSpans: [{ scope, spans: spans('1', '2', '3') }] },
      { resource: resource('b'), scopeSpans: [{ scope, spans: spans('4') }] },
    ],
  })
  assert.deepEqual(plain('traces', split('traces', bytes, [2, 'items'])), [
    {
      resourceSpans: [{ resource: resource('a'), scopeSpans: [{ scope, spans: spans('1', '2') }] }],
    },
    {
      resourceSpans: [
        { resource: resource('a'), scopeSpans: [{ scope, spans: spans('3') }] },
        { resource: resource('b'), scopeSpans: [{ scope, spans: spans('4') }] },
      ],
    },
  ])
})

test('a metric with more points than fit is cut between points, its kind in each piece', () => {
  const sum = (...values: string[]) => ({
    aggregationTemporality: 2,
    isMonotonic: true,
    dataPoints: values.map((asInt) => ({ asInt })),
  })
  const metric = (...values: string[]) => ({
    resourceMetrics: [
      { scopeMetrics: [{ metrics: [{ name: 'm', unit: 'By', sum: sum(...values) }] }] },
    ],
  })
  const { bytes } = encode('metrics', metric('1', '2', '3', '4', '5'))
  assert.deepEqual(plain('metrics', split('metrics', bytes, [2, 'items'])), [
    metric('1', '2'),
    metric('3', '4'),
    metric('5'),
  ])
})

test('a metric whose data is there twice is not cut, as a decoder merges the two', () => {
  const data = { dataPoints: [{ asInt: '1' }] }
  const type = 'resourceMetrics'
  const twice = encode('metrics', {
    [type]: [{ scopeMetrics: [{ metrics: [{ name: 'm', gauge: data }] }] }],
  }).bytes
  const metric = Buffer.from(twice).indexOf('m') - 2
  const field = twice.subarray(metric + 3)
  // The metric's own field with its data once more, each level longer by as much.
  const longer = Buffer.concat([twice, field])
  for (const at of [1, 3, 5]) longer[at] = (longer[at] as number) + field.length
  const pieces = split('metrics', longer, [1, 'items'])
  assert.deepEqual(
    pieces.map(({ items }) => items),
    [2],
  )
})

test('an item that is larger than a piece makes a piece of its own', () => {
  const { bytes } = encode('traces', {
    resourceSpans: [{ scopeSpans: [{ spans: spans('a', 'x'.repeat(500), 'b') }] }],
  })
  const sizes = split('traces', bytes, [50, 'bytes']).map(({ items, bytes: piece }) => [
    items,
    piece.length > 50,
  ])
  assert.deepEqual(sizes, [
    [1, false],
    [1, true],
    [1, false],
  ])
})

test('pieces are filled up to the byte', () => {
  const { bytes } = encode('logs', {
    resourceLogs: [
      { scopeLogs: [{ logRecords: Array.from({ length: 300 }, () => ({ severityNumber: 9 })) }] },
    ],
  })
  // A record takes 4 bytes; tags and lengths of scope and resource 6, and 4 below 128 bytes.
  const pieces = split('logs', bytes, [206, 'bytes'])
  assert.deepEqual(
    pieces.map((piece) => [piece.items, piece.bytes.length]),
    [...Array(6).fill([50, 206])],
  )
})

test('unknown fields are kept: of an item once, of what is repeated in each piece, of the request once', () => {
  const field = (number: number, content: Uint8Array) =>
    protobuf.Writer.create()
      .uint32((number << 3) | 2)
      .bytes(content)
      .finish()
  const unknown = (text: string) => field(900, Buffer.from(text))
  const item = field(2, unknown('item'))
  const scope = field(2, Buffer.concat([item, unknown('scope'), item]))
  const resourceSpans = field(1, Buffer.concat([unknown('resource'), scope]))
  const bytes = Buffer.concat([resourceSpans, unknown('request')])
  const found = split('traces', bytes, [1, 'items']).map((piece) =>
    ['item', 'scope', 'resource', 'request'].map(
      (text) => Buffer.from(piece.bytes).toString('latin1').split(text).length - 1,
    ),
  )
  assert.deepEqual(found, [
    [1, 1, 1, 0],
    [1, 1, 1, 1],
  ])
})

test('a resource without items is not lost', () => {
  const { bytes } = encode('traces', {
    resourceSpans: [{ resource: resource('idle') }, { scopeSpans: [{ spans: spans('a', 'b') }] }],
  })
  const pieces = plain('traces', split('traces', bytes, [1, 'items']))
  assert.match(JSON.stringify(pieces[0]), /idle/)
  assert.equal(pieces.length, 2)
})

test('what is not a request says why', () => {
  const malformed = splitRequest(
    { signal: 'traces', bytes: Uint8Array.of(10, 99) },
    { sizer: 'items', max: 1 },
  )
  assert.equal('kind' in malformed && malformed.kind, 'malformed')
})
