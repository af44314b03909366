/** Exchanges whose agents have said that they began, and never say how they ended. */
import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import fc from 'fast-check'
import type { FlowBatch } from '../../../pipeline/flows/batch.ts'
import { UNFINISHED_REASONS } from '../../../pipeline/flows/schema.ts'
import { schema } from '../../../processors/stitch/config.ts'
import type { Row } from './rows.ts'
import { Stage } from './stage.ts'

const GATEWAY = schema.parse({ wait: 'always' })
const TIMEOUT = GATEWAY.open_timeout
const AGAIN = TIMEOUT / 5
const stages: Stage[] = []

function gateway(options: Partial<typeof GATEWAY> = {}, id?: string): Stage {
  const made = new Stage({ ...GATEWAY, ...options }, id)
  stages.push(made)
  return made
}

afterEach(async () => {
  for (const made of stages.splice(0)) {
    await made.stitch.shutdown()
    made.balance()
  }
})

const call: Row = { role: 'client', flow: 1, state: 'open', name: 'call', identity: ['run', 1] }
const callee: Row = { role: 'server', flow: 1, name: 'callee', identity: ['other', 1] }

/** The spans that came out, each with how often. */
function spans(s: Stage): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { span, state } of s.rows()) {
    if (state === 'closed') counts.set(span, (counts.get(span) ?? 0) + 1)
  }
  return counts
}

/** The last row of the last batch, in the columns that say how it ended. */
function last(batches: readonly FlowBatch[]) {
  const batch = batches.at(-1) as FlowBatch
  const row = batch.rows - 1
  const { base, origin } = batch
  return {
    unfinished: UNFINISHED_REASONS[base.unfinished[row] as number],
    desynchronised: base.desynchronised[row],
    end: [...base.end.subarray(2 * row, 2 * row + 2)],
    sequence: origin?.sequence[row],
  }
}

test('a parent that was announced is sent as unfinished when its agent falls silent', () => {
  const s = gateway()
  s.send({ ...call, observed: 77 })
  s.pass(GATEWAY.window)
  s.send(callee)
  assert.equal(s.row('callee').parent, s.row('call').span)
  s.pass(TIMEOUT - GATEWAY.window - 1)
  assert.equal(s.rows().length, 2)
  s.pass(1)
  const [open, , ended] = s.rows()
  assert.deepEqual([open?.state, ended?.state], ['open', 'closed'])
  assert.deepEqual({ ...ended, state: 'open' }, open, 'with the span, the parent and the trace')
  const how = { unfinished: 'agent_lost', desynchronised: 1, end: [77, 1], sequence: 0 }
  assert.deepEqual(last(s.batches), how)
  assert.equal(s.ledger.notes.get('unheard'), 1)
})

test('one that is announced again and again ends with its own row, however late', () => {
  const s = gateway()
  for (let sequence = 1; sequence < 50; sequence++) {
    s.send({ ...call, identity: ['run', sequence] })
    s.pass(AGAIN)
  }
  s.send({ ...call, state: 'closed', identity: ['run', 50] })
  s.pass(2 * TIMEOUT)
  assert.deepEqual([...spans(s).values()], [1])
  assert.equal(last(s.batches).unfinished, 'none')
})

test('an end that comes after all is dropped and counted: there is one span of each', () => {
  const s = gateway()
  s.send(call)
  s.pass(TIMEOUT)
  s.send({ ...call, identity: ['run', 2] }, { ...call, state: 'closed', identity: ['run', 3] })
  s.pass(TIMEOUT)
  assert.deepEqual([...spans(s).values()], [1])
  assert.equal(s.ledger.notes.get('came_after_end'), 2)
  assert.equal(s.ledger.entry().used.doubled, 2)
})

test('without rows of anybody the clock is looked at all the same', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const s = gateway()
  s.send({ ...call, role: 'client' })
  assert.equal(s.rows().length, 1, 'it waits for nothing')
  s.now += TIMEOUT
  t.mock.timers.tick(1000)
  assert.deepEqual([...spans(s).values()], [1])
})

test('not more are kept than may be, and an end that is not kept is as it was', () => {
  const s = gateway({ open_rows_max: 1 })
  s.send(call, { ...call, flow: 2, identity: ['run', 2] })
  s.pass(TIMEOUT)
  assert.equal(s.ledger.notes.get('open_not_kept'), 1)
  s.send({ ...call, flow: 2, state: 'closed', identity: ['run', 3] })
  assert.deepEqual([...spans(s).values()], [1, 1])
})

test('what a processor has taken that is gone is ended by another of its id', async () => {
  const [first, second] = [gateway({}, 'stitch/heir'), gateway({}, 'stitch/heir')]
  first.send(call)
  await first.stitch.shutdown()
  second.pass(TIMEOUT)
  assert.equal(second.row('call').state, 'closed')
})

test('in any order of open rows, ends and silences every span that began, or is named, is sent', () => {
  const step = fc.record({
    flow: fc.integer({ min: 1, max: 40 }),
    kind: fc.constantFrom('open', 'open', 'closed', 'callee'),
    pause: fc.constantFrom(0, 0, 100, AGAIN),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const s = gateway({ retention: 1e9 })
      const begun = new Set<number>()
      for (const [sequence, { flow, kind, pause }] of steps.entries()) {
        s.pass(pause)
        const identity = ['run', sequence + 1] as const
        if (kind === 'callee') s.send({ ...callee, flow, identity })
        else s.send({ ...call, flow, identity, state: kind as 'open' | 'closed' })
        if (kind !== 'callee') begun.add(flow)
      }
      s.pass(TIMEOUT)
      s.pass(TIMEOUT)
      const sent = spans(s)
      const calls = new Set(
        s
          .rows()
          .filter(({ role }) => role === 'client')
          .map((row) => row.span),
      )
      assert.equal(calls.size, begun.size)
      for (const span of calls) assert.ok(sent.has(span), 'whatever began has a span')
      for (const { parent } of s.rows()) assert.ok(parent === '' || sent.has(parent))
    }),
    { numRuns: 100 },
  )
})
