/** Rows of many hosts: delivered late, twice, in any order, with clocks that differ. */
import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import fc from 'fast-check'
import { schema } from '../../../processors/stitch/config.ts'
import type { Row } from './rows.ts'
import { Stage } from './stage.ts'

const GATEWAY = schema.parse({ wait: 'always' })
const stages: Stage[] = []

function gateway(options: Partial<typeof GATEWAY> = {}): Stage {
  const made = new Stage({ ...GATEWAY, ...options })
  stages.push(made)
  return made
}

afterEach(async () => {
  for (const made of stages.splice(0)) {
    await made.stitch.shutdown()
    made.balance()
  }
})

test('a gateway waits longer and remembers more than an agent, unless told otherwise', () => {
  const agent = schema.parse({})
  assert.equal(agent.window, 3000)
  assert.equal(agent.identities_bytes_max, 0)
  for (const option of ['window', 'window_total', 'retention', 'entries_max', 'rows_max'] as const)
    assert(GATEWAY[option] > agent[option], option)
  const told = schema.parse({ wait: 'always', window: '1s', retention: '30s' })
  assert.deepEqual([told.window, told.window_total, told.retention], [1000, 3000, 30_000])
})

test("a callee's row may lie before its caller's, as clocks of hosts differ", () => {
  const s = gateway()
  s.send({ role: 'server', flow: 1, name: 'callee', startS: 1_700_000_000 })
  s.send({ role: 'client', flow: 1, name: 'caller', startS: 1_700_000_090 })
  assert.equal(s.row('callee').parent, s.row('caller').span)
})

test('a row that is delivered twice is dropped and counted', () => {
  const s = gateway()
  const row: Row = { role: 'client', flow: 1, name: 'a', identity: ['run', 7] }
  s.send(row, { kind: 'connection', role: 'client', flow: 1, identity: ['run', 8] })
  s.send(row, { kind: 'connection', role: 'client', flow: 1, identity: ['run', 8] })
  s.send({ ...row, name: 'b', flow: 2, identity: ['another run', 7] })
  assert.deepEqual(
    s
      .rows()
      .map(({ name }) => name)
      .sort(),
    ['a', 'b'],
  )
  assert.deepEqual(s.ledger.entry().used, { doubled: 2 })
})

test('identities are forgotten by page when there are too many, and that is counted', () => {
  const s = gateway({ identities_bytes_max: 2 * 4096 })
  const seen = (run: string): Row => ({ role: 'client', flow: 1, name: run, identity: [run, 1] })
  for (const run of ['a', 'b', 'a', 'c', 'a', 'b']) s.send(seen(run))
  assert.equal(s.ledger.entry().used.doubled, 2)
  assert.equal(s.ledger.notes.get('identities_evicted'), 2)
})

test('a row that others gave up waiting for is counted as late, and keeps its trace', () => {
  const s = gateway()
  s.send({ role: 'server', flow: 1, name: 'root server' })
  s.send({ role: 'client', flow: 2, cause: { flow: 1, offset: 0 }, name: 'call' })
  s.pass(GATEWAY.window)
  assert.equal(s.row('root server').method, 'none')
  s.send({ role: 'client', flow: 1, name: 'late caller' })
  assert.equal(s.ledger.notes.get('late'), 1)
  assert.equal(s.row('late caller').trace, s.row('call').trace, 'the trace its callee had begun')
  s.send({ role: 'server', flow: 2, name: 'late callee' })
  assert.equal(s.row('late callee').parent, s.row('call').span)
  assert.equal(s.row('late callee').trace, s.row('call').trace)
  assert.equal(s.ledger.notes.get('late'), 1, 'nobody had waited for that one')
})

test('after a partition of a minute the rows of its far side still find their parents', () => {
  const s = gateway()
  s.send({ role: 'client', flow: 1, name: 'caller' })
  for (let i = 0; i < 60; i++) s.pass(1000)
  s.send({ role: 'server', flow: 1, name: 'callee' })
  assert.equal(s.row('callee').parent, s.row('caller').span)
  assert.equal(s.longestWait, 0)
})

test('a restart of the gateway makes roots of what it forgot, and no link to nothing', async () => {
  const before = gateway()
  before.send({ role: 'client', flow: 1, name: 'caller' })
  await before.stitch.shutdown()
  const after = gateway()
  after.send({ role: 'server', flow: 1, name: 'callee' })
  after.pass(GATEWAY.window)
  assert.equal(after.row('callee').method, 'none')
  assert.equal(after.row('callee').trace, before.row('caller').trace, 'in one trace all the same')
})

