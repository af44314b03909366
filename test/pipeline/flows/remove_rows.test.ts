import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FlowBatch } from '../../../pipeline/flows/batch.ts'
import { cells, fill, GROUPS } from './cells.ts'

const ENDS = fc.array(fc.tuple(fc.nat({ max: 3 }), fc.boolean()), { maxLength: 20 })

/** Rows of one end are alike but for their status, which is their number. */
function batchOf(ends: readonly number[], capacity: number): FlowBatch {
  const batch = new FlowBatch(capacity)
  for (const [row, end] of ends.entries()) {
    fill(batch, end, GROUPS)
    batch.base.status[row] = row
    batch.firstOf[row] = ends.indexOf(end)
  }
  return batch
}

test('the rows that stay are whole, each once, and know which of them are of one end', () => {
  fc.assert(
    fc.property(ENDS, fc.nat({ max: 3 }), (rows, room) => {
      const ends = rows.map(([end]) => end)
      const gone = [...rows.keys()].filter((row) => rows[row]?.[1])
      const batch = batchOf(ends, rows.length + room)
      const before = batchOf(ends, rows.length)
      batch.removeRows(gone)
      assert.equal(batch.rows, rows.length - gone.length)
      const left = Array.from({ length: batch.rows }, (_, row) => batch.base.status[row] as number)
      assert.deepEqual(
        left.toSorted((a, b) => a - b),
        [...rows.keys()].filter((row) => !gone.includes(row)),
      )
      for (const [row, was] of left.entries()) {
        assert.deepEqual(cells(batch, row), cells(before, was))
        const first = batch.firstOf[row] as number
        assert.equal(ends[left[first] as number], ends[was])
        assert.equal(
          left.findIndex((other) => ends[other] === ends[was]),
          first,
        )
      }
    }),
  )
})

test('rows before the first that goes stay where they are, and new ones are empty', () => {
  const batch = batchOf([0, 1, 2, 3, 4, 5], 6)
  batch.removeRows([2, 5])
  assert.deepEqual([...batch.base.status.subarray(0, 4)], [0, 1, 4, 3])
  const empty = cells(new FlowBatch(1), 0, ['base'])
  for (let i = 0; i < 2; i++) {
    assert.deepEqual(cells(batch, batch.addRow(), ['base']), empty)
    assert.equal(batch.firstOf[batch.rows - 1], batch.rows - 1)
  }
})
