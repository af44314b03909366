/** In which batches rows leave: a batch costs what follows, and so does a copy of a row. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { causedBy, client, connected, server, stage } from './made.ts'
import { batchOf, type Row } from './rows.ts'
import type { Stitched } from './stage.ts'

const names = (rows: readonly Stitched[]) => rows.map(({ name }) => name).sort()
const many = (from: number): Row[] => Array.from({ length: 100 }, (_, i) => client(from + i))

test('a batch of which a few rows wait leaves without them, and takes up what had waited', () => {
  const s = stage()
  const send = (rows: Row[]) => {
    const batch = batchOf(rows, 128)
    assert.equal(s.stitch.consume(batch).constructor, Object)
    s.ledger.in += rows.length
    return batch
  }
  const first = send([connected(1), server(1), ...many(1000), connected(2), server(2)])
  assert.deepEqual(s.batches, [first])
  assert.equal(first.rows, 102)
  assert.equal(s.stitch.held(), 2)
  const second = send([client(1), ...many(2000), client(2)])
  assert.deepEqual(s.batches, [first, second])
  assert.equal(second.rows, 104)
  for (const flow of [1, 2]) {
    assert.equal(s.row(`server ${flow}`).parent, s.row(`client ${flow}`).span)
  }
})

test('rows that had waited leave in a batch of their own where there is no room', () => {
  const s = stage()
  s.send(connected(1), server(1), ...many(1000))
  s.send(client(1), ...many(2000))
  assert.deepEqual(
    s.batches.map(({ rows }) => rows),
    [101, 1, 101],
  )
  assert.equal(s.row('server 1').parent, s.row('client 1').span)
})

test('a row that leaves a batch of which most wait is copied out of it', () => {
  const s = stage()
  const waiting = Array.from({ length: 20 }, (_, i) => client(100 + i, causedBy(i)))
  s.send(...waiting, client(1))
  assert.deepEqual(names(s.rows()), ['client 1'])
  s.send(...Array.from({ length: 20 }, (_, i) => server(i)))
  assert.equal(s.rows().length, 41)
  assert.equal(new Set(names(s.rows())).size, 41)
})
