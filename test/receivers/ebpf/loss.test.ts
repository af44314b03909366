import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pino } from 'pino'
import { COUNTER } from '../../../pipeline/kernel_events/events.gen.ts'
import { KernelLosses } from '../../../pipeline/kernel_events/loss.ts'
import { Ledger } from '../../../pipeline/ledger.ts'

function losses(first: boolean) {
  const values = new Array<number>(COUNTER.COUNTER_MAX).fill(0)
  values[COUNTER.COUNTER_PAYLOAD_LOST_RING] = 5
  const ledger = new Ledger(pino({ enabled: false }))
  const counters = { read: (index: number) => values[index] as number, close() {} }
  return { values, ledger, losses: new KernelLosses(counters, ledger, { first }) }
}

test('a loss came in and is lost, once', () => {
  const { values, ledger, losses: l } = losses(true)
  l.update()
  l.update()
  values[COUNTER.COUNTER_CONN_LOST_RING] = 2
  l.update()
  const { in: taken, lost } = ledger.entry()
  assert.deepEqual(lost, { payload_ring_full: 5, connection_ring_full: 2 })
  assert.equal(taken, 7)
})

test('what was lost while another process read the rings is that one’s', () => {
  const { values, ledger, losses: l } = losses(false)
  values[COUNTER.COUNTER_PAYLOAD_LOST_RING] = 6
  l.update()
  assert.deepEqual(ledger.entry().lost, { payload_ring_full: 1 })
})

test('what a process had no time to book, its successor books', () => {
  const { values, ledger } = losses(true)
  values[COUNTER.COUNTER_PAYLOAD_LOST_RING] = 9
  const seen = new Map([[COUNTER.COUNTER_PAYLOAD_LOST_RING as number, 6]])
  const booked = {
    read: (index: number) => seen.get(index) ?? 0,
    write: (index: number, value: number) => void seen.set(index, value),
  }
  const counters = { read: (index: number) => values[index] as number }
  const l = new KernelLosses(counters, ledger, { first: false, booked })
  l.update()
  l.update()
  assert.deepEqual(ledger.entry().lost, { payload_ring_full: 3 })
  assert.equal(seen.get(COUNTER.COUNTER_PAYLOAD_LOST_RING), 9)
  // What is in the rings may have begun before.
  assert.deepEqual([l.epochBefore, l.epoch], [0, 1])
})

test('the epoch turns with a loss, and what is drained after it may have begun before it', () => {
  const { losses: l } = losses(true)
  l.update()
  assert.deepEqual([l.epochBefore, l.epoch], [0, 1])
  l.update()
  assert.deepEqual([l.epochBefore, l.epoch], [0, 1])
  l.update()
  assert.deepEqual([l.epochBefore, l.epoch], [1, 1])
})
