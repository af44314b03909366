import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type protobuf from 'protobufjs'
import { toJson } from '../../../pipeline/otlp/json.ts'
import { arbitraryMessage } from '../../proto/arbitrary.ts'
import { descending, encode, messageType, requestType } from '../../proto/otlp.ts'

const SIGNALS = ['traces', 'metrics', 'logs'] as const
const HEX_KEYS = new Set(['traceId', 'spanId', 'parentSpanId'])

/** What OTLP/JSON says of the bytes according to protobufjs. */
function expected(type: protobuf.Type, bytes: Uint8Array): unknown {
  const object = type.toObject(type.decode(bytes), { longs: String, json: true })
  return convert('', object)
}

function convert(key: string, value: unknown): unknown {
  if (value instanceof Uint8Array) {
    return Buffer.from(value).toString(HEX_KEYS.has(key) ? 'hex' : 'base64')
  }
  if (Array.isArray(value)) return value.map((v) => convert(key, v))
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, convert(k, v)]))
}

for (const signal of SIGNALS) {
  test(`\`toJson\` says of any ${signal} request what protobufjs decodes from it`, () => {
    const type = requestType(signal)
    fc.assert(
      fc.property(arbitraryMessage(type), fc.boolean(), (request, backwards) => {
        const { bytes } = encode(signal, request)
        const text = toJson(signal, backwards ? descending(type, bytes) : bytes)
        assert.equal(typeof text, 'string')
        assert.deepEqual(JSON.parse(text as string), expected(type, bytes))
      }),
      { numRuns: 300 },
    )
  })
}

test('`toJson` writes ids as hexadecimal digits, enums as numbers and 64-bit numbers as text', () => {
  const span = { traceId: Buffer.from('0af7651916cd43dd8448eb211c80319c', 'hex'), kind: 2 }
  const { bytes } = encode('traces', {
    resourceSpans: [{ scopeSpans: [{ spans: [{ ...span, startTimeUnixNano: '1' }] }] }],
  })
  assert.equal(
    toJson('traces', bytes),
    '{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0af7651916cd43dd8448eb211c80319c",' +
      '"kind":2,"startTimeUnixNano":"1"}]}]}]}',
  )
})

test('`toJson` takes packed and unpacked elements alike', () => {
  const point = messageType('metrics.v1.HistogramDataPoint').encode({
    bucketCounts: [1, 2],
    explicitBounds: [0.5],
  })
  const packed = Buffer.from(point.finish())
  const loose = Buffer.concat([
    Buffer.from([0x31, 1, 0, 0, 0, 0, 0, 0, 0]),
    packed.subarray(packed.length - 10),
    Buffer.from([0x31, 2, 0, 0, 0, 0, 0, 0, 0]),
  ])
  assert.equal(histogramJson(loose), histogramJson(packed))
})

function histogramJson(point: Buffer): unknown {
  const nest = (field: number, content: Buffer) =>
    Buffer.concat([Buffer.from([(field << 3) | 2, content.length]), content])
  return toJson('metrics', nest(1, nest(2, nest(2, nest(9, nest(1, point))))))
}

test('`toJson` refuses what nests too deep rather than recursing to the end of the stack', () => {
  let value = Buffer.alloc(0)
  for (let level = 0; level < 5000; level++) {
    value = Buffer.concat([lengthened(0x0a, value)])
    value = lengthened(0x2a, value)
  }
  const attribute = lengthened(0x0a, lengthened(0x12, value))
  const request = lengthened(0x0a, lengthened(0x0a, attribute))
  const text = toJson('traces', request)
  assert.ok(typeof text === 'object')
  assert.match(text.reason, /nest deeper/)
})

function lengthened(tag: number, content: Buffer): Buffer<ArrayBuffer> {
  const head = [tag]
  let rest = content.length
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) head.push((rest & 0x7f) | 0x80)
  return Buffer.concat([Buffer.from([...head, rest]), content])
}
