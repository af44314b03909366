import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { NONE } from '../../../processors/stitch/id_log.ts'
import { RECORD_WORDS } from '../../../processors/stitch/record.ts'
import { EXPECTED, SlotList, SpanTable } from '../../../processors/stitch/span_table.ts'

/** Low halves that meet in one bucket as long as the table is small. */
const ID = fc.tuple(
  fc.constantFrom(0, 1, 2, 0x400, 0x800, -1),
  fc.constantFrom(0, 1, 2, -0x80000000),
)

test('find gives the slot of each id that is in, and of no other', () => {
  const step = fc.tuple(fc.boolean(), ID)
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const spans = new SpanTable()
      const model = new Map<string, number>()
      for (const [inserts, [lo, hi]] of steps) {
        const key = `${lo} ${hi}`
        const slot = model.get(key)
        assert.equal(spans.find(lo, hi), slot ?? NONE)
        if (inserts && slot === undefined) model.set(key, spans.insert(lo, hi))
        if (!inserts && slot !== undefined) {
          spans.remove(slot)
          model.delete(key)
        }
        assert.equal(spans.size, model.size)
      }
      assert.equal(new Set(model.values()).size, model.size, 'a slot each')
    }),
  )
})

test('all slots keep what they hold while the table grows', () => {
  const spans = new SpanTable()
  const slots: number[] = []
  for (let i = 0; i < 5000; i++) {
    const slot = spans.insert(i * 7, i)
    slots.push(slot)
    spans.time[slot] = i
    spans.parent[slot] = i - 1
  }
  for (const [i, slot] of slots.entries()) {
    assert.equal(spans.find(i * 7, i), slot)
    assert.equal(spans.time[slot], i)
    assert.equal(spans.parent[slot], i - 1)
  }
})

test('a slot that is used again is blank', () => {
  const spans = new SpanTable()
  const slot = spans.insert(1, 2)
  const at = slot * RECORD_WORDS
  spans.words.fill(9, at + 2, at + RECORD_WORDS)
  spans.parent[slot] = spans.waiter[slot] = spans.rows[slot] = 3
  spans.remove(slot)
  assert.equal(spans.insert(3, 4), slot)
  const words = spans.words.subarray(at, at + RECORD_WORDS)
  assert.deepEqual([...words], [3, 4, ...Array(RECORD_WORDS - 2).fill(0)])
  assert.equal(spans.state[slot], EXPECTED)
  for (const column of [spans.parent, spans.waiter, spans.rows]) assert.equal(column[slot], NONE)
})

function waitersOf(spans: SpanTable, slot: number): number[] {
  const all: number[] = []
  for (let at = spans.waiter[slot] as number; at !== NONE; at = spans.waiterNext[at] as number) {
    all.push(at)
  }
  return all
}

test('waiters can be unlinked in any order', () => {
  const order = fc.shuffledSubarray([1, 2, 3, 4, 5, 6], { minLength: 6 })
  fc.assert(
    fc.property(order, (gone) => {
      const spans = new SpanTable()
      const slots = Array.from({ length: 7 }, (_, i) => spans.insert(i, 0))
      const parent = slots[0] as number
      for (const slot of slots.slice(1)) spans.link(slot, parent)
      const left = new Set(slots.slice(1))
      for (const i of gone) {
        const slot = slots[i] as number
        assert.equal(spans.unlink(slot), parent)
        assert.equal(spans.unlink(slot), NONE)
        left.delete(slot)
        assert.deepEqual(new Set(waitersOf(spans, parent)), left)
      }
    }),
  )
})

test('a list keeps the order of entry whoever leaves', () => {
  const steps = fc.array(fc.nat(5), { maxLength: 40 })
  fc.assert(
    fc.property(steps, (toggled) => {
      const spans = new SpanTable()
      const slots = Array.from({ length: 6 }, (_, i) => spans.insert(i, 0))
      const list = new SlotList(spans)
      let model: number[] = []
      for (const i of toggled) {
        const slot = slots[i] as number
        if (model.includes(slot)) {
          list.remove(slot)
          model = model.filter((other) => other !== slot)
        } else {
          list.push(slot)
          model.push(slot)
        }
        const got: number[] = []
        for (let at = list.head; at !== NONE; at = spans.next[at] as number) got.push(at)
        assert.deepEqual(got, model)
      }
    }),
  )
})
