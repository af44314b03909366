import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  type AttributeValue,
  attributePrefix,
  encodeAttribute,
} from '../../../pipeline/otlp/attributes.ts'
import { countItems } from '../../../pipeline/otlp/count.ts'
import {
  SPAN_ATTRIBUTES,
  SPAN_KIND,
  type SpanColumns,
  STATUS_CODE,
  TracesWriter,
} from '../../../pipeline/otlp/traces_writer.ts'
import { hex32, hex64 } from '../../../pipeline/u64.ts'
import { decode } from '../../proto/otlp.ts'

const TRACE = Uint32Array.of(0, 0, 0, 0, 0x0c0d0e0f, 0x08090a0b, 0x04050607, 0x00010203)
const IDS = Uint32Array.of(0, 0, 0xdeadbeef, 0xfeedface)
const TIMES = Uint32Array.of(0xffffffff, 0x7fffffff, 5, 1)

const U32 = fc.integer({ min: 0, max: 2 ** 32 - 1 })
const ATTRIBUTE_VALUE: fc.Arbitrary<AttributeValue> = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 150 }),
  fc.maxSafeInteger(),
  fc.double({ noInteger: true, noNaN: true }),
  fc.boolean(),
)

// biome-ignore lint/suspicious/noExplicitAny: decoded messages are walked freely
type Decoded = any

/** By the call for the value's type, or encoded beforehand: the bytes are to be the same. */
function append(writer: TracesWriter, key: string, value: AttributeValue): void {
  if (key.length % 2 === 1) writer.attrEncoded(encodeAttribute(key, value))
  else if (typeof value === 'string') writer.attrString(key, value)
  else if (typeof value === 'boolean') writer.attrBool(key, value)
  else if (Number.isInteger(value)) writer.attrInt(key, value)
  else writer.attrDouble(key, value)
}

function expectedValue(value: AttributeValue): unknown {
  if (typeof value === 'string') return { stringValue: value }
  if (typeof value === 'boolean') return { boolValue: value }
  return Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value }
}

function expectedSpan(span: {
  name: string
  kind: number
  trace: number[]
  ids: number[]
  attributes: [string, AttributeValue][]
}): unknown {
  const { name, kind, trace, ids, attributes } = span
  const id = (at: number) => hex64(ids[at] as number, ids[at + 1] as number)
  const time = (at: number) => String((BigInt(ids[at + 1] ?? 0) << 32n) | BigInt(ids[at] ?? 0))
  const parent = id(2)
  // protobufjs leaves out what equals proto3's default.
  return {
    traceId: [...trace].reverse().map(hex32).join(''),
    spanId: id(0),
    ...(parent !== '0'.repeat(16) && { parentSpanId: parent }),
    ...(name !== '' && { name }),
    kind,
    ...(time(4) !== '0' && { startTimeUnixNano: time(4) }),
    ...(time(6) !== '0' && { endTimeUnixNano: time(6) }),
    ...(attributes.length > 0 && {
      attributes: attributes.map(([key, value]) => ({
        ...(key !== '' && { key }),
        value: expectedValue(value),
      })),
    }),
  }
}

function oneSpan(writer: TracesWriter): void {
  writer.beginResource()
  writer.attrString('service.name', 'api')
  writer.beginScope('flowspan', '1.2.3')
  writer.beginSpan()
  writer.traceId(TRACE, 1)
  writer.spanId(IDS, 1)
  writer.parentSpanId(IDS, 1)
  writer.name('GET /größe')
  writer.kind(SPAN_KIND.server)
  writer.start(TIMES, 0)
  writer.end(TIMES, 1)
}

