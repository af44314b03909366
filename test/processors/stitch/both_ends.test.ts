/** Both ends of a request: one record of them where they come at once, and nobody sees that. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { schema } from '../../../processors/stitch/config.ts'
import { Pin } from '../../../processors/stitch/held_rows.ts'
import { Memory } from '../../../processors/stitch/memory.ts'
import { causedBy, client, server, stage } from './made.ts'
import { batchOf, type Row } from './rows.ts'

const OWNER = { wake: () => {}, made: () => {} }

/** Where rows come at different moments each end has a record of its own. */
function sendApart(s: ReturnType<typeof stage>, rows: readonly Row[]): void {
  for (const row of rows) {
    s.send(row)
    s.pass(1)
  }
}

const named = (row: Row, name: string): Row => ({ ...row, name })
const byName = (a: { name: string }, b: { name: string }) => a.name.localeCompare(b.name)

const FOLLOWERS: readonly Row[] = [
  client(2, causedBy(1)),
  client(3, { ...causedBy(1), traceparent: [7, 8] }),
  client(4, causedBy(1, 0.5)),
  named(server(1), 'a copy of server 1'),
  named(server(1, { state: 'open' }), 'an open copy of server 1'),
  named(client(1), 'a copy of client 1'),
  named(client(5, causedBy(1)), 'behind the copies'),
]

for (const [what, more] of [
  ['neither has a header', [{}, {}]],
  ['both have one', [{ traceparent: [7, 8] }, { traceparent: [7, 8] }]],
  ['they have several', [{ traceparent: [7, 8] }, { traceparent: [7, 9] }]],
  ['the client alone has one', [{ traceparent: [7, 8] }, {}]],
  ['the server alone has one', [{}, { traceparent: [7, 8] }]],
  ['the client has a cause that was seen', [causedBy(0), {}]],
  ['the client has a candidate', [causedBy(0, 0.5), {}]],
] as const satisfies readonly (readonly [string, readonly [Partial<Row>, Partial<Row>]])[]) {
  test(`the ends of a request that come at once are what they are one by one: ${what}`, () => {
    const [together, apart] = [stage(), stage()]
    for (const s of [together, apart]) s.send(client(0), server(0))
    const pair = [client(1, more[0]), server(1, more[1])]
    together.pass(1)
    // The last row of a batch is looked at first.
    together.send(...pair.toReversed())
    apart.pass(1)
    sendApart(apart, pair)
    for (const s of [together, apart]) {
      sendApart(s, FOLLOWERS)
      s.pass(10_000)
    }
    assert.equal(together.rows().length, 2 + 2 + FOLLOWERS.length)
    assert.deepEqual(together.rows().sort(byName), apart.rows().sort(byName))
  })
}

test('of a request whose ends come at once there is one entry, renewed by further rows of both', () => {
  const memory = new Memory(schema.parse({}), () => {})
  const take = (now: number, ...rows: Row[]) => memory.take(new Pin(batchOf(rows), OWNER), now)
  take(0, server(1), client(1))
  assert.equal(memory.entries, 1)
  take(0, server(2))
  take(1, client(2))
  assert.equal(memory.entries, 3)
  take(20_000, server(1))
  memory.tick(40_000)
  assert.equal(memory.entries, 1)
  memory.tick(50_000)
  assert.equal(memory.entries, 0)
})
