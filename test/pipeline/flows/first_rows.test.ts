import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FlowBatch } from '../../../pipeline/flows/batch.ts'
import { SHARED_COLUMNS } from '../../../pipeline/flows/first_rows.ts'
import type { GroupName } from '../../../pipeline/flows/schema.ts'
import { type Cells, cells, fill, ofEnds } from './cells.ts'

const GROUPS = Object.keys(SHARED_COLUMNS) as (keyof typeof SHARED_COLUMNS & GroupName)[]
const ENDS = fc.array(fc.nat({ max: 4 }), { minLength: 1, maxLength: 12 })

function batchOf(ends: readonly number[]): FlowBatch {
  return ofEnds(ends, { groups: GROUPS })
}

function shared(batch: FlowBatch, row: number): Cells {
  const all = cells(batch, row, GROUPS)
  const names = GROUPS.flatMap((group) => SHARED_COLUMNS[group].map((name) => `${group}.${name}`))
  return Object.fromEntries(names.map((name) => [name, all[name]!]))
}

function check(batch: FlowBatch): void {
  for (let row = 0; row < batch.rows; row++) {
    const first = batch.firstOf[row]!
    assert.ok(first <= row)
    assert.equal(batch.firstOf[first], first)
    assert.deepEqual(shared(batch, row), shared(batch, first))
  }
}

type Step =
  | { readonly do: 'append'; readonly ends: readonly number[]; readonly row: number }
  | { readonly do: 'rows'; readonly ends: readonly number[]; readonly picks: readonly number[] }
  | { readonly do: 'all'; readonly ends: readonly number[] }
  | { readonly do: 'drop' }
  | { readonly do: 'clone' }
  | { readonly do: 'add' }

const STEP: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('append' as const), ends: ENDS, row: fc.nat() }),
  fc.record({ do: fc.constant('rows' as const), ends: ENDS, picks: fc.array(fc.nat()) }),
  fc.record({ do: fc.constant('all' as const), ends: ENDS }),
  fc.constantFrom<Step>({ do: 'drop' }, { do: 'clone' }, { do: 'add' }),
)

function take(batch: FlowBatch, step: Step): FlowBatch {
  if (step.do === 'clone') return batch.clone()
  if (step.do === 'add') {
    if (!batch.full) fill(batch, 99, GROUPS)
    return batch
  }
  if (step.do === 'drop') {
    if (batch.rows > 0) batch.dropRow()
    return batch
  }
  const source = batchOf(step.ends)
  const rows = step.do === 'rows' ? step.picks.map((pick) => pick % source.rows) : [0]
  const target = roomIn(batch, Math.max(rows.length, source.rows))
  if (step.do === 'append') target.append(source, step.row % source.rows)
  else if (step.do === 'all') target.appendAll(source)
  else target.appendRows(source, rows)
  return target
}

function roomIn(batch: FlowBatch, rows: number): FlowBatch {
  if (batch.rows + rows <= batch.capacity) return batch
  const larger = new FlowBatch((batch.rows + rows) * 2)
  larger.appendAll(batch)
  return larger
}

test('rows of one first are of one end, whatever was copied, taken back and added', () => {
  fc.assert(
    fc.property(ENDS, fc.array(STEP, { maxLength: 8 }), (ends, steps) => {
      let batch = batchOf(ends)
      check(batch)
      for (const step of steps) {
        batch = take(batch, step)
        check(batch)
      }
    }),
  )
})

test('rows of one end still are when they were copied together, with or without their first', () => {
  const source = batchOf([7, 8, 7, 8, 7])
  const copy = new FlowBatch(9)
  copy.appendAll(batchOf([7]))
  copy.appendRows(source, [3, 4, 1, 2])
  assert.deepEqual([...copy.firstOf.subarray(0, copy.rows)], [0, 1, 2, 1, 2])
  assert.deepEqual([...source.clone().firstOf], [0, 1, 0, 1, 0])
})

test('a row that nobody knows of is its own first, in memory of another batch too', () => {
  const before = batchOf([1, 1, 1])
  before.recycle()
  const batch = new FlowBatch(3)
  for (let row = 0; row < 3; row++) batch.addRow()
  assert.deepEqual([...batch.firstOf], [0, 1, 2])
})
