/** UDP between real sockets: what the kernel's records say, held against what the programs did. */
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import {
  CLOSE_REASON,
  CONN_ROLE,
  CONN_STATE,
  DIRECTION,
} from '../../pipeline/kernel_events/events.gen.ts'
import { Program, waitFor } from '../kit/processes.ts'
import { Kernel, SKIP } from './kernel.ts'
import { DATAGRAMS, type DatagramsReport, datagrams, type UdpFlow, udpRecord } from './udp.ts'

const { ROLE_CLIENT, ROLE_SERVER } = CONN_ROLE
const CLOSED = CONN_STATE.CONN_CLOSED

suite('UDP', { skip: SKIP, concurrency: 4 }, () => {
  let kernel: Kernel
  before(async () => {
    kernel = await Kernel.open()
  })
  after(() => kernel.close())

  /** Closed records of both ends. */
  async function endsOf({ client_port, server_port }: DatagramsReport) {
    const client = { local_port: client_port, remote_port: server_port }
    const server = { local_port: server_port, remote_port: client_port }
    return [
      await udpRecord(kernel, { state: CLOSED, role: ROLE_CLIENT, ...client }),
      await udpRecord(kernel, { state: CLOSED, role: ROLE_SERVER, ...server }),
    ] as const
  }

  /** What all records of a flow say is new: it may have been told of before its end. */
  function newOf({ flow_id }: UdpFlow): number[] {
    const sum = [0, 0, 0, 0]
    for (const record of kernel.udp.filter((one) => one.flow_id === flow_id)) {
      const { bytes_sent_since: sent, bytes_received_since: received } = record
      const fresh = [sent, received, record.datagrams_sent_since, record.datagrams_received_since]
      for (const [i, value] of fresh.entries()) sum[i] = (sum[i] as number) + value
    }
    return sum
  }

  for (const [name, host, seen] of [
    ['IPv4', '127.0.0.1', '127.0.0.1'],
    ['IPv6', '::1', `${'0'.repeat(31)}1`],
    ['IPv4 by way of IPv6', '::ffff:127.0.0.1', '127.0.0.1'],
  ] as const) {
    for (const connected of [0, 1]) {
      const kind = connected === 1 ? 'a connected socket' : 'sendto'
      test(`${name}, ${kind}: both ends count bytes and datagrams, and know whose they are`, async () => {
        const report = await datagrams('echo', { host, connected, count: 3, size: 100 })
        const [client, server] = await endsOf(report)
        const counts = (flow: UdpFlow) => [
          [flow.bytes_sent, flow.datagrams_sent],
          [flow.bytes_received, flow.datagrams_received],
        ]
        assert.deepEqual(counts(client), [
          [300, 3],
          [600, 3],
        ])
        assert.deepEqual(counts(server), [
          [600, 3],
          [300, 3],
        ])
        for (const flow of [client, server]) {
          assert.equal(flow.pid, report.pid)
          assert.equal(flow.comm, 'python3')
          assert.deepEqual([flow.local_addr, flow.remote_addr], [seen, seen])
          assert.equal(flow.close_reason, CLOSE_REASON.CLOSE_RELEASED)
          assert.deepEqual(newOf(flow), [flow.bytes_sent, flow.bytes_received, 3, 3])
          assert.ok(flow.end_ns > flow.start_ns && flow.start_ns > 0n)
        }
        assert.notEqual(client.flow_id, server.flow_id)
      })
    }
  }

  test('a server’s socket has a flow a client', async () => {
    const report = await datagrams('crowd', { count: 5, size: 10 })
    for (const client_port of report.ports) {
      const [client, server] = await endsOf({ ...report, client_port })
      assert.deepEqual([client.datagrams_sent, client.datagrams_received], [1, 1])
      assert.deepEqual([server.bytes_sent, server.bytes_received], [10, 10])
    }
  })

  test('each datagram of sendmmsg and recvmmsg counts', async () => {
    const [client, server] = await endsOf(await datagrams('batch', { connected: 1, count: 8 }))
    assert.deepEqual([client.datagrams_sent, client.bytes_sent], [8, 800])
    assert.deepEqual([server.datagrams_received, server.bytes_received], [8, 800])
  })

  for (const gro of [0, 1]) {
    const name = gro === 1 ? 'and put together again' : 'by itself'
    test(`a buffer that the kernel cuts into datagrams, ${name}, counts as those`, async () => {
      const report = await datagrams('segments', { connected: 1, gro, count: 10, size: 500 })
      const [client, server] = await endsOf(report)
      assert.deepEqual([client.datagrams_sent, client.bytes_sent], [10, 5000])
      assert.deepEqual([server.datagrams_received, server.bytes_received], [10, 5000])
    })
  }

  for (const host of ['127.0.0.1', '::1']) {
    test(`what the socket has no room for is dropped and not received (${host})`, async () => {
      const report = await datagrams('flood', { host, count: 200, size: 1000 })
      const [client, server] = await endsOf(report)
      assert.equal(client.datagrams_sent, 200)
      assert.ok(server.drops > 0)
      assert.equal(server.datagrams_received, report.read)
      assert.equal(server.datagrams_received + server.drops, 200)
      assert.equal(server.bytes_received, report.read * 1000)
    })
  }

  test('a flow that goes on is told of as open, and again with its end', async () => {
    const program = new Program(['python3', '-u', DATAGRAMS, 'mute'])
    const [, client, server] = await program.line(/"client_port": (\d+), "server_port": (\d+)/)
    const ports = { local_port: Number(client), remote_port: Number(server) }
    const flow = { ...ports, role: ROLE_CLIENT }
    const open = await udpRecord(kernel, { ...flow, state: CONN_STATE.CONN_OPEN })
    assert.deepEqual([open.datagrams_sent, open.datagrams_received, open.end_ns], [3, 0, 0n])
    await program.stop()
    const closed = await udpRecord(kernel, { ...flow, state: CLOSED })
    assert.equal(closed.flow_id, open.flow_id)
    assert.deepEqual([closed.bytes_sent, closed.bytes_sent_since], [300, 0])
    assert.deepEqual([closed.datagrams_sent, closed.datagrams_sent_since], [3, 0])
  })

  test('DNS comes whole, both ways, at both ends, and other datagrams do not', async () => {
    const up = Buffer.alloc(700, 'q')
    const down = Buffer.alloc(3000, 'a')
    const options = { host: '127.0.0.7', up: up.toString('hex'), down: down.toString('hex') }
    const before = kernel.datagrams.length
    const report = await datagrams('raw', { ...options, port: 53 })
    const got = await waitFor('Four datagrams', () => {
      kernel.drain()
      const mine = kernel.datagrams
        .slice(before)
        .filter(({ local_port, remote_port }) =>
          [local_port, remote_port].includes(report.client_port),
        )
      return mine.length === 4 ? mine : undefined
    })
    const { DIRECTION_SENT } = DIRECTION
    for (const { direction, bytes, len, pid, tid, local_port } of got) {
      const isQuery = (direction === DIRECTION_SENT) === (local_port === report.client_port)
      assert.ok(bytes.equals(isQuery ? up : down))
      assert.equal(len, bytes.length)
      if (direction === DIRECTION_SENT) assert.deepEqual([pid, tid], [report.pid, report.pid])
      else assert.equal(tid, 0)
    }
    await datagrams('raw', { ...options, port: 0 })
    await kernel.balance()
    assert.equal(kernel.datagrams.slice(before).length, 4)
  })
})

test('who answers from a well-known port is the server, though it is seen to send first', {
  skip: SKIP,
}, async () => {
  const command = ['python3', '-u', DATAGRAMS, 'late', 'port=911', 'host=127.0.0.9', 'connected=1']
  const program = new Program(command as [string, ...string[]])
  await program.line(/asked/)
  const kernel = await Kernel.open({ requests: false })
  try {
    process.kill(program.pid, 'SIGUSR1')
    const [, port] = await program.line(/"client_port": (\d+)/)
    const server = await udpRecord(kernel, { local_port: 911, remote_port: Number(port) })
    const client = await udpRecord(kernel, { local_port: Number(port), remote_port: 911 })
    assert.deepEqual([server.role, client.role], [ROLE_SERVER, ROLE_CLIENT])
    assert.deepEqual([client.datagrams_sent, client.datagrams_received], [0, 3])
  } finally {
    kernel.close()
    await program.stop()
  }
})
