import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  add,
  difference,
  fromNumber,
  hex32,
  hex64,
  rfc3339,
  toNumber,
  unixMs,
  wallClockNs,
} from '../../pipeline/u64.ts'

const MASK = 0xffffffffn
const WRAP = 1n << 64n
/** 9999-12-31T23:59:59.999999999Z: the last moment that RFC 3339 can write. */
const LAST_NS = 253_402_300_800_000_000_000n - 1n

const lo = (value: bigint): number => Number(value & MASK)
const hi = (value: bigint): number => Number((value >> 32n) & MASK)
const big = (out: Uint32Array, at = 0): bigint =>
  (BigInt(out[at + 1] as number) << 32n) | BigInt(out[at] as number)

const U64 = fc.bigInt({ min: 0n, max: WRAP - 1n })
const SAFE = fc.maxSafeInteger()

test('hex64 writes what BigInt writes', () => {
  fc.assert(
    fc.property(U64, (value) => {
      assert.equal(hex64(lo(value), hi(value)), value.toString(16).padStart(16, '0'))
    }),
  )
  assert.equal(hex32(-1), 'ffffffff')
})

test('toNumber and fromNumber are exact up to 2^53', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (value) => {
      const out = new Uint32Array(4)
      fromNumber(out, 2, value)
      assert.deepEqual([out[0], out[1]], [0, 0])
      assert.equal(toNumber(out[2] as number, out[3] as number), value)
      assert.equal(big(out, 2), BigInt(value))
    }),
  )
})

test('toNumber rounds larger values as BigInt does', () => {
  fc.assert(
    fc.property(U64, (value) => assert.equal(toNumber(lo(value), hi(value)), Number(value))),
  )
})

test('add is addition modulo 2^64', () => {
  fc.assert(
    fc.property(U64, SAFE, (value, delta) => {
      const out = new Uint32Array(2)
      add(out, 0, [lo(value), hi(value)], delta)
      assert.equal(big(out), BigInt.asUintN(64, value + BigInt(delta)))
    }),
  )
})

test('difference is exact where it is below 2^53', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 2n ** 53n, max: WRAP - 2n ** 53n }), SAFE, (a, delta) => {
      const b = a + BigInt(delta)
      assert.equal(difference(lo(b), hi(b), lo(a), hi(a)), delta)
    }),
  )
})

test('rfc3339 is exact to the nanosecond', () => {
  const reference = (ns: bigint): string => {
    const text = new Date(Number(ns / 1_000_000_000n) * 1000).toISOString().slice(0, 19)
    return `${text}.${String(ns % 1_000_000_000n).padStart(9, '0')}Z`
  }
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: WRAP - 1n }), (ns) => {
      assert.equal(rfc3339(lo(ns), hi(ns)), reference(ns))
    }),
    { numRuns: 2000 },
  )
  for (const ns of [0n, 999_999_999n, 1_000_000_000n, 2n ** 32n - 1n, 2n ** 32n, WRAP - 1n]) {
    assert.equal(rfc3339(lo(ns), hi(ns)), reference(ns))
  }
  assert(WRAP < LAST_NS, 'every u64 is a year that RFC 3339 can write')
  assert.equal(rfc3339(0, 0), '1970-01-01T00:00:00.000000000Z')
})

test('unixMs rounds down, to within the double’s precision', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 4_000_000_000_000_000_000n }), (ns) => {
      // A double holds nanoseconds of today to 256 ns, so only the last of a millisecond may round.
      const exact = Number(ns / 1_000_000n)
      const got = unixMs(lo(ns), hi(ns))
      const nearNext = ns % 1_000_000n > 999_000n
      assert(got === exact || (nearNext && got === exact + 1), `${got} for ${ns}`)
    }),
  )
})

test('wallClockNs is the wall clock', () => {
  const out = new Uint32Array(4)
  const before = performance.timeOrigin + performance.now()
  wallClockNs(out, 2)
  const after = performance.timeOrigin + performance.now()
  const ms = Number(big(out, 2)) / 1e6
  assert(ms >= before - 0.001 && ms <= after + 0.001, `${before} ≤ ${ms} ≤ ${after}`)
  assert.equal(big(out), 0n)
})
