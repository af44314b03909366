import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import type { FlowBatch } from '../../pipeline/flows/batch.ts'
import { Ledger } from '../../pipeline/ledger.ts'
import { Outbox, type OutboxOptions } from '../../pipeline/outbox.ts'
import { OK, type Outcome, permanent, retryable } from '../../pipeline/outcome.ts'
import { flows } from './probes.ts'

function outboxOver(
  consume: (batch: FlowBatch) => Outcome | Promise<Outcome>,
  options?: OutboxOptions,
) {
  const ledger = new Ledger(pino({ enabled: false }))
  return { ledger, outbox: new Outbox<'flows'>({ mutates: false, consume }, ledger, options) }
}

test('batches go on in order, one at a time', async () => {
  const seen: number[] = []
  let atOnce = 0
  const { outbox } = outboxOver(async ({ rows }) => {
    assert.equal(++atOnce, 1)
    await sleep(1)
    seen.push(rows)
    atOnce--
    return OK
  })
  for (const rows of [1, 2, 3]) outbox.send(flows(rows))
  assert.equal(outbox.held, 6)
  await outbox.close()
  assert.deepEqual(seen, [1, 2, 3])
  assert.equal(outbox.held, 0)
})

test('batches that may go at once do, as far as they may, and each answer is its own', async () => {
  const answers: ((outcome: Outcome) => void)[] = []
  const consume = () => {
    const { promise, resolve } = Promise.withResolvers<Outcome>()
    answers.push(resolve)
    return promise
  }
  const { outbox, ledger } = outboxOver(consume, { atOnceItems: 5 })
  for (const rows of [2, 3, 4]) outbox.send(flows(rows))
  assert.deepEqual([answers.length, outbox.held, outbox.waiting], [2, 9, 4])
  answers[1]?.(OK)
  await sleep(1)
  assert.deepEqual([answers.length, outbox.held, outbox.waiting], [3, 6, 0])
  answers[0]?.(retryable('wait', 1))
  answers[2]?.(permanent('no'))
  const closed = outbox.close()
  for (let waits = 0; answers.length < 4 && waits < 200; waits++) await sleep(10)
  answers[3]?.(OK)
  await closed
  assert.equal(outbox.held, 0)
  assert.equal(ledger.notes.get('refused_for_now'), 2)
  assert.deepEqual(ledger.entry().lost, { refused: 4 })
})

test('what is refused for now is offered again by itself, not before it may be', async () => {
  const answers: Outcome[] = [retryable('wait', 60), OK, OK]
  let calls = 0
  const { outbox, ledger } = outboxOver(() => answers[calls++] as Outcome)
  outbox.send(flows(4))
  outbox.send(flows(8))
  assert.equal(calls, 1)
  assert.equal(outbox.held, 12)
  for (let waits = 0; outbox.held > 0 && waits < 200; waits++) await sleep(10)
  assert.equal(calls, 3)
  assert.equal(ledger.notes.get('refused_for_now'), 4)
  assert.deepEqual(ledger.entry().lost, {})
})

test('what is refused for good is lost, and counted', () => {
  const { outbox, ledger } = outboxOver(() => permanent('no'))
  outbox.send(flows(4))
  assert.equal(outbox.held, 0)
  assert.deepEqual(ledger.entry().lost, { refused: 4 })
})

test('`close()` does not wait as long as a refusal asks for', async () => {
  const answers: Outcome[] = [retryable('wait', 60_000), OK]
  const { outbox, ledger } = outboxOver(() => answers.shift() as Outcome)
  outbox.send(flows(4))
  await outbox.close()
  assert.deepEqual(answers, [])
  assert.deepEqual(ledger.entry().lost, {})
})

test('`close()` counts as lost what is refused to the end', async () => {
  const { outbox, ledger } = outboxOver(() => retryable('never'))
  outbox.send(flows(4))
  outbox.send(flows(8))
  await outbox.close()
  await outbox.close()
  assert.equal(outbox.held, 0)
  assert.deepEqual(ledger.entry().lost, { refused_until_shutdown: 12 })
})

test('`close()` ends with the deadline it is given, and counts what is left', async () => {
  const { outbox, ledger } = outboxOver(() => retryable('never'))
  outbox.send(flows(4))
  const startedMs = performance.now()
  await outbox.close(AbortSignal.timeout(50))
  assert.ok(performance.now() - startedMs < 2000)
  assert.deepEqual(ledger.entry().lost, { refused_until_shutdown: 4 })
  assert.equal(outbox.held, 0)
})

test('a batch that is being looked at when the deadline comes is what the answer says', async () => {
  for (const answer of [OK, retryable('no'), permanent('no')]) {
    const { promise, resolve } = Promise.withResolvers<Outcome>()
    const { outbox, ledger } = outboxOver(() => promise)
    outbox.send(flows(4))
    outbox.send(flows(8))
    await outbox.close(AbortSignal.abort())
    assert.deepEqual(ledger.entry().lost, { refused_until_shutdown: 8 })
    assert.equal(outbox.held, 4)
    resolve(answer)
    await sleep(1)
    assert.equal(outbox.held, 0)
    const lost = Object.values(ledger.entry().lost).reduce((sum, count) => sum + count, 0)
    assert.equal(lost, answer.kind === 'ok' ? 8 : 12)
  }
})

test('the memory of a batch is given back where `next` keeps nothing of what it took at once', async () => {
  const ledger = new Ledger(pino({ enabled: false }))
  const rowsAfter = async (borrows: boolean, answer: Outcome | Promise<Outcome>) => {
    const next = { mutates: false, borrows, consume: () => answer }
    const outbox = new Outbox<'flows'>(next, ledger)
    const batch = flows(3)
    outbox.send(batch)
    await outbox.close()
    return batch.rows
  }
  assert.equal(await rowsAfter(true, OK), 0)
  assert.equal(await rowsAfter(false, OK), 3)
  assert.equal(await rowsAfter(true, Promise.resolve(OK)), 3)
  assert.equal(await rowsAfter(true, permanent('no')), 3)
})
