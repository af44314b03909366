import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { RequestHash, type RequestKey } from '../../../pipeline/flows/ids.ts'
import { ROLE } from '../../../pipeline/flows/schema.ts'

/**
 * MurmurHash3 x86_128 with seed 0, on bytes and in BigInt: written from the algorithm's description
 * for any length, so that it shares nothing with the one under test.
 */
function murmur3(bytes: Uint8Array): [bigint, bigint, bigint, bigint] {
  const u32 = (x: bigint) => x & 0xffffffffn
  const rotl = (x: bigint, n: bigint) => u32((x << n) | (x >> (32n - n)))
  const C = [0x239b961bn, 0xab0e9789n, 0x38b34ae5n, 0xa1e38b93n]
  const K_TURN = [15n, 16n, 17n, 18n]
  const H_TURN = [19n, 17n, 15n, 13n]
  const H_ADD = [0x561ccd1bn, 0x0bcaa747n, 0x96cd1c35n, 0x32ac3b17n]
  const word = (at: number) =>
    [0, 1, 2, 3].reduce((sum, i) => sum | (BigInt(bytes[at + i] ?? 0) << BigInt(8 * i)), 0n)
  const mixed = (k: bigint, i: number) => u32(rotl(u32(k * C[i]!), K_TURN[i]!) * C[(i + 1) % 4]!)
  const h = [0n, 0n, 0n, 0n]
  const blocks = Math.floor(bytes.length / 16)
  for (let block = 0; block < blocks; block++) {
    for (let i = 0; i < 4; i++) {
      h[i] = h[i]! ^ mixed(word(block * 16 + 4 * i), i)
      h[i] = u32((rotl(h[i]!, H_TURN[i]!) + h[(i + 1) % 4]!) * 5n + H_ADD[i]!)
    }
  }
  for (let i = 0; i < 4; i++) {
    const at = blocks * 16 + 4 * i
    if (at < bytes.length) h[i] = h[i]! ^ mixed(word(at), i)
  }
  for (let i = 0; i < 4; i++) h[i] = h[i]! ^ BigInt(bytes.length)
  const sum = () => {
    h[0] = u32(h[0]! + h[1]! + h[2]! + h[3]!)
    for (let i = 1; i < 4; i++) h[i] = u32(h[i]! + h[0]!)
  }
  sum()
  for (let i = 0; i < 4; i++) {
    let x = h[i]!
    x = u32((x ^ (x >> 16n)) * 0x85ebca6bn)
    x = u32((x ^ (x >> 13n)) * 0xc2b2ae35n)
    h[i] = x ^ (x >> 16n)
  }
  sum()
  return [h[0]!, h[1]!, h[2]!, h[3]!]
}

function hashOf(key: RequestKey): RequestHash {
  const hash = new RequestHash()
  hash.of(key)
  return hash
}

function bytesOf({ flowLo, flowHi, offset }: RequestKey, side: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(20))
  view.setUint32(0, flowLo, true)
  view.setUint32(4, flowHi, true)
  view.setBigUint64(8, BigInt(offset), true)
  view.setUint32(16, side, true)
  return new Uint8Array(view.buffer)
}

const U32 = fc.integer({ min: 0, max: 2 ** 32 - 1 })
const KEY: fc.Arbitrary<RequestKey> = fc.record({
  flowLo: U32,
  flowHi: U32,
  offset: fc.oneof(fc.nat(100_000), fc.maxSafeNat()),
})

test('the reference gives a published vector of MurmurHash3 x86_128', () => {
  const text = new TextEncoder().encode('The quick brown fox jumps over the lazy dog')
  const hex = murmur3(text)
    .map((word) => word.toString(16).padStart(8, '0'))
    .join('')
  assert.equal(hex, '2f1583c3ecee2c675d7bf66ce5e91d2c')
  assert.deepEqual(murmur3(new Uint8Array(0)), [0n, 0n, 0n, 0n])
})

test('a span id is the first 64 bits of the hash of flow, offset and role', () => {
  fc.assert(
    fc.property(KEY, fc.constantFrom('client', 'server'), (key, role) => {
      const out = new Uint32Array(4)
      hashOf(key).spanId(out, 1, ROLE[role as 'client' | 'server'])
      const [first, second] = murmur3(bytesOf(key, role === 'client' ? 0 : 1))
      assert.deepEqual([...out], [0, Number(first), Number(second) || 1, 0])
    }),
    { numRuns: 1000 },
  )
})

test('a trace id is all of the hash of flow and offset', () => {
  fc.assert(
    fc.property(KEY, (key) => {
      const out = new Uint32Array(6)
      hashOf(key).traceId(out, 1)
      const words = murmur3(bytesOf(key, 2)).map(Number)
      assert.deepEqual([...out], [0, ...words.slice(0, 3), words[3] || 1, 0])
    }),
    { numRuns: 1000 },
  )
})

/** Agents of different versions must agree: if these change, traces across them break. */
const PINNED = [
  '138dfefa',
  '2f388c46',
  '450f1f4a',
  'c9bd7bc0',
  '9c032f24',
  '7504a448',
  '13fcf388',
  'abadc6ff',
]

test('ids do not change from version to version', () => {
  const key = { flowLo: 0x89abcdef, flowHi: 0x01234567, offset: 2 ** 40 + 17 }
  const out = new Uint32Array(8)
  const hash = hashOf(key)
  hash.spanId(out, 0, ROLE.client)
  hash.spanId(out, 2, ROLE.server)
  hash.traceId(out, 4)
  assert.deepEqual(
    [...out].map((word) => word.toString(16)),
    PINNED,
  )
})
