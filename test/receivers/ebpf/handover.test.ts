import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { FlowBatch } from '../../../pipeline/flows/batch.ts'
import { Ledger } from '../../../pipeline/ledger.ts'
import { OK, type Outcome, permanent, retryable } from '../../../pipeline/outcome.ts'
import { Handover } from '../../../receivers/ebpf/handover.ts'

function batchOf(rows: number): FlowBatch {
  const batch = new FlowBatch(rows)
  for (let row = 0; row < rows; row++) batch.addRow()
  return batch
}

function handover(consume: (batch: FlowBatch) => Outcome | Promise<Outcome>, rowsMax = 10) {
  const ledger = new Ledger(pino({ enabled: false }))
  return { ledger, handover: new Handover({ mutates: false, consume }, { ledger, rowsMax }) }
}

test('batches go on in order', async () => {
  const seen: number[] = []
  const { handover: h } = handover(async ({ rows }) => {
    await sleep(1)
    seen.push(rows)
    return OK
  })
  for (const rows of [1, 2, 3]) h.push(batchOf(rows))
  assert.equal(h.rows, 6)
  await h.flush()
  assert.deepEqual(seen, [1, 2, 3])
  assert.equal(h.rows, 0)
})

test('what is refused for now is offered again, not before it may be', async () => {
  const answers: Outcome[] = [retryable('wait', 30), OK, OK]
  let calls = 0
  const { handover: h, ledger } = handover(() => answers[calls++] as Outcome)
  h.push(batchOf(4))
  h.push(batchOf(8))
  assert.equal(calls, 1)
  assert.ok(h.full)
  await sleep(40)
  h.pump()
  assert.equal(calls, 3)
  assert.equal(h.rows, 0)
  assert.equal(ledger.notes.get('refused_for_now'), 4)
  assert.deepEqual(ledger.entry().lost, {})
})

test('what is refused for good is lost, and counted', () => {
  const { handover: h, ledger } = handover(() => permanent('no'))
  h.push(batchOf(4))
  assert.equal(h.rows, 0)
  assert.deepEqual(ledger.entry().lost, { refused: 4 })
})
