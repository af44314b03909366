/** `acknowledge: handed_on`: what stitch holds is still the sender's. */
import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { OK, type Outcome, permanent, retryable } from '../../../pipeline/outcome.ts'
import { schema } from '../../../processors/stitch/config.ts'
import { batchOf, type Row } from './rows.ts'
import { Stage } from './stage.ts'

const CONFIG = schema.parse({ wait: 'always', acknowledge: 'handed_on' })
const stages: Stage[] = []

function stage(): Stage {
  const made = new Stage(CONFIG)
  stages.push(made)
  return made
}

afterEach(async () => {
  for (const made of stages.splice(0)) await made.stitch.shutdown(AbortSignal.abort())
})

/** Offers rows as the graph does; what was answered so far can be looked at. */
function offer(s: Stage, ...rows: Row[]): { answer?: Outcome; done: Promise<Outcome> } {
  const done = Promise.resolve(s.stitch.consume(batchOf(rows)))
  const offered: { answer?: Outcome; done: Promise<Outcome> } = { done }
  void done.then((answer) => {
    offered.answer = answer
    if (answer.kind === 'ok') s.ledger.in += rows.length
  })
  return offered
}

const waiting: Row = { role: 'server', flow: 1, name: 'server', identity: ['run', 1] }
const caller: Row = { role: 'client', flow: 1, name: 'client', identity: ['run', 2] }
const alone: Row = { role: 'client', flow: 9, name: 'alone', identity: ['run', 3] }

let sequence = 0

/** As the row of a request of its own. */
function fresh(row: Row): Row {
  sequence++
  return { ...row, flow: 100 + sequence, identity: ['another', sequence] }
}

test('a sender is answered when the last row of its batch was handed on, and all go at once', async () => {
  const s = stage()
  const first = offer(s, waiting, alone)
  await turn()
  assert.equal(first.answer, undefined)
  assert.equal(s.rows().length, 0, 'none alone, or it would come again with the rest')
  assert.equal(s.stitch.held(), 0, 'they are the sender’s')
  const second = offer(s, caller)
  assert.deepEqual(await Promise.all([first.done, second.done]), [OK, OK])
  assert.equal(s.row('server').parent, s.row('client').span)
  s.balance()
})

test('a batch that is sent again is answered when the first was, and dropped', async () => {
  const s = stage()
  const first = offer(s, waiting)
  const again = offer(s, waiting)
  await turn()
  assert.deepEqual([first.answer, again.answer], [undefined, undefined])
  s.pass(CONFIG.window)
  assert.deepEqual(await Promise.all([first.done, again.done]), [OK, OK])
  assert.equal(s.rows().length, 1)
  assert.deepEqual(s.ledger.entry().used, { doubled: 1 })
  s.balance()
})

test('only the new rows of a batch that has come in part go on', async () => {
  const s = stage()
  await offer(s, alone).done
  await offer(s, alone, caller).done
  assert.deepEqual(
    s.rows().map(({ name }) => name),
    ['alone', 'client'],
  )
  s.balance()
})

test('what `next` refuses for now is offered again, and for good is the sender’s to know', async () => {
  const s = stage()
  const answers: Outcome[] = [retryable('busy', 1), OK, permanent('never')]
  s.answer = () => answers.shift() ?? OK
  assert.deepEqual(await offer(s, alone).done, OK)
  assert.equal((await offer(s, caller).done).kind, 'permanent')
  assert.equal(s.ledger.notes.get('refused_for_now'), 1)
  s.balance()
})

test('small batches of many senders go on as one, and each sender is answered', async () => {
  const s = stage()
  const offers = Array.from({ length: 50 }, () => offer(s, fresh(alone)))
  for (const { done } of offers) assert.deepEqual(await done, OK)
  assert.equal(s.rows().length, 50)
  assert.equal(s.batches.length, 1)
  s.balance()
})

test('as long as `next` refuses, what waits is offered no more often than it would be alone', async () => {
  const s = stage()
  let asked = 0
  s.answer = () => (++asked < 5 ? retryable('busy', 5) : OK)
  const many = Array.from({ length: 1024 }, () => alone)
  const offers = Array.from({ length: 10 }, () => offer(s, ...many.map(fresh)))
  for (const { done } of offers) assert.deepEqual(await done, OK)
  assert.equal(s.rows().length, 10 * many.length)
  assert.ok(asked <= 4 + offers.length, `asked ${asked} times`)
  s.balance()
})

test('at shutdown what nobody takes stays with its sender', async () => {
  const s = stage()
  s.answer = () => retryable('down', 60_000)
  const offered = offer(s, waiting)
  await s.stitch.shutdown(AbortSignal.abort())
  assert.equal((await offered.done).kind, 'retryable')
  assert.deepEqual(s.ledger.entry().lost, {})
  s.balance()
})
