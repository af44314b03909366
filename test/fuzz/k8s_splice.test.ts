/** Attributes that are spliced in are where a decoder finds them, and nothing else has changed. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { OtlpBatch } from '../../pipeline/otlp/batch.ts'
import { attributeOf } from '../../processors/k8s_attributes/otlp_attributes.ts'
import { splice } from '../../processors/k8s_attributes/splice.ts'
import { arbitraryMessage } from '../proto/arbitrary.ts'
import { decode, descending, encode, requestType } from '../proto/otlp.ts'

const SIGNALS = ['traces', 'metrics', 'logs'] as const
const RESOURCES = { traces: 'resourceSpans', metrics: 'resourceMetrics', logs: 'resourceLogs' }
/** Lengths on both sides of the border between varints of one and two bytes. */
const added = ['x', 'y'.repeat(130)].map((value, i) => attributeOf(`added.${i}`, value))
const plain = added.map(({ key }, i) => ({
  key,
  value: { stringValue: i === 0 ? 'x' : 'y'.repeat(130) },
}))

for (const signal of SIGNALS) {
  test(`${signal}: any request, in any order of fields`, () => {
    const type = requestType(signal)
    fc.assert(
      fc.property(arbitraryMessage(type), fc.boolean(), (message, reversed) => {
        const batch = encode(signal, message)
        const bytes = reversed ? descending(type, batch.bytes) : batch.bytes
        const expected = decode({ ...batch, bytes })
        for (const one of expected[RESOURCES[signal]] ?? []) {
          one.resource ??= {}
          one.resource.attributes = [...(one.resource.attributes ?? []), ...plain]
        }
        const spliced = splice(bytes, () => added)
        assert.ok(spliced instanceof Uint8Array)
        assert.deepEqual(decode({ ...batch, bytes: spliced }), expected)
        assert.equal(
          splice(bytes, () => []),
          bytes,
        )
      }),
      { numRuns: 150 },
    )
  })
}

test('bytes that are no request are told, and never throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const spliced = splice(bytes, () => added)
      assert.ok(spliced instanceof Uint8Array || spliced.kind === 'malformed')
    }),
  )
  assert.ok('kind' in splice(Uint8Array.of(10, 5, 1), () => added))
})

test('a resource in several pieces becomes one, and an empty attribute makes room', () => {
  const type = requestType('traces')
  const attribute = (key: string, stringValue: string) => ({ key, value: { stringValue } })
  const piece = (...attributes: object[]) =>
    encode('traces', { resourceSpans: [{ resource: { attributes } }] }).bytes.subarray(2)
  const parts = Buffer.concat([
    piece(attribute('a', '1'), attribute('added.0', '')),
    piece({ key: 'added.1', value: {} }, attribute('b', '2')),
  ])
  const bytes = Buffer.concat([Uint8Array.of(10, parts.length), parts])
  const known: object[] = []
  const spliced = splice(bytes, (attributes) => {
    known.push(Object.fromEntries(attributes))
    return added
  })
  assert.deepEqual(known, [{ a: '1', 'added.0': '', 'added.1': '', b: '2' }])
  assert.ok(spliced instanceof Uint8Array)
  const batch: OtlpBatch = { signal: 'traces', bytes: spliced, items: 0 }
  const [one] = decode(batch).resourceSpans
  assert.deepEqual(one.resource.attributes, [attribute('a', '1'), attribute('b', '2'), ...plain])
  assert.equal(type.decode(spliced) !== undefined, true)
})
