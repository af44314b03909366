import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { RowIndex } from '../../../pipeline/flows/row_index.ts'

const NUMBER = fc.oneof(fc.constantFrom(0, 1, 2, 2 ** 32 - 1, -1), fc.maxSafeInteger())

test('it gives what was set for the same numbers, and for no others', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(NUMBER, NUMBER), { maxLength: 50 }), (keys) => {
      const index = new RowIndex<string>(2)
      const model = new Map<string, string>()
      for (const key of keys) {
        index.numbers.set(key)
        assert.equal(index.get(), model.get(`${key}`))
        if (!model.has(`${key}`)) {
          model.set(`${key}`, `value of ${key}`)
          index.set(`value of ${key}`)
        }
      }
      assert.equal(index.size, model.size)
    }),
  )
})

test('beyond entriesMax all are forgotten', () => {
  const index = new RowIndex<number>(1, 3)
  for (let i = 0; i < 4; i++) {
    index.numbers[0] = i
    index.set(i)
  }
  assert.equal(index.size, 1)
  assert.equal(index.get(), 3)
  index.numbers[0] = 0
  assert.equal(index.get(), undefined)
})
