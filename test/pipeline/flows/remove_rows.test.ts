import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FlowBatch } from '../../../pipeline/flows/batch.ts'
import { cells, ofEnds } from './cells.ts'

const ENDS = fc.array(fc.tuple(fc.nat({ max: 3 }), fc.boolean()), { maxLength: 20 })

test('the rows that stay are whole, each once, and know which of them are of one end', () => {
  fc.assert(
    fc.property(ENDS, fc.nat({ max: 3 }), (rows, room) => {
      const ends = rows.map(([end]) => end)
      const gone = [...rows.keys()].filter((row) => rows[row]?.[1])
      const batch = ofEnds(ends, { capacity: rows.length + room })
      const before = ofEnds(ends)
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
  const batch = ofEnds([0, 1, 2, 3, 4, 5])
  batch.removeRows([2, 5])
  assert.deepEqual([...batch.base.status.subarray(0, 4)], [0, 1, 4, 3])
  const empty = cells(new FlowBatch(1), 0, ['base'])
  for (let i = 0; i < 2; i++) {
    assert.deepEqual(cells(batch, batch.addRow(), ['base']), empty)
    assert.equal(batch.firstOf[batch.rows - 1], batch.rows - 1)
  }
})
