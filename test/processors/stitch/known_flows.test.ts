import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KnownFlows } from '../../../processors/stitch/known_flows.ts'

test('an open flow is known until it is closed and the time is over', () => {
  const flows = new KnownFlows(10)
  assert.equal(flows.has(1, 2), false)
  flows.seen(1, 2)
  flows.expire(1e9)
  assert.equal(flows.has(1, 2), true)
  assert.equal(flows.has(2, 1), false)
  flows.closed(1, 2, 500)
  flows.expire(499)
  assert.equal(flows.has(1, 2), true)
  flows.expire(500)
  assert.equal(flows.has(1, 2), false)
  assert.equal(flows.size, 0)
})

test('a row that comes after the close does not open a flow again', () => {
  const flows = new KnownFlows(10)
  flows.closed(1, 2, 500)
  flows.seen(1, 2)
  flows.expire(500)
  assert.equal(flows.size, 0)
})

test('of too many flows those unseen for longest are forgotten', () => {
  const flows = new KnownFlows(3)
  for (const lo of [1, 2, 3]) flows.seen(lo, 0)
  flows.seen(1, 0)
  flows.seen(4, 0)
  assert.deepEqual(
    [1, 2, 3, 4].map((lo) => flows.has(lo, 0)),
    [true, false, true, true],
  )
  for (const lo of [11, 12, 13, 14]) flows.closed(lo, 0, 1000)
  assert.deepEqual(
    [11, 12, 13, 14].map((lo) => flows.has(lo, 0)),
    [false, true, true, true],
  )
})

test('a flow that is new is known though all others were seen again', () => {
  const flows = new KnownFlows(3)
  for (const lo of [1, 2, 3, 1, 2, 3, 4]) flows.seen(lo, 0)
  assert.deepEqual(
    [1, 2, 3, 4].map((lo) => flows.has(lo, 0)),
    [false, true, true, true],
  )
})

test('ids whose halves have the highest bit set are told apart', () => {
  const flows = new KnownFlows(10)
  flows.seen(-1, -1)
  assert.equal(flows.has(-1, -1), true)
  assert.equal(flows.has(-2, -1), false)
  assert.equal(flows.has(-1, -2), false)
})
