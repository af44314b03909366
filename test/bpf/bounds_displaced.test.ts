/**
 * Maps of which what is new displaces what is oldest, filled beyond their bounds by real sockets:
 * who was displaced has records that are true, and the rest goes on.
 */
import assert from 'node:assert/strict'
import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { suite, type TestContext, test } from 'node:test'
import {
  CLOSE_REASON,
  CONN_ROLE,
  CONN_STATE,
  COUNTER,
} from '../../pipeline/kernel_events/events.gen.ts'
import { waitFor } from '../kit/processes.ts'
import { Crowd, crowdAtOnce } from './crowds.ts'
import { CONFIG, Kernel, SKIP } from './kernel.ts'
import { udpRecord } from './udp.ts'

const { ROLE_CLIENT, ROLE_SERVER } = CONN_ROLE
const { CONN_INTERIM, CONN_CLOSED } = CONN_STATE
const HOST = '127.0.0.1'
/** More than there is room for (8192, 4096, 1024, 1024). */
const RELEASED = 10_000
const OWN_FLOWS = 5000
const OWN_DATAGRAMS = 1500
const NO_BACKLOGS = 1500
const AT_ONCE = 100

async function open(t: TestContext, config: Parameters<typeof Kernel.open>[0] = {}) {
  const kernel = await Kernel.open({ requests: false, connRingBytes: 1 << 23, ...config })
  t.after(() => kernel.close())
  return kernel
}

async function connected(port: number): Promise<Socket> {
  const socket = connect(port, HOST).on('error', assert.ifError)
  await once(socket, 'connect')
  return socket
}

suite('displaced', { skip: SKIP }, () => {
  test('udp_released: flows whose end was displaced end when they are idle, each once', async (t) => {
    const udp = { ...CONFIG.udp, idleMs: 1500 }
    const kernel = await open(t, { udp })
    // No sweep comes in between: the keeper is this process, which waits for it.
    const { port } = crowdAtOnce('released', { count: RELEASED })
    const closed = await waitFor('the end of all flows', () => {
      kernel.drain()
      const found = kernel.udp.filter((one) => one.remote_port === port && one.role === ROLE_CLIENT)
      const ended = found.filter(({ state }) => state === CONN_CLOSED)
      return ended.length >= RELEASED ? ended : undefined
    })
    assert.equal(closed.length, RELEASED)
    assert.equal(new Set(closed.map(({ local_port }) => local_port)).size, RELEASED)
    assert.ok(closed.every((one) => one.datagrams_sent === 1 && one.bytes_sent === 1))
    const idle = closed.filter((one) => one.close_reason === CLOSE_REASON.CLOSE_IDLE)
    const released = closed.filter((one) => one.close_reason === CLOSE_REASON.CLOSE_RELEASED)
    assert.equal(idle.length + released.length, RELEASED)
    assert.ok(idle.length > 0 && released.length > 0, `${idle.length} idle`)
    assert.equal(kernel.counters.read(COUNTER.COUNTER_UDP_LOST_FLOWS), 0)
    assert.equal(kernel.counters.read(COUNTER.COUNTER_UDP_LOST_RING), 0)
  })

  test('own_flows: the other end of a connection of flowspan is told of, the next is not', async (t) => {
    const kernel = await open(t)
    const deferred = new Crowd(t, 'deferred')
    const { port } = await deferred.says()
    const accepting = new Crowd(t, 'accepts')
    const { port: otherPort } = await accepting.says()
    /** Its server's end opens with its first bytes; `meanwhile` what is between. */
    const visit = async (meanwhile: () => Promise<void>) => {
      const socket = await connected(port)
      const { localPort } = socket
      await meanwhile()
      socket.end('.')
      await once(socket.resume(), 'close')
      return localPort
    }
    const before = await visit(async () => {})
    const between = await visit(() => manyConnections(otherPort))
    const behind = await visit(async () => {})
    const told = await kernel.connection({ remote_port: between as number, state: CONN_CLOSED })
    assert.deepEqual(
      [told.role, told.local_port, told.pid, told.bytes_received],
      [ROLE_SERVER, port, deferred.pid, 1],
    )
    await kernel.balance()
    const ports = kernel.connections.flatMap((one) => [one.local_port, one.remote_port])
    assert.ok(!ports.includes(before as number) && !ports.includes(behind as number))
    const ofOthers = kernel.connections.filter((one) => one.local_port === otherPort)
    assert.deepEqual(ofOthers, [])
  })

  test('own_datagrams: the other end of a flow of flowspan is told of, not of one in use', async (t) => {
    const kernel = await open(t)
    const server = new Crowd(t, 'reopens')
    const { port } = await server.says()
    const own = () => kernel.counters.read(COUNTER.COUNTER_UDP_OWN)
    /** Answered by a socket that is closed then, and by another one the next time. */
    const ask = async (socket: UdpSocket) => {
      socket.send('ask', port, HOST)
      await Promise.all([once(socket, 'message'), server.says()])
    }
    const [used, unused] = [createSocket('udp4'), createSocket('udp4')]
    t.after(() => [used, unused].map((socket) => socket.close()))
    // Nobody is there: it is noted alone that this is flowspan's.
    for (const socket of [used, unused]) {
      await new Promise((sent) => socket.send('.', port, HOST, sent))
    }
    await server.go()
    await ask(used)
    assert.equal(own(), 3)
    for (let other = 1; other <= OWN_DATAGRAMS; other++) {
      await new Promise((sent) => used.send('.', 10_000 + other, HOST, sent))
    }
    const full = own()
    await ask(used)
    await ask(unused)
    const told = await udpRecord(kernel, { local_port: port, state: CONN_CLOSED })
    assert.deepEqual(
      [told.role, told.remote_port, told.datagrams_received, told.datagrams_sent],
      [ROLE_SERVER, unused.address().port, 1, 1],
    )
    assert.equal(own(), full + 1)
  })

  test('no_backlog: what listeners with a backlog of 0 accepted is theirs, however many', async (t) => {
    const { ports } = await new Crowd(t, 'backlogs', { options: { count: NO_BACKLOGS } }).says()
    const kernel = await open(t)
    const isOne = new Set(ports)
    const found = await waitFor('all older connections', () => {
      kernel.drain()
      const ends = kernel.connections.filter(
        (one) => isOne.has(one.local_port) || isOne.has(one.remote_port),
      )
      return ends.length >= 2 * NO_BACKLOGS ? ends : undefined
    })
    const states = new Set(found.map(({ state }) => state))
    assert.deepEqual([...states], [CONN_INTERIM])
    const wrong = found.filter(
      ({ role, local_port }) => (role === ROLE_SERVER) !== isOne.has(local_port),
    )
    assert.equal(wrong.length, 0)
    assert.equal(new Set(found.map(({ flow_id }) => flow_id)).size, NO_BACKLOGS)
  })
})

/** More than there is room for, of this process; each has ended. */
async function manyConnections(port: number): Promise<void> {
  for (let made = 0; made < OWN_FLOWS; made += AT_ONCE) {
    await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        const socket = connect(port, HOST).on('error', assert.ifError).resume()
        await once(socket, 'close')
      }),
    )
  }
}
