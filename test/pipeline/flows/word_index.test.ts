import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { WordIndex } from '../../../pipeline/flows/word_index.ts'

const WORD = fc.oneof(fc.nat(3), fc.constantFrom(2 ** 32 - 1, 1 << 16, 2 << 16), fc.nat())

test('it gives what was set for the same words, and for no others', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(WORD, WORD), { maxLength: 500 }), (keys) => {
      const index = new WordIndex<string>(2, 1000)
      const model = new Map<string, string>()
      for (const key of keys) {
        index.words.set(key)
        assert.equal(index.get(), model.get(`${key}`))
        if (!model.has(`${key}`)) {
          model.set(`${key}`, `value of ${key}`)
          index.set(`value of ${key}`)
        }
      }
      for (const [key, value] of model) {
        index.words.set(key.split(',').map(Number))
        assert.equal(index.get(), value)
      }
    }),
  )
})

test('all are forgotten beyond entriesMax, and by `clear`', () => {
  const index = new WordIndex<number>(1, 3)
  const found = (word: number) => {
    index.words[0] = word
    return index.get()
  }
  for (let i = 0; i < 4; i++) {
    assert.equal(found(i), undefined)
    index.set(i)
  }
  assert.deepEqual([0, 1, 2, 3].map(found), [undefined, undefined, undefined, 3])
  index.clear()
  assert.equal(found(3), undefined)
})
