import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FlowBatch } from '../../../pipeline/flows/batch.ts'
import type { GroupName } from '../../../pipeline/flows/schema.ts'
import { cells, columnsOf, fill, GROUPS } from './cells.ts'

const SEEDS = fc.array(fc.nat(), { minLength: 1, maxLength: 12 })
const SOME_GROUPS = fc
  .subarray(GROUPS)
  .map((groups): GroupName[] => ['base', ...groups.filter((group) => group !== 'base')])

function filled(seeds: readonly number[], groups: readonly GroupName[]): FlowBatch {
  const batch = new FlowBatch(seeds.length + 3)
  for (const seed of seeds) fill(batch, seed, groups)
  return batch
}

test('a new batch has room for its capacity, and all cells are 0', () => {
  const batch = new FlowBatch(2)
  assert.equal(batch.rows, 0)
  assert.equal(batch.addRow(), 0)
  assert.equal(batch.addRow(), 1)
  assert.equal(batch.full, true)
  assert.throws(() => batch.addRow(), RangeError)
  for (const value of Object.values(cells(batch, 1))) {
    assert(value === '' || (value as number[]).every((n) => n === 0))
  }
})

test('a group is there once it was added, with the same columns each time', () => {
  const batch = new FlowBatch(1)
  assert.deepEqual(
    GROUPS.filter((group) => batch.has(group)),
    ['base'],
  )
  assert.equal(batch.k8s, undefined)
  assert.equal(batch.add('k8s'), batch.k8s)
  assert.equal(batch.add('stitch'), batch.stitch)
})

test('cells do not overlap: each keeps what was written to it', () => {
  const batch = new FlowBatch(3)
  for (let row = 0; row < 3; row++) batch.addRow()
  const all = GROUPS.flatMap((group) => columnsOf(batch, group))
  let n = 0
  for (const { array } of all) for (let i = 0; i < array.length; i++) array[i] = ++n % 251
  n = 0
  for (const { name, array } of all) {
    for (let i = 0; i < array.length; i++) assert.equal(array[i], ++n % 251, name)
  }
})

test('append copies a row with all its groups and strings', () => {
  fc.assert(
    fc.property(SEEDS, SEEDS, SOME_GROUPS, (seeds, others, groups) => {
      const source = filled(seeds, groups)
      // Other strings stand first in the target, so indexes differ.
      const target = filled(others, ['base'])
      const before = cells(target, 0, ['base'])
      const row = target.append(source, seeds.length - 1)
      assert.equal(row, others.length)
      assert.deepEqual(cells(target, row, groups), cells(source, seeds.length - 1))
      assert.deepEqual(cells(target, 0, ['base']), before)
    }),
  )
})

test('appendRows does what append does row by row', () => {
  const cases = fc.tuple(
    SEEDS,
    SOME_GROUPS,
    fc.array(fc.nat(), { minLength: 1, maxLength: 20 }),
    SEEDS,
  )
  fc.assert(
    fc.property(cases, ([seeds, groups, picks, others]) => {
      const source = filled(seeds, groups)
      const rows = picks.map((pick) => pick % seeds.length)
      const [one, many] = [new FlowBatch(40), new FlowBatch(40)]
      for (const seed of others) for (const batch of [one, many]) fill(batch, seed, ['base'])
      for (const row of rows) one.append(source, row)
      many.appendRows(source, rows)
      assert.equal(many.rows, one.rows)
      for (let row = 0; row < one.rows; row++) {
        assert.deepEqual(cells(many, row), cells(one, row))
      }
    }),
  )
})

test('the last row can be taken back, and its place is as new', () => {
  fc.assert(
    fc.property(SEEDS, SOME_GROUPS, (seeds, groups) => {
      const batch = filled(seeds, groups)
      const before = seeds.slice(1).map((_, row) => cells(batch, row))
      batch.dropRow()
      assert.deepEqual(
        before,
        seeds.slice(1).map((_, row) => cells(batch, row)),
      )
      assert.equal(batch.addRow(), seeds.length - 1)
      for (const value of Object.values(cells(batch, seeds.length - 1))) {
        assert(value === '' || (value as number[]).every((n) => n === 0))
      }
    }),
  )
})

test('appendRows copies nothing when the rows do not fit', () => {
  const source = filled([1, 2, 3], ['base', 'k8s'])
  const target = new FlowBatch(2)
  assert.throws(() => target.appendRows(source, [0, 1, 2]), RangeError)
  assert.equal(target.rows, 0)
  assert.equal(target.has('k8s'), false)
})

test('a clone has the same rows and shares nothing', () => {
  fc.assert(
    fc.property(SEEDS, SOME_GROUPS, (seeds, groups) => {
      const batch = filled(seeds, groups)
      const all = () => seeds.map((_, row) => cells(batch, row))
      const before = all()
      const copy = batch.clone()
      assert.deepEqual(
        seeds.map((_, row) => cells(copy, row)),
        before,
      )
      for (const group of groups) for (const { array } of columnsOf(copy, group)) array.fill(1)
      copy.strings.intern('only in the copy')
      assert.deepEqual(all(), before)
    }),
  )
  assert.equal(new FlowBatch(5).clone().rows, 0)
})

test('strings are kept once, and 0 is the empty one', () => {
  const { strings } = new FlowBatch(1)
  assert.equal(strings.intern(''), 0)
  const index = strings.intern('a')
  assert.equal(strings.intern('a'), index)
  assert.equal(strings.at(index), 'a')
  assert.equal(strings.size, 2)
  assert.equal(strings.at(99), '')
})

test('its size is that of its columns, with each group that it gets', () => {
  const batch = new FlowBatch(100)
  const before = batch.byteLength
  assert.equal(before, batch.base.flow_id.buffer.byteLength)
  const { trace_id } = batch.add('stitch')
  assert.equal(batch.byteLength, before + trace_id.buffer.byteLength)
})

test('a batch in the memory of another has none of its cells', () => {
  let reused = 0
  fc.assert(
    fc.property(SEEDS, fc.integer({ min: 1, max: 12 }), (seeds, capacity) => {
      const before = new FlowBatch(seeds.length)
      for (const seed of seeds) fill(before, seed, GROUPS)
      const { buffer } = before.base.kind
      before.recycle()
      assert.equal(before.rows, 0)
      const after = new FlowBatch(capacity)
      if (after.base.kind.buffer === buffer) reused++
      for (let row = 0; row < capacity; row++) after.addRow()
      for (const group of GROUPS) after.add(group)
      const blank = new FlowBatch(1)
      blank.addRow()
      for (const group of GROUPS) blank.add(group)
      for (let row = 0; row < capacity; row++) assert.deepEqual(cells(after, row), cells(blank, 0))
      assert.ok(after.full)
    }),
  )
  assert.ok(reused > 0)
})