test('`TracesWriter` writes a span that protobufjs reads back field by field', () => {
  const writer = new TracesWriter()
  oneSpan(writer)
  writer.flags(0x301)
  writer.traceState('a=b')
  writer.attrString('s', 'x'.repeat(200))
  writer.attrInt('i', -1)
  writer.attrInt('j', 2 ** 53)
  writer.attrDouble('d', 0.1)
  writer.attrBool('b', true)
  writer.attrStrings('l', ['x'.repeat(200), ''])
  writer.attrEncoded(encodeAttribute('e', 'constant'))
  writer.beginLink()
  writer.linkTraceId(TRACE, 1)
  writer.linkSpanId(IDS, 1)
  writer.attrString('why', 'candidate')
  writer.endLink()
  writer.attrBool('after', false)
  writer.status(STATUS_CODE.error, '502')
  const batch = writer.finish()
  assert.equal(batch.items, 1)
  const traceId = '000102030405060708090a0b0c0d0e0f'
  assert.deepEqual(decode(batch), {
    resourceSpans: [
      {
        resource: { attributes: [{ key: 'service.name', value: { stringValue: 'api' } }] },
        scopeSpans: [
          {
            scope: { name: 'flowspan', version: '1.2.3' },
            spans: [
              {
                traceId,
                spanId: 'feedfacedeadbeef',
                parentSpanId: 'feedfacedeadbeef',
                traceState: 'a=b',
                flags: 0x301,
                name: 'GET /größe',
                kind: SPAN_KIND.server,
                startTimeUnixNano: String(0x7fffffffffffffffn),
                endTimeUnixNano: String(0x100000005n),
                attributes: [
                  { key: 's', value: { stringValue: 'x'.repeat(200) } },
                  { key: 'i', value: { intValue: '-1' } },
                  { key: 'j', value: { intValue: '9007199254740992' } },
                  { key: 'd', value: { doubleValue: 0.1 } },
                  { key: 'b', value: { boolValue: true } },
                  {
                    key: 'l',
                    value: {
                      arrayValue: {
                        values: [{ stringValue: 'x'.repeat(200) }, { stringValue: '' }],
                      },
                    },
                  },
                  { key: 'e', value: { stringValue: 'constant' } },
                  { key: 'after', value: { boolValue: false } },
                ],
                links: [
                  {
                    traceId,
                    spanId: 'feedfacedeadbeef',
                    attributes: [{ key: 'why', value: { stringValue: 'candidate' } }],
                  },
                ],
                status: { code: STATUS_CODE.error, message: '502' },
              },
            ],
          },
        ],
      },
    ],
  })
})

test('`TracesWriter` writes any spans, under any resources and scopes, as protobufjs reads them', () => {
  const attribute = fc.tuple(fc.string({ maxLength: 150 }), ATTRIBUTE_VALUE)
  const span = fc.record({
    name: fc.string({ unit: 'binary', maxLength: 100 }),
    kind: fc.integer({ min: 1, max: 5 }),
    trace: fc.array(U32, { minLength: 4, maxLength: 4 }),
    ids: fc.array(U32, { minLength: 8, maxLength: 8 }),
    attributes: fc.array(attribute, { maxLength: 30 }),
  })
  const request = fc.array(
    fc.array(fc.array(span, { maxLength: 3 }), { minLength: 1, maxLength: 3 }),
  )
  const writer = new TracesWriter()
  fc.assert(
    fc.property(request, (resources) => {
      for (const [r, scopes] of resources.entries()) {
        writer.beginResource()
        writer.attrInt('r', r)
        for (const [s, spans] of scopes.entries()) {
          writer.beginScope(`scope ${s}`, '')
          for (const { name, kind, trace, ids, attributes } of spans) {
            writer.beginSpan()
            writer.traceId(Uint32Array.from(trace), 0)
            writer.spanId(Uint32Array.from(ids), 0)
            writer.parentSpanId(Uint32Array.from(ids), 1)
            writer.name(name)
            writer.kind(kind)
            writer.start(Uint32Array.from(ids), 2)
            writer.end(Uint32Array.from(ids), 3)
            for (const [key, value] of attributes) append(writer, key, value)
          }
        }
      }
      const spans = resources.flat(2)
      const batch = writer.finish()
      assert.equal(batch.items, spans.length)
      assert.equal(countItems('traces', batch.bytes), spans.length)
      const decoded = decode(batch)
      assert.deepEqual(
        (decoded.resourceSpans ?? []).map((x: { resource: unknown }) => x.resource),
        resources.map((_, r) => ({ attributes: [{ key: 'r', value: { intValue: String(r) } }] })),
      )
      assert.deepEqual(
        (decoded.resourceSpans ?? []).flatMap((r: Decoded) =>
          (r.scopeSpans ?? []).flatMap((s: Decoded) => s.spans ?? []),
        ),
        spans.map(expectedSpan),
      )
    }),
    { numRuns: 200 },
  )
})