/** Who calls: a call before this one, or nobody that is seen. */
const CHAINS = fc.array(fc.nat(), { minLength: 1, maxLength: 12 })
const PAUSES_MS = [0, 0, 100, 4900, 20_000, 400_000]

test('any order, delay and doubling gives no wrong link, no double span, no unseen parent', () => {
  const cases = CHAINS.chain((picks) => {
    const callers = picks.map((pick, i) => (pick % (i + 1)) - 1)
    const rows = callers.flatMap((caller, i): Row[] => [
      {
        role: 'client',
        flow: 100 + i,
        name: `client ${i}`,
        identity: [`agent ${caller}`, 2 * i + 1],
        ...(caller >= 0 && { cause: { flow: 100 + caller, offset: 0 } }),
      },
      { role: 'server', flow: 100 + i, name: `server ${i}`, identity: [`agent ${i}`, 2 * i + 2] },
    ])
    const pause = fc.constantFrom(...PAUSES_MS)
    const delivered = fc.shuffledSubarray([...rows, ...rows, ...rows])
    return fc.tuple(fc.constant(callers), delivered, fc.array(pause, { minLength: 1 }))
  })
  fc.assert(
    fc.property(cases, ([callers, rows, pauses]) => {
      for (const made of stages.splice(0)) void made.stitch.shutdown()
      const s = gateway()
      for (const [i, row] of rows.entries()) {
        s.send(row)
        s.balance()
        const pause = pauses[i % pauses.length] as number
        for (let passed = 0; passed < pause; passed += 1000) s.pass(Math.min(1000, pause - passed))
      }
      while (s.stitch.held() > 0) s.pass(1000)
      const out = s.rows()
      const bySpan = new Map(out.map((row) => [row.span, row]))
      assert.equal(out.length, bySpan.size, 'no span twice')
      assert.equal(out.length, new Set(rows.map(({ name }) => name)).size, 'and none missing')
      for (const { name, parent, trace } of out) {
        if (parent === '') continue
        const [role, call] = name.split(' ') as [string, string]
        const right = role === 'server' ? `client ${call}` : `server ${callers[Number(call)]}`
        assert.equal(bySpan.get(parent)?.name, right)
        assert.equal(bySpan.get(parent)?.trace, trace)
      }
    }),
    { numRuns: 300 },
  )
})

test('a server waits on for a client that an agent sees, not for one that nobody does', () => {
  const s = gateway()
  const { window, window_total } = GATEWAY
  s.send({ role: 'server', flow: 1, name: 'asked from outside' })
  s.send({ role: 'server', flow: 2, name: 'asked by a pod' })
  s.send({ role: 'client', flow: 3, cause: { flow: 2, offset: 0 }, name: 'its call' })
  s.pass(window - 1)
  assert.equal(s.rows().length, 0)
  // The connection's row may come after the request's.
  s.send({ kind: 'connection', state: 'open', role: 'client', flow: 2 })
  s.pass(1)
  assert.equal(s.row('asked from outside').method, 'none')
  assert.equal(s.rows().length, 1)
  s.pass(window_total - 2 * window - 1)
  assert.equal(s.rows().length, 1)
  s.send({ role: 'client', flow: 2, name: 'the pod' })
  // It has no cause, so all of it is final.
  assert.equal(s.row('asked by a pod').parent, s.row('the pod').span)
  assert.equal(s.row('its call').trace, s.row('the pod').trace)
})

test('a row that waits on waits no longer than it may, with all that waits below it', () => {
  const s = gateway()
  const { window, window_total } = GATEWAY
  s.send({ role: 'client', flow: 2, cause: { flow: 1, offset: 0 }, name: 'call' })
  s.pass(window + window / 2)
  // Below a server that comes so late it is too old for a second long wait.
  s.send({ kind: 'connection', state: 'open', role: 'client', flow: 1 })
  s.send({ role: 'server', flow: 1, name: 'server' })
  for (let at = 0; at < window_total; at += 100) s.pass(100)
  assert.equal(s.row('call').parent, s.row('server').span)
  assert.equal(s.row('server').method, 'none')
  assert(s.longestWait <= window_total, `${s.longestWait} ms`)
})

test('an agent waits for a window and no longer', () => {
  const s = gateway(schema.parse({}))
  const { window } = schema.parse({})
  s.send({ kind: 'connection', state: 'open', role: 'client', flow: 1 })
  s.send({ role: 'server', flow: 1, name: 'server' })
  s.pass(window - 1)
  assert.equal(s.rows().length, 0)
  s.pass(1)
  assert.equal(s.row('server').method, 'none')
})
