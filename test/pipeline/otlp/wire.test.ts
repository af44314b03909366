import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import protobuf from 'protobufjs'
import { putVarint, varintSize } from '../../../pipeline/otlp/varint.ts'
import { LEN, tag, WireWriter } from '../../../pipeline/otlp/wire.ts'
import { FieldReader, WireSource } from '../../../pipeline/otlp/wire_reader.ts'

const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
const safe = fc.oneof(fc.integer({ min: -(2 ** 31) }), fc.maxSafeInteger())

function halves(value: bigint): [number, number] {
  const unsigned = BigInt.asUintN(64, value)
  return [Number(unsigned & 0xffffffffn), Number(unsigned >> 32n)]
}

function long(value: bigint): protobuf.Long {
  const [lo, hi] = halves(value)
  return new protobuf.util.Long(lo, hi) as protobuf.Long
}

test('`WireWriter` writes the bytes that protobufjs writes, in a buffer that has to grow', () => {
  const field = fc.integer({ min: 1, max: 2 ** 20 })
  fc.assert(
    fc.property(field, safe, int64, fc.double(), (number, whole, big, double) => {
      const wire = new WireWriter(1)
      const [lo, hi] = halves(big)
      wire.int(tag(number, 0), whole)
      wire.uint(tag(number, 0), Math.abs(whole))
      wire.uint64(tag(number, 0), lo, hi)
      wire.fixed64(tag(number, 1), lo, hi)
      wire.sfixed64(tag(number, 1), whole)
      wire.double(tag(number, 1), double)
      wire.fixed32(tag(number, 5), lo)
      const oracle = protobuf.Writer.create()
      oracle.uint32(tag(number, 0)).int64(whole)
      oracle.uint32(tag(number, 0)).uint64(Math.abs(whole))
      oracle.uint32(tag(number, 0)).int64(long(big))
      oracle.uint32(tag(number, 1)).sfixed64(long(big))
      oracle.uint32(tag(number, 1)).sfixed64(whole)
      oracle.uint32(tag(number, 1)).double(double)
      oracle.uint32(tag(number, 5)).fixed32(lo)
      assert.deepEqual(Buffer.from(wire.take()), Buffer.from(oracle.finish()))
    }),
    { numRuns: 2000 },
  )
})

test('what `take` gave stays as it was, however much is written then', () => {
  const size = fc.oneof(fc.nat(100), fc.integer({ min: 30_000, max: 200_000 }))
  fc.assert(
    fc.property(fc.array(size, { minLength: 2, maxLength: 8 }), (sizes) => {
      const wire = new WireWriter(1)
      const taken = sizes.map((length, i) => {
        for (let left = length; left > 0; left -= 1000) {
          wire.raw(new Uint8Array(Math.min(1000, left)).fill(i + 1))
        }
        return wire.take()
      })
      for (const [i, bytes] of taken.entries()) {
        assert.equal(bytes.length, sizes[i])
        assert.ok(bytes.every((byte) => byte === i + 1))
      }
    }),
  )
})

test('`WireWriter.string` writes UTF-8 with a minimal length, whatever the text', () => {
  const text = fc.oneof(
    fc.string({ maxLength: 300 }),
    fc.string({ unit: 'binary', maxLength: 300 }),
    fc.constantFrom('x'.repeat(127), 'x'.repeat(128), 'é'.repeat(64), 'x'.repeat(16_384), ''),
  )
  fc.assert(
    fc.property(text, (value) => {
      const wire = new WireWriter(1)
      wire.string(tag(1, LEN), value)
      const oracle = protobuf.Writer.create().uint32(tag(1, LEN)).string(value).finish()
      assert.deepEqual(Buffer.from(wire.take()), Buffer.from(oracle))
    }),
    { numRuns: 2000 },
  )
})

test('`WireWriter.string` writes U+FFFD for a lone surrogate', () => {
  const wire = new WireWriter()
  wire.string(tag(1, LEN), 'a\ud800b')
  assert.deepEqual(Buffer.from(wire.take()).subarray(2).toString(), 'a\ufffdb')
})

test('`close` writes a minimal length whichever size was guessed, and outer lengths stay right', () => {
  const size = fc.constantFrom(0, 1, 127, 128, 16_383, 16_384, 2_097_152)
  fc.assert(
    fc.property(size, fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5 }), (n, a, b) => {
      const wire = new WireWriter(64)
      const outer = wire.open(tag(1, LEN), a)
      const inner = wire.open(tag(2, LEN), b)
      wire.raw(new Uint8Array(n).fill(7))
      wire.close(inner, b)
      wire.close(outer, a)
      const content = protobuf.Writer.create().uint32(tag(2, LEN)).bytes(new Uint8Array(n).fill(7))
      const whole = protobuf.Writer.create().uint32(tag(1, LEN)).bytes(content.finish()).finish()
      assert.ok(Buffer.from(whole).equals(wire.take()))
    }),
    { numRuns: 60 },
  )
})

test('`varintSize` is the number of bytes a length takes', () => {
  for (const [length, size] of [
    [0, 1],
    [127, 1],
    [128, 2],
    [16_383, 2],
    [16_384, 3],
    [2_097_151, 3],
    [2_097_152, 4],
    [268_435_456, 5],
    [2 ** 35 - 1, 5],
    [2 ** 35, 6],
    [2 ** 42, 7],
    [2 ** 49, 8],
    [2 ** 53, 8],
  ] as const) {
    assert.equal(varintSize(length), size)
    assert.equal(protobuf.Writer.create().uint64(length).finish().length, size)
  }
})

test('`putVarint` writes as many bytes as `varintSize` tells, and what protobufjs writes', () => {
  const bytes = new Uint8Array(10)
  fc.assert(
    fc.property(fc.oneof(fc.nat(), fc.maxSafeNat()), (value) => {
      assert.equal(putVarint(bytes, 1, value), 1 + varintSize(value))
      const oracle = protobuf.Writer.create().uint64(value).finish()
      assert.deepEqual([...bytes.subarray(1, 1 + oracle.length)], [...oracle])
    }),
  )
})

test('`FieldReader` reads varints of any length up to ten bytes and refuses an eleventh', () => {
  fc.assert(
    fc.property(int64, (value) => {
      const bytes = protobuf.Writer.create().uint32(tag(1, 0))
      bytes.int64(long(value))
      const source = new WireSource(bytes.finish())
      const reader = new FieldReader(source)
      reader.reset(0, source.bytes.length)
      assert.ok(reader.next())
      assert.deepEqual([reader.lo, reader.hi], halves(value))
      assert.ok(!reader.next())
      assert.equal(source.fault, undefined)
    }),
  )
  const endless = new WireSource(Uint8Array.of(8, ...new Array(10).fill(0x80), 0))
  const reader = new FieldReader(endless)
  reader.reset(0, endless.bytes.length)
  assert.ok(!reader.next())
  assert.equal(endless.fault?.reason, 'value is not a varint')
})
