import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Pieces } from '../../../pipeline/server/pieces.ts'

test('what is joined is what was added, whatever the sizes', () => {
  const sizes = fc.array(fc.oneof(fc.nat(20), fc.nat(3000)), { maxLength: 100 })
  fc.assert(
    fc.property(sizes, (lengths) => {
      const pieces = new Pieces()
      const all = lengths.map((length, i) => Buffer.alloc(length, i))
      for (const piece of all) pieces.add(piece)
      const whole = Buffer.concat(all)
      assert.equal(pieces.bytes, whole.length)
      assert.deepEqual(pieces.joined(), whole)
    }),
  )
})

test('a sender who drips bytes makes no more than a buffer for every 16 KiB', () => {
  const pieces = new Pieces()
  for (let i = 0; i < 100_000; i++) pieces.add(Buffer.of(i))
  assert.ok(pieces.count <= 16 + 7, String(pieces.count))
  assert.equal(pieces.joined().length, 100_000)
  pieces.clear()
  assert.deepEqual([pieces.bytes, pieces.count], [0, 0])
})

test('the first pieces are kept as they come', () => {
  const pieces = new Pieces()
  for (let i = 0; i < 10; i++) pieces.add(Buffer.of(i))
  assert.equal(pieces.count, 10)
})
