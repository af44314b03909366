import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeRecord, encodeRecord } from '../../pipeline/exporter/record.ts'
import type { OtlpBatch } from '../../pipeline/otlp/batch.ts'

const text = fc.string({ unit: 'grapheme', maxLength: 20 })
const name = fc
  .string({ unit: 'grapheme-ascii', maxLength: 10 })
  .filter((key) => !['authorization', 'cookie', 'proxy-authorization'].includes(key))
const batches: fc.Arbitrary<OtlpBatch> = fc.record(
  {
    signal: fc.constantFrom('traces', 'metrics', 'logs'),
    items: fc.nat(Number.MAX_SAFE_INTEGER),
    bytes: fc.uint8Array({ maxLength: 300 }),
    client: fc.record(
      {
        address: text,
        metadata: fc.dictionary(name, fc.array(text, { maxLength: 3 }), { minKeys: 1 }),
      },
      { requiredKeys: [] },
    ),
  },
  { requiredKeys: ['signal', 'items', 'bytes'] },
)

test('a record is read as it was written', () => {
  fc.assert(
    fc.property(batches, (batch) => {
      const read = decodeRecord(Buffer.concat(encodeRecord(batch)))
      assert.ok(!('kind' in read), JSON.stringify(read))
      const plain = (of: OtlpBatch) => JSON.parse(JSON.stringify({ ...of, bytes: [...of.bytes] }))
      assert.deepEqual(plain(read), plain(batch))
    }),
    { numRuns: 1000 },
  )
})

test('credentials that a client sent are not written', () => {
  const metadata = { authorization: ['Bearer s3cret'], cookie: ['s3cret'], 'x-tenant': ['a'] }
  const batch = {
    signal: 'traces',
    items: 1,
    bytes: new Uint8Array(3),
    client: { metadata },
  } as const
  const record = Buffer.concat(encodeRecord(batch))
  assert.ok(!record.includes('s3cret'))
  const read = decodeRecord(record)
  assert.deepEqual('client' in read && read.client, { metadata: { 'x-tenant': ['a'] } })
})

test('random, damaged and cut records are values, and nothing longer than they are', () => {
  const judge = (bytes: Uint8Array) => {
    const read = decodeRecord(bytes)
    if ('kind' in read) assert.equal(read.kind, 'malformed')
    else assert.ok(read.bytes.length <= bytes.length && Number.isSafeInteger(read.items))
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), judge), { numRuns: 3000 })
  fc.assert(
    fc.property(batches, fc.nat(), fc.nat(255), fc.nat(), (batch, at, byte, cut) => {
      const record = Buffer.concat(encodeRecord(batch))
      record[at % record.length] = byte
      judge(record)
      judge(record.subarray(0, cut % record.length))
    }),
    { numRuns: 2000 },
  )
})

test('what a later version wrote is not taken for what it is not', () => {
  const batch = { signal: 'logs', items: 2, bytes: Uint8Array.of(1) } as const
  const record = Buffer.concat(encodeRecord(batch))
  record[1] = 2
  const read = decodeRecord(record)
  assert.equal('kind' in read && read.reason, 'version 2 of the record is not known')
})
