import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { textOf } from '../../../pipeline/requests/texts.ts'

test('bytes give their text, whatever texts had their place before', () => {
  // Few and short, so that they come again; and so many that places are taken from one another.
  const parts = fc.uint8Array({ maxLength: 3 })
  fc.assert(
    fc.property(fc.array(parts, { maxLength: 200 }), (all) => {
      for (const part of all) {
        const bytes = Buffer.from([1, ...part, 2])
        assert.equal(textOf(bytes, 1, bytes.length - 1), Buffer.from(part).toString('latin1'))
      }
    }),
  )
  for (let i = 0; i < 20_000; i++) {
    const bytes = Buffer.from(`/orders/${i}`)
    assert.equal(textOf(bytes, 0, bytes.length), `/orders/${i}`)
  }
})

test('a text longer than is kept is as good', () => {
  const bytes = Buffer.alloc(5000, 'abc')
  assert.equal(textOf(bytes, 0, 5000), bytes.toString('latin1'))
})
