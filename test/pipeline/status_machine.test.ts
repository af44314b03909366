import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { STATUSES, type Status } from '../../pipeline/status.ts'
import { StatusMachine } from '../../pipeline/status_machine.ts'

function at(...way: Status[]): StatusMachine {
  const machine = new StatusMachine()
  for (const status of way) assert.ok(machine.change({ status }), `${way.join(' ')}: ${status}`)
  return machine
}

/** What may follow: the Collector's table, but that what never started may be let go of. */
const FOLLOWERS: { readonly way: readonly Status[]; readonly to: readonly Status[] }[] = [
  { way: [], to: ['starting', 'stopping'] },
  {
    way: ['starting'],
    to: ['ok', 'recoverable_error', 'permanent_error', 'fatal_error', 'stopping'],
  },
  {
    way: ['starting', 'ok'],
    to: ['recoverable_error', 'permanent_error', 'fatal_error', 'stopping'],
  },
  {
    way: ['starting', 'recoverable_error'],
    to: ['ok', 'permanent_error', 'fatal_error', 'stopping'],
  },
  { way: ['starting', 'permanent_error'], to: ['stopping'] },
  { way: ['starting', 'fatal_error'], to: [] },
  {
    way: ['starting', 'stopping'],
    to: ['recoverable_error', 'permanent_error', 'fatal_error', 'stopped'],
  },
  { way: ['starting', 'stopping', 'stopped'], to: [] },
]

for (const { way, to } of FOLLOWERS) {
  test(`after ${way.at(-1) ?? 'none'} comes ${to.join(', ') || 'nothing'}`, () => {
    const now = way.at(-1) ?? 'none'
    const allowed = STATUSES.filter((status) => {
      const machine = at(...way)
      const event = machine.change({ status, reason: 'why' })
      assert.equal(machine.event.status, event === undefined ? now : status)
      return event !== undefined
    })
    // The same with another reason is news only of what may be said again.
    const again: Status[] = now === 'ok' || now === 'recoverable_error' ? [now] : []
    assert.deepEqual(allowed.sort(), [...to, ...again].sort())
  })
}

test('what is said again is no change: the time since when it is so stays', async () => {
  const machine = at('starting', 'ok')
  const before = machine.event
  await new Promise((done) => setTimeout(done, 5))
  assert.equal(machine.change({ status: 'ok' }), before)
  assert.equal(machine.event, before)
  const failing = machine.change({ status: 'recoverable_error', reason: 'refused' })
  assert.equal(machine.change({ status: 'recoverable_error', reason: 'refused' }), failing)
  assert.notEqual(machine.change({ status: 'recoverable_error', reason: 'timeout' }), failing)
})

test('one that started and said nothing is ok; one that said something is what it said', () => {
  const silent = at('starting')
  silent.started()
  assert.equal(silent.event.status, 'ok')
  const failing = at('starting', 'recoverable_error')
  failing.started()
  assert.equal(failing.event.status, 'recoverable_error')
})

test('whatever is reported, a fatal error is the last word', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...STATUSES)), (all) => {
      const machine = new StatusMachine()
      let wasFatal = false
      for (const status of all) {
        machine.change({ status })
        if (machine.event.status === 'fatal_error') wasFatal = true
        if (wasFatal) assert.equal(machine.event.status, 'fatal_error')
      }
    }),
  )
})
