/** Connection records against what the programs that made the connections know. */
import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { after, before, suite, test } from 'node:test'
import {
  CLOSE_REASON,
  CONN_FLAG,
  CONN_ROLE,
  CONN_STATE,
} from '../../pipeline/kernel_events/events.gen.ts'
import { Kernel, SKIP, type SocketReport, sockets } from './kernel.ts'

const CLIENT = { role: CONN_ROLE.ROLE_CLIENT, state: CONN_STATE.CONN_CLOSED }
const SERVER = { role: CONN_ROLE.ROLE_SERVER, state: CONN_STATE.CONN_CLOSED }

suite('connections', { skip: SKIP }, () => {
  let kernel: Kernel
  before(async () => {
    kernel = await Kernel.open()
  })
  after(() => kernel.close())

  /** Both ends' closed records of what a scenario did. */
  async function ends(scenario: string, options: Record<string, string> = {}) {
    const made = await sockets(scenario, { options })
    const { client_port: local_port, pid } = made
    const client = await kernel.connection({ ...CLIENT, local_port, pid })
    const server = await kernel.connection({ ...SERVER, flow_id: client.flow_id })
    return { made, client, server }
  }

  const HOSTS = {
    '127.0.0.1': '127.0.0.1',
    '::1': '00000000000000000000000000000001',
    '::ffff:127.0.0.1': '127.0.0.1',
  }
  for (const [host, written] of Object.entries(HOSTS)) {
    test(`both ends of a connection to ${host} are told alike`, async () => {
      const { made, client, server } = await ends('client_closes_first', { host })
      for (const end of [client, server]) {
        assert.equal(end.local_addr, written)
        assert.equal(end.remote_addr, written)
        assert.equal(end.pid, made.pid)
        assert.equal(end.comm, 'python3')
        assert.equal(end.netns, statSync('/proc/self/ns/net').ino)
        assert.equal(end.flags, 0)
        assert.equal(end.close_reason, CLOSE_REASON.CLOSE_FIN)
        assert.ok(end.srtt_us > 0 && end.srtt_us < 1e6, `srtt ${end.srtt_us}`)
        assert.ok(end.min_rtt_us > 0 && end.min_rtt_us <= end.srtt_us * 20)
      }
      assert.equal(client.remote_port, made.server_port)
      assert.equal(server.local_port, made.server_port)
      assert.equal(client.tid, made.pid)
      assert.equal(server.remote_port, made.client_port)
      assert.equal(client.isn_client, server.isn_client)
      assert.equal(client.isn_server, server.isn_server)
      assert.notEqual(client.conn_id, server.conn_id)
      assert.equal(client.flow_id, mix64(client.isn_client, client.isn_server))
    })
  }

  test('an open record comes before the closed one and agrees with it', async () => {
    const { made, client, server } = await ends('server_closes_first')
    for (const closed of [client, server]) {
      const open = await kernel.connection({ conn_id: closed.conn_id, state: CONN_STATE.CONN_OPEN })
      const { connections } = kernel
      assert.ok(connections.indexOf(open) < connections.indexOf(closed))
      assert.equal(open.flow_id, closed.flow_id)
      assert.equal(open.established_ns, closed.established_ns)
      assert.equal(open.end_ns, 0n)
      assert.equal(open.bytes_sent + open.bytes_received, 0)
      assert.ok(closed.start_ns > 0n && closed.start_ns <= closed.established_ns)
      assert.ok(closed.established_ns - closed.start_ns < 1_000_000_000n)
      assert.ok(closed.established_ns < closed.end_ns)
    }
    const opened = kernel.connections.filter(
      (record) => record.local_port === made.client_port && record.state === CONN_STATE.CONN_OPEN,
    )
    assert.equal(opened[0]?.pid, made.pid)
  })

  for (const scenario of ['client_closes_first', 'server_closes_first', 'client_shuts_down']) {
    test(`bytes are the application's, without SYN and FIN: ${scenario}`, async () => {
      const { made, client, server } = await ends(scenario)
      assertBytes(client, { sent: made.up, received: made.down })
      assertBytes(server, { sent: made.down, received: made.up })
      assert.equal(client.close_reason, CLOSE_REASON.CLOSE_FIN)
      assert.equal(server.close_reason, CLOSE_REASON.CLOSE_FIN)
    })
  }

  const RESETS = {
    server_leaves_unread: { client: 'CLOSE_RST_RECEIVED', server: 'CLOSE_RST_SENT' },
    client_lingers_zero: { client: 'CLOSE_RST_SENT', server: 'CLOSE_RST_RECEIVED' },
    unread_after_shutdown: { client: 'CLOSE_RST_SENT', server: 'CLOSE_RST_RECEIVED' },
    destroyed: { client: 'CLOSE_RST_SENT', server: 'CLOSE_RST_RECEIVED' },
    reset_after_fin: { client: 'CLOSE_FIN', server: 'CLOSE_RST_RECEIVED' },
  } as const
  for (const [scenario, reasons] of Object.entries(RESETS)) {
    test(`who sent the reset is told: ${scenario}`, async () => {
      const { made, client, server } = await ends(scenario)
      assert.equal(client.close_reason, CLOSE_REASON[reasons.client])
      assert.equal(server.close_reason, CLOSE_REASON[reasons.server])
      assertBytes(server, { sent: made.down, received: made.up })
      // What comes after close() meets a time-wait socket: it is not the connection's any more.
      const late = scenario === 'reset_after_fin'
      assertBytes(client, { sent: made.up, received: late ? 0 : made.down })
    })
  }

  test('an accepted socket that was neither read, written nor closed in time has no process', async () => {
    const { server } = await ends('client_lingers_zero')
    assert.equal(server.pid, 0)
    assert.equal(server.comm, '')
  })

  test('the closer of an accepted socket stands in for its reader', async () => {
    const { made, server } = await ends('server_leaves_unread')
    assert.equal(server.pid, made.pid)
    assert.equal(server.comm, 'python3')
  })

  test('a refused connect has a closed record only, with its port and an id of its own', async () => {
    const options = { to: '127.0.0.1', port: '1' }
    const made: SocketReport = await sockets('attempt', { options })
    const record = await kernel.connection({ ...CLIENT, local_port: made.client_port })
    assert.equal(record.close_reason, CLOSE_REASON.CLOSE_REFUSED)
    assert.equal(record.flags, CONN_FLAG.CONN_ID_LOCAL)
    assert.equal(record.remote_port, 1)
    assert.equal(record.remote_addr, '127.0.0.1')
    assert.equal(record.local_addr, '127.0.0.1')
    assert.equal(record.established_ns, 0n)
    assert.equal(record.pid, made.pid)
    assert.notEqual(record.flow_id, 0n)
    const all = kernel.connections.filter((other) => other.conn_id === record.conn_id)
    assert.equal(all.length, 1)
  })

  test('a socket that connects again after a refusal is another connection', async () => {
    const made = await sockets('again')
    const { client_port: local_port, pid } = made
    const opened = await kernel.connection({ ...CLIENT, local_port })
    const refused = await kernel.connection({
      ...CLIENT,
      pid,
      close_reason: CLOSE_REASON.CLOSE_REFUSED,
    })
    assert.equal(opened.close_reason, CLOSE_REASON.CLOSE_FIN)
    assert.equal(opened.flags, 0)
    assert.notEqual(opened.conn_id, refused.conn_id)
    assert.notEqual(opened.flow_id, refused.flow_id)
  })
})

function assertBytes(
  end: { bytes_sent: number; bytes_received: number },
  wanted: { sent: number; received: number },
): void {
  const { bytes_sent: sent, bytes_received: received } = end
  assert.deepEqual({ sent, received }, wanted)
}

/** bpf/flow_id.h, in the language's own 64-bit integers. */
function mix64(clientIsn: number, serverIsn: number): bigint {
  let z = (BigInt(clientIsn) << 32n) | BigInt(serverIsn)
  z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n)
  z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn)
  return z ^ (z >> 31n)
}
