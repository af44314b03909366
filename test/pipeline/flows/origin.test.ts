import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { test } from 'node:test'
import { FlowBatch } from '../../../pipeline/flows/batch.ts'
import { flowLog } from '../../../pipeline/flows/json.ts'
import { Origin } from '../../../pipeline/flows/origin.ts'

function batchOf(rows: number): FlowBatch {
  const batch = new FlowBatch(rows + 2)
  for (let row = 0; row < rows; row++) batch.addRow()
  return batch
}

test("rows get the kernel's boot, the host's names, and numbers that go on from batch to batch", () => {
  const origin = new Origin({ id: '', name: '', node: 'worker-1' })
  const [first, second] = [batchOf(2), batchOf(1)]
  origin.stamp(first)
  origin.stamp(second)
  const rows = [flowLog(first)(0), flowLog(first)(1), flowLog(second)(0)].map((x) => JSON.parse(x))
  for (const row of rows) {
    assert.equal(row.boot_id, readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim())
    assert.deepEqual([row.host_name, row.host_node], [hostname(), 'worker-1'])
    assert.equal(row.agent_id, origin.agentId)
  }
  assert.deepEqual(
    rows.map(({ sequence }) => sequence),
    [1, 2, 3],
  )
})

test('what is configured stands before what the host says of itself, from the next batch on', () => {
  const origin = new Origin({ id: 'a', name: 'b', node: '' })
  const [first, second] = [batchOf(1), batchOf(1)]
  origin.stamp(first)
  origin.names = { id: 'c', name: 'd', node: 'e' }
  origin.stamp(second)
  const rows = [first, second].map((batch) => JSON.parse(flowLog(batch)(0)))
  assert.deepEqual(
    rows.map((row) => [row.host_id, row.host_name, row.host_node]),
    [
      ['a', 'b', undefined],
      ['c', 'd', 'e'],
    ],
  )
})

test('no two origins have an identity in common', () => {
  const names = { id: '', name: '', node: '' }
  assert.notEqual(new Origin(names).agentId, new Origin(names).agentId)
})
