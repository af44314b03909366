/** The memory that the processors of one id share, while a reload exchanges what they are. */
import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import { type StitchConfig, schema } from '../../../processors/stitch/config.ts'
import type { Row } from './rows.ts'
import { Stage } from './stage.ts'

const stages: Stage[] = []
let ids = 0

function stage(options: Partial<StitchConfig> = {}, id = `reconfigured/${ids++}`): Stage {
  const made = new Stage({ wait: 'always', ...options }, id)
  stages.push(made)
  return made
}

afterEach(async () => {
  for (const made of stages.splice(0)) {
    await made.stitch.shutdown()
    made.balance()
  }
})

function reconfigure(made: Stage, options: Partial<StitchConfig>): () => void {
  return made.stitch.reconfigure({ ...schema.parse({}), wait: 'always', ...options })
}

const client = (flow: number): Row => ({ role: 'client', name: `client ${flow}`, flow })
const server = (flow: number): Row => ({ role: 'server', name: `server ${flow}`, flow })

test('spans from before are remembered after, and what waits finds its parent', () => {
  const s = stage()
  s.send(client(1), server(2))
  reconfigure(s, { window: 1000, retention: 60_000 })()
  s.send(server(1), client(2))
  assert.equal(s.row('server 1').parent, s.row('client 1').span)
  assert.equal(s.row('server 2').parent, s.row('client 2').span)
})

test('nothing changes until the function is called; then windows do, for what waits too', () => {
  const s = stage({ window: 3000 })
  s.send(server(1))
  const apply = reconfigure(s, { window: 500, window_total: 900 })
  s.pass(1000)
  assert.equal(s.rows().length, 0)
  apply()
  s.pass(0)
  assert.equal(s.rows().length, 1)
})

test('a smaller memory forgets the oldest, as far as it must', () => {
  const s = stage({ entries_max: 100 })
  for (let flow = 1; flow <= 50; flow++) s.send(client(flow))
  reconfigure(s, { entries_max: 16 })()
  s.send(client(51), server(51), server(50))
  assert.equal(s.row('server 50').parent, s.row('client 50').span)
  assert.ok((s.ledger.notes.get('evicted') ?? 0) >= 34)
})

test('a processor that comes beside another has the newer options; if it fails they are undone', async () => {
  const id = `reconfigured/${ids++}`
  const old = stage({ window: 3000 }, id)
  old.send(server(1))
  const young = stage({ window: 500, window_total: 900 }, id)
  await young.stitch.shutdown()
  old.pass(1000)
  assert.equal(old.rows().length, 0)
  old.pass(2500)
  assert.equal(old.rows().length, 1)
})

test('one that goes settles its own rows; those of the others wait on', async () => {
  const id = `reconfigured/${ids++}`
  const stays = stage({}, id)
  const goes = stage({}, id)
  stays.send(server(1), server(2))
  goes.send(server(3), server(4))
  await goes.stitch.shutdown()
  assert.deepEqual(
    goes
      .rows()
      .map(({ name }) => name)
      .sort(),
    ['server 3', 'server 4'],
  )
  assert.equal(stays.rows().length, 0)
  stays.send(client(1), client(2))
  assert.equal(stays.row('server 1').parent, stays.row('client 1').span)
  assert.equal(stays.row('server 2').parent, stays.row('client 2').span)
})

test('the last one to go ends all waits, whoever goes first', async () => {
  const id = `reconfigured/${ids++}`
  const [first, second] = [stage({}, id), stage({}, id)]
  first.send(server(1))
  second.send(server(2))
  await first.stitch.shutdown()
  await second.stitch.shutdown()
  assert.equal(first.rows().length + second.rows().length, 2)
})
