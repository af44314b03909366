/** Connections older than the programs, against programs that saw them open. */
import assert from 'node:assert/strict'
import { after, before, suite, type TestContext, test } from 'node:test'
import {
  CONN_FLAG,
  CONN_ROLE,
  CONN_STATE,
  COUNTER,
} from '../../pipeline/kernel_events/events.gen.ts'
import { Network, type Pod } from '../kit/netns.ts'
import { waitFor } from '../kit/processes.ts'
import { missingForShop, skipUnless } from '../kit/requirements.ts'
import { Held } from './held.ts'
import { type Connection, Kernel } from './kernel.ts'

const { CONN_OPEN, CONN_INTERIM, CONN_CLOSED } = CONN_STATE
const { ROLE_CLIENT, ROLE_SERVER } = CONN_ROLE
/** Connections of each of three pairs of pods. */
const COUNT = 334
/** More than a u32 counts. */
const BYTES = 4.5 * 2 ** 30

suite('older connections', { skip: skipUnless(missingForShop()) }, () => {
  /** Has seen all connections open. */
  let witness: Kernel
  let network: Network
  before(async () => {
    witness = await Kernel.open({ requests: false, connRingBytes: 1 << 22 })
    network = new Network()
  })
  after(() => {
    network?.close()
    witness?.close()
  })

  test('a thousand in three namespaces are found, with process, role and flow', async (t) => {
    const pods = ['a', 'b', 'c'].map((name) => network.pod(name))
    // A listener that has gone, one with a backlog of 0, and one that is still there.
    const kinds = [{ backlog: 500 }, { backlog: 0, keep: 1 }, { backlog: 500, keep: 1 }]
    const pairs = await Promise.all(kinds.map((kind, i) => hold(t, { pods, i, kind })))
    const kernel = await open(t, { connRingBytes: 1 << 22 })
    for (const { from, to, client, server, port } of pairs) {
      const seen = (held: Kernel, state: number) => ({
        clients: held.connections.filter(
          (c) => c.state === state && c.netns === from.inode && c.remote_port === port,
        ),
        servers: held.connections.filter(
          (c) => c.state === state && c.netns === to.inode && c.local_port === port,
        ),
      })
      const found = await waitFor('All older connections', () => {
        kernel.drain()
        const { clients, servers } = seen(kernel, CONN_INTERIM)
        return clients.length + servers.length >= 2 * COUNT ? { clients, servers } : undefined
      })
      witness.drain()
      assertFound(found.clients, { role: ROLE_CLIENT, pid: client.pid, sent: 5, received: 7 })
      assertFound(found.servers, { role: ROLE_SERVER, pid: server.pid, sent: 7, received: 5 })
      const known = ids(seen(witness, CONN_OPEN).clients)
      assert.equal(known.size, COUNT)
      assert.deepEqual(ids(found.clients), known)
      assert.deepEqual(ids(found.servers), known)
      client.held.go()
      server.held.go()
      const closed = await waitFor('The end of all', () => {
        kernel.drain()
        const { clients, servers } = seen(kernel, CONN_CLOSED)
        return clients.length === COUNT && servers.length === COUNT ? servers : undefined
      })
      assert.deepEqual(ids(closed), known)
      for (const { bytes_sent, sent_since, received_since } of closed) {
        assert.deepEqual([bytes_sent, sent_since, received_since], [12, 5n, 0n])
      }
    }
    assert.ok(kernel.counters.read(COUNTER.COUNTER_OLDER_FOUND) >= 6 * COUNT)
  })

  async function hold(t: TestContext, { pods, i, kind }: Holding) {
    const [from, to] = [pods[i] as Pod, pods[(i + 1) % pods.length] as Pod]
    const port = 7000 + i
    const server = new Held(t, {
      scenario: 'serve',
      options: { host: to.ipv4, port, count: COUNT, ...kind },
      pod: to,
    })
    const { pid: serverPid } = await server.says()
    const client = new Held(t, {
      scenario: 'connect',
      options: { to: to.ipv4, port, count: COUNT },
      pod: from,
    })
    const { pid: clientPid } = await client.says()
    await server.says()
    return {
      from,
      to,
      port,
      client: { held: client, pid: clientPid },
      server: { held: server, pid: serverPid },
    }
  }

  test('counters beyond 32 bits still give the flow', async (t) => {
    const held = new Held(t, { scenario: 'gigabytes', options: { bytes: BYTES } })
    const { client_port: local_port, sent } = await held.says()
    const kernel = await open(t, { requests: false })
    const found = await kernel.connection({ local_port: local_port as number, state: CONN_INTERIM })
    const seen = await witness.connection({ local_port: local_port as number, state: CONN_OPEN })
    assert.equal(found.bytes_sent, sent)
    assert.ok(found.bytes_sent > 2 ** 32)
    assert.equal(found.flow_id, seen.flow_id)
    const other = await kernel.connection({ remote_port: local_port as number })
    assert.deepEqual([other.flow_id, other.bytes_received], [seen.flow_id, sent])
  })

  test('one that is shared is whose uses it first; one that waits for accept() is met', async (t) => {
    const held = new Held(t, { scenario: 'shared' })
    const { pid, client_port, waiting_port } = await held.says()
    const kernel = await open(t)
    const read = (counter: keyof typeof COUNTER) => kernel.counters.read(COUNTER[counter])
    const at = { role: ROLE_SERVER, remote_port: client_port as number }
    assert.equal((await kernel.connection(at)).pid, 0)
    assert.ok(read('COUNTER_OLDER_SHARED') >= 2)
    assert.ok(read('COUNTER_OLDER_QUEUED') >= 1)
    assert.equal(kernel.connections.filter((c) => c.remote_port === waiting_port).length, 0)
    held.go()
    await held.says()
    const waited = await kernel.connection({ remote_port: waiting_port as number })
    const other = await kernel.connection({ local_port: waiting_port as number })
    assert.deepEqual([waited.pid, waited.flow_id], [pid, other.flow_id])
    assert.equal(waited.role, ROLE_SERVER)
    assert.ok(read('COUNTER_OLDER_MET') >= 1)
    const piece = await waitFor('A piece of the shared one', () => {
      kernel.drain()
      return kernel.pieces.find((found) => found.bytes.toString() === 'shared')
    })
    assert.equal(piece.pid, pid)
  })
})

interface Holding {
  readonly pods: readonly Pod[]
  readonly i: number
  readonly kind: Record<string, number>
}

/** Programs that come after the connections. */
async function open(t: TestContext, config: Parameters<typeof Kernel.open>[0] = {}) {
  const kernel = await Kernel.open(config)
  t.after(() => kernel.close())
  return kernel
}

function assertFound(
  found: readonly Connection[],
  wanted: { role: number; pid: number; sent: number; received: number },
): void {
  assert.equal(found.length, COUNT)
  for (const connection of found) {
    assert.equal(connection.role, wanted.role)
    assert.equal(connection.pid, wanted.pid)
    assert.equal(connection.comm, 'python3')
    assert.equal(connection.flags, CONN_FLAG.CONN_OLDER)
    assert.deepEqual([connection.start_ns, connection.established_ns], [0n, 0n])
    assert.equal(connection.bytes_sent, wanted.sent)
    assert.equal(connection.bytes_received, wanted.received)
    assert.deepEqual([connection.sent_since, connection.received_since], [0n, 0n])
  }
}

function ids(connections: readonly Connection[]): Set<bigint> {
  return new Set(connections.map(({ flow_id }) => flow_id))
}
