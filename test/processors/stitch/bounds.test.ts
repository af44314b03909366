/** How much may wait, when it must not any more, and a `next` that refuses. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OK, permanent, retryable } from '../../../pipeline/outcome.ts'
import { causedBy, client, connected, server, stage } from './made.ts'
import { batchOf } from './rows.ts'

test('beyond rows_max the rows that wait for longest are let go, and counted', () => {
  const s = stage({ rows_max: 10 })
  for (let i = 0; i < 15; i++) s.send(client(100 + i, causedBy(i)))
  assert.equal(s.stitch.held(), 10)
  assert.equal(s.rows().length, 5)
  assert.deepEqual(
    s.rows().map((row) => row.name),
    [0, 1, 2, 3, 4].map((i) => `client ${100 + i}`),
  )
  assert.equal(s.ledger.notes.get('released_early'), 5)
})

test('beyond entries_max the span unseen for longest is forgotten, and counted', () => {
  const s = stage({ entries_max: 16 })
  for (let i = 0; i < 20; i++) {
    s.pass(1)
    s.send(server(i))
  }
  assert.equal(s.ledger.notes.get('evicted'), 4)
  s.send(client(100, causedBy(19)))
  assert.equal(s.row('client 100').parent, s.row('server 19').span)
  s.send(client(101, causedBy(0)))
  assert.equal(s.stitch.held(), 1)
})

test('entries_max holds when all spans wait', () => {
  const s = stage({ entries_max: 16 })
  for (let i = 0; i < 200; i++) s.send(client(1000 + i, causedBy(i)))
  assert(s.stitch.held() <= 16)
  assert.equal(s.rows().length + s.stitch.held(), 200)
})

test('shutdown sends all rows, with the parents that were seen', async () => {
  const s = stage()
  s.send(connected(2), server(2), client(2, causedBy(1)))
  assert.equal(s.rows().length, 0)
  await s.stitch.shutdown()
  assert.equal(s.row('client 2').parent, '')
  assert.equal(s.row('server 2').parent, s.row('client 2').span)
  await s.stitch.shutdown()
})

test('processors of one id share their memory, and each row leaves where it came in', async () => {
  const [a, b] = [stage({}, 'stitch/shared'), stage({}, 'stitch/shared')]
  a.send(client(2, causedBy(1)))
  b.send(server(1))
  assert.equal(a.rows().length, 0)
  a.pass(100)
  assert.equal(a.row('client 2').parent, b.row('server 1').span)
  const other = stage({}, 'stitch/other')
  other.send(client(3, causedBy(1)))
  assert.equal(other.stitch.held(), 1)
  await a.stitch.shutdown()
  b.send(client(4, causedBy(1)))
  assert.equal(b.row('client 4').parent, b.row('server 1').span)
})

test('what `next` refuses for now is held and offered again', async () => {
  const s = stage()
  let refusals = 2
  s.answer = () => (refusals-- > 0 ? retryable('busy', 1) : OK)
  s.send(client(1))
  s.send(client(2))
  assert.equal(s.stitch.held(), 2)
  s.balance()
  while (s.stitch.held() > 0) await new Promise((resolve) => setTimeout(resolve, 5))
  assert.deepEqual(
    s.rows().map((row) => row.name),
    ['client 1', 'client 2'],
  )
})

test('as long as `next` refuses, no more than rows_max are taken', async () => {
  const s = stage({ rows_max: 2 })
  s.answer = () => retryable('busy', 60_000)
  s.send(client(1), client(2))
  assert.equal((await s.stitch.consume(batchOf([client(3)]))).kind, 'retryable')
  assert.equal(s.stitch.held(), 2)
})

test('what `next` refuses for good, and at shutdown, is counted as lost', async () => {
  const s = stage()
  s.answer = () => permanent('never')
  s.send(client(1))
  s.balance()
  assert.deepEqual(s.ledger.entry().lost, { refused: 1 })
  s.answer = () => retryable('busy', 60_000)
  s.send(client(2), client(3))
  await s.stitch.shutdown()
  assert.deepEqual(s.ledger.entry().lost, { refused: 1, refused_until_shutdown: 2 })
})

test('a `next` that answers late is asked for one batch at a time', async () => {
  const s = stage()
  const asked: (() => void)[] = []
  s.answer = () => new Promise((resolve) => asked.push(() => resolve(OK)))
  s.send(client(1))
  s.send(client(2))
  assert.equal(asked.length, 1)
  assert.equal(s.stitch.held(), 2)
  asked[0]?.()
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(asked.length, 2)
  assert.equal(s.stitch.held(), 1)
  asked[1]?.()
  await new Promise((resolve) => setImmediate(resolve))
  s.balance()
})
