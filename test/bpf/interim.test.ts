/** What is told of connections while they are open, against what the programs and tcp_info say. */
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { CONN_ROLE, CONN_STATE } from '../../pipeline/kernel_events/events.gen.ts'
import { waitFor } from '../kit/processes.ts'
import { Line, PORT } from '../receivers/ebpf/episodes/line.ts'
import { Held, type Step } from './held.ts'
import { type Connection, Kernel, SKIP } from './kernel.ts'

const { CONN_INTERIM, CONN_CLOSED } = CONN_STATE
const INTERVAL_MS = 100

suite('interim records', { skip: SKIP }, () => {
  let kernel: Kernel
  before(async () => {
    kernel = await Kernel.open({ requests: false, interimMs: INTERVAL_MS })
  })
  after(() => kernel.close())

  /** The records of one end so far. */
  function of(wanted: Partial<Connection>): Connection[] {
    kernel.drain()
    return kernel.connections.filter((found) =>
      Object.entries(wanted).every(([key, value]) => found[key as keyof Connection] === value),
    )
  }

  test('a long connection has its exact bytes; what is idle is silent; deltas add up', async (t) => {
    const held = new Held(t, { scenario: 'trickle' })
    for (const step of [1, 2, 3]) {
      const { client_port, busy_port } = await held.says()
      const ends = [{ local_port: client_port as number }, { remote_port: client_port as number }]
      const told = (end: Partial<Connection>) => {
        const last = of({ ...end, state: CONN_INTERIM }).at(-1)
        return last !== undefined && last.bytes_sent + last.bytes_received === 1010 * step
      }
      await waitFor('Interim records of both ends', () => ends.every(told))
      const before = ends.map((end) => of(end).length)
      // Two more passes, by what another connection tells.
      const busy = { local_port: busy_port as number, state: CONN_INTERIM }
      const passes = of(busy).length + 2
      await waitFor('Two passes', () => of(busy).length >= passes)
      assert.deepEqual(
        ends.map((end) => of(end).length),
        before,
      )
      held.go()
    }
    await held.program.exited
    const { client_port } = JSON.parse(held.program.output.split('\n')[0] as string) as Step
    const end = { local_port: client_port as number, role: CONN_ROLE.ROLE_CLIENT }
    await kernel.connection({ ...end, state: CONN_CLOSED })
    const records = of(end)
    const sum = (key: 'sent_since' | 'received_since') =>
      records.reduce((total, record) => total + Number(record[key]), 0)
    assert.deepEqual([sum('sent_since'), sum('received_since')], [3000, 30])
    assert.ok(records.length >= 5)
    for (const [i, { end_ns }] of records.entries()) {
      assert.ok(i === 0 || end_ns > (records[i - 1] as Connection).end_ns)
    }
  })

  test('time limited by the peer’s window is what tcp_info has, and grows', async (t) => {
    const held = new Held(t, { scenario: 'deaf' })
    const before = await held.says()
    const end = { local_port: before.client_port as number, state: CONN_INTERIM }
    const least = BigInt(before.rwnd_limited as number) + 300_000n
    const told = await waitFor('Time that was waited', () =>
      of(end).find(({ rwnd_limited_us }) => rwnd_limited_us >= least),
    )
    held.go()
    const later = await held.says()
    assert.ok(told.rwnd_limited_us <= BigInt(later.rwnd_limited as number))
    assert.ok(told.busy_us <= BigInt(later.busy as number))
    assert.ok(told.busy_us >= told.rwnd_limited_us + told.sndbuf_limited_us)
    const since = of(end).reduce((sum, record) => sum + record.rwnd_limited_since_us, 0n)
    assert.equal(since, of(end).at(-1)?.rwnd_limited_us)
  })

  test('time limited by a small send buffer, on a slow path, is what tcp_info has', async (t) => {
    const line = new Line()
    t.after(() => line.close())
    await line.start({ through: true })
    line.say('delay', 50)
    const options = { to: line.far.ipv4, port: PORT }
    const held = new Held(t, { scenario: 'cramped', options, pod: line.near })
    const before = await held.says()
    const end = { local_port: before.client_port as number, netns: line.near.inode }
    const least = BigInt(before.sndbuf_limited as number) + 300_000n
    const told = await waitFor('Time that was waited', () =>
      of({ ...end, state: CONN_INTERIM }).find(
        ({ sndbuf_limited_us }) => sndbuf_limited_us >= least,
      ),
    )
    held.go()
    const later = await held.says()
    assert.ok(told.sndbuf_limited_us <= BigInt(later.sndbuf_limited as number))
    assert.ok(told.busy_us >= told.sndbuf_limited_us + told.rwnd_limited_us)
    // The peer reads: it is the buffer alone that it waits for.
    assert.ok(told.rwnd_limited_us * 10n < told.sndbuf_limited_us, `${told.rwnd_limited_us}`)
    const since = of(end).reduce((sum, record) => sum + record.sndbuf_limited_since_us, 0n)
    assert.equal(since, of(end).at(-1)?.sndbuf_limited_us)
  })
})
