import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { IdLog, NONE } from '../../../processors/stitch/id_log.ts'

const STRIDE = 3

type Id = readonly [lo: number, hi: number]

const ID: fc.Arbitrary<Id> = fc.tuple(
  fc.constantFrom(0, 1, 2, -0x80000000, -1),
  fc.constantFrom(1, 2, 0x40000000, -1),
)

const STEP = fc.record({
  does: fc.constantFrom('append', 'append', 'append', 'remove', 'renew', 'forget'),
  id: ID,
})

/** Several ids have one. */
const numberOf = ([lo]: Id): number => lo & ~1

function append(log: IdLog, id: Id, word: number): void {
  const place = log.append(...id, numberOf(id))
  log.words[place * STRIDE + 2] = word
}

test('find gives the entry of each id that is in, and the oldest is the one that came first', () => {
  fc.assert(
    fc.property(fc.array(STEP, { maxLength: 200 }), (steps) => {
      const log = new IdLog(STRIDE)
      // In order of coming, with the word that each entry has beside its id.
      const model = new Map<string, number>()
      for (const [i, { does, id }] of steps.entries()) {
        const key = id.join()
        const place = log.find(...id, numberOf(id))
        assert.equal(place === NONE ? undefined : log.words[place * STRIDE + 2], model.get(key))
        if (does === 'append' && place === NONE) {
          append(log, id, i)
          model.set(key, i)
        } else if (does === 'remove' && place !== NONE) {
          log.remove(place)
          model.delete(key)
        } else if (does === 'renew' && place !== NONE) {
          assert.equal(log.renew(place), log.find(...id, numberOf(id)))
          const word = model.get(key) as number
          model.delete(key)
          model.set(key, word)
        } else if (does === 'forget') {
          const [first] = model
          const { oldest } = log
          assert.equal(oldest === NONE ? undefined : log.words[oldest * STRIDE + 2], first?.[1])
          if (oldest !== NONE) log.remove(oldest)
          if (first !== undefined) model.delete(first[0])
        }
        assert.equal(log.size, model.size)
      }
    }),
    { numRuns: 300 },
  )
})

test('all entries are found while the log grows, and while the oldest go for the newest', () => {
  const log = new IdLog(STRIDE)
  const kept = 5000
  for (let i = 0; i < 4 * kept; i++) {
    append(log, [i, 1], i)
    if (i >= kept) log.remove(log.oldest)
    if (i % 997 !== 0) continue
    for (let other = 0; other <= i; other++) {
      const place = log.find(other, 1, numberOf([other, 1]))
      assert.equal(place === NONE ? NONE : log.words[place * STRIDE + 2], at(other, i))
    }
  }
  function at(other: number, now: number): number {
    return other > now - kept ? other : NONE
  }
})

test('what is renewed again and again takes the room of a few entries', () => {
  const log = new IdLog(STRIDE)
  for (let i = 1; i <= 40; i++) log.append(i, 1, i)
  for (let i = 0; i < 100_000; i++) log.renew(log.find((i % 40) + 1, 1, (i % 40) + 1))
  assert.ok(log.words.length <= 100 * STRIDE)
  for (let i = 1; i <= 40; i++) assert.notEqual(log.find(i, 1, i), NONE)
})
