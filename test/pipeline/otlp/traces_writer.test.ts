import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeAttribute } from '../../../pipeline/otlp/attributes.ts'
import { SPAN_KIND, STATUS_CODE, TracesWriter } from '../../../pipeline/otlp/traces_writer.ts'
import { decode } from '../../proto/otlp.ts'

const TRACE = Uint32Array.of(0, 0, 0, 0, 0x0c0d0e0f, 0x08090a0b, 0x04050607, 0x00010203)
const IDS = Uint32Array.of(0, 0, 0xdeadbeef, 0xfeedface)
const TIMES = Uint32Array.of(0xffffffff, 0x7fffffff, 5, 1)

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
