import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FlowBatch } from '../../../../pipeline/flows/batch.ts'
import { Texts } from '../../../../pipeline/flows/conventions/texts.ts'

function batchOf(...strings: string[]): FlowBatch {
  const batch = new FlowBatch(1)
  for (const text of strings) batch.strings.intern(text)
  return batch
}

test('a text has one number in all batches, whatever its index, and the empty one is 0', () => {
  const texts = new Texts()
  assert.equal(texts.begin(batchOf('a', 'b')), false)
  assert.equal(texts.at(0), 0)
  const [a, b] = [texts.at(1), texts.at(2)]
  assert.equal(new Set([0, a, b]).size, 3)
  assert.equal(texts.begin(batchOf('b', 'c', 'a')), false)
  assert.deepEqual([texts.at(1), texts.at(3)], [b, a])
  assert.ok(![0, a, b].includes(texts.at(2)))
})

test('when too many are remembered, the next batch is told that numbers are new', () => {
  const texts = new Texts()
  const many = Array.from({ length: 10_000 }, (_, i) => `text ${i}`)
  assert.equal(texts.begin(batchOf(...many)), false)
  const numbers = many.map((_, i) => texts.at(i + 1))
  assert.equal(new Set(numbers).size, many.length)
  assert.equal(texts.begin(batchOf('text 17')), true)
  texts.at(1)
  assert.equal(texts.begin(batchOf('text 17')), false)
})

test('a long text has a number of its own in a batch, and is not remembered', () => {
  const texts = new Texts()
  const long = 'x'.repeat(1000)
  texts.begin(batchOf('a', long))
  const [a, first] = [texts.at(1), texts.at(2)]
  assert.equal(texts.at(2), first)
  texts.begin(batchOf(long, 'a', 'b'))
  assert.equal(texts.at(2), a)
  assert.equal(new Set([a, first, texts.at(1), texts.at(3)]).size, 4)
})