test('`beginSpanOf` writes what the calls for each field of the head write', () => {
  const columns = fc.record({
    traceId: fc.array(U32, { minLength: 8, maxLength: 8 }),
    spanId: fc.array(U32, { minLength: 4, maxLength: 4 }),
    parentSpanId: fc.array(fc.oneof(fc.constant(0), U32), { minLength: 4, maxLength: 4 }),
    start: fc.array(U32, { minLength: 4, maxLength: 4 }),
    end: fc.array(U32, { minLength: 4, maxLength: 4 }),
  })
  fc.assert(
    fc.property(columns, (lists) => {
      const from = Object.fromEntries(
        Object.entries(lists).map(([name, list]) => [name, Uint32Array.from(list)]),
      ) as unknown as SpanColumns
      const [writer, oracle] = [new TracesWriter(), new TracesWriter()]
      for (const each of [writer, oracle]) {
        each.beginResource()
        each.beginScope('', '')
      }
      for (const row of [0, 1]) {
        writer.beginSpanOf(from, row)
        oracle.beginSpan()
        oracle.traceId(from.traceId, row)
        oracle.spanId(from.spanId, row)
        oracle.parentSpanId(from.parentSpanId, row)
        oracle.start(from.start, row)
        oracle.end(from.end, row)
        for (const each of [writer, oracle]) each.attrInt('row', row)
      }
      assert.deepEqual(writer.finish(), oracle.finish())
    }),
  )
})

test('attributes behind a prefix are those by key, of any length', () => {
  const prefix = attributePrefix(SPAN_ATTRIBUTES, 'key')
  fc.assert(
    fc.property(fc.nat(300), fc.boolean(), fc.maxSafeInteger(), (length, isWide, int) => {
      const text = (isWide ? 'é' : 'x').repeat(length)
      const [writer, oracle] = [new TracesWriter(), new TracesWriter()]
      for (const each of [writer, oracle]) {
        each.beginResource()
        each.beginScope('', '')
        each.beginSpan()
      }
      writer.attrStringBehind(prefix, text)
      writer.attrIntBehind(prefix, int)
      oracle.attrString('key', text)
      oracle.attrInt('key', int)
      assert.deepEqual(writer.finish(), oracle.finish())
    }),
  )
})

test('`again` writes what was written, and `moves` tells when it is no longer there', () => {
  const writer = new TracesWriter()
  oneSpan(writer)
  const start = writer.bytes
  writer.attrString('key', 'value')
  const end = writer.bytes
  const { moves } = writer
  writer.attrString('long', 'x'.repeat(200))
  writer.beginSpan()
  assert.equal(writer.moves, moves)
  writer.again(start, end)
  writer.beginResource()
  assert.ok(writer.moves > moves, 'the resource is shorter than was guessed')
  const [resource] = decode(writer.finish()).resourceSpans
  const [first, second] = resource.scopeSpans[0].spans
  assert.deepEqual(second.attributes, [{ key: 'key', value: { stringValue: 'value' } }])
  assert.deepEqual(first.attributes[0], second.attributes[0])
})

test('`TracesWriter` is empty after `finish`, and `bytes` tells how much it holds', () => {
  const writer = new TracesWriter()
  oneSpan(writer)
  assert.ok(writer.bytes > 50)
  const first = writer.finish()
  assert.equal(writer.bytes, 0)
  oneSpan(writer)
  assert.deepEqual(writer.finish(), first)
  assert.deepEqual(writer.finish(), { signal: 'traces', bytes: new Uint8Array(0), items: 0 })
})

test('two requests one after the other are one request with the spans of both', () => {
  const writer = new TracesWriter()
  oneSpan(writer)
  const one = writer.finish().bytes
  const both = { signal: 'traces' as const, bytes: Buffer.concat([one, one]), items: 2 }
  assert.equal(decode(both).resourceSpans.length, 2)
  assert.equal(countItems('traces', both.bytes), 2)
})
