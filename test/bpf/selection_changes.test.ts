/** A selection that changes while connections are open, and names that come later. */
import assert from 'node:assert/strict'
import { after, before, suite, type TestContext, test } from 'node:test'
import {
  CLOSE_REASON,
  CONN_FLAG,
  CONN_ROLE,
  CONN_STATE,
  COUNTER,
} from '../../pipeline/kernel_events/events.gen.ts'
import { Cgroup } from '../kit/cgroup.ts'
import { inPod, Network, type Pod } from '../kit/netns.ts'
import { Program, waitFor } from '../kit/processes.ts'
import { missingForShop, skipUnless } from '../kit/requirements.ts'
import { Held } from './held.ts'
import { Kernel, sockets } from './kernel.ts'
import { selection } from './selecting.ts'
import { DATAGRAMS, udpRecord } from './udp.ts'

const { CONN_OPEN, CONN_INTERIM, CONN_CLOSED } = CONN_STATE

const hex = (text: string) => Buffer.from(text).toString('hex')
/** One before the step, one after. */
const REQUESTS = {
  up: Array(2).fill(hex('GET / HTTP/1.1\r\n\r\n')).join(','),
  down: Array(2).fill(hex('HTTP/1.1 204 No Content\r\n\r\n')).join(','),
}

suite('a selection that changes', { skip: skipUnless(missingForShop()) }, () => {
  let network: Network
  let red: Pod
  let blue: Pod
  before(() => {
    network = new Network()
    red = network.pod('red')
    blue = network.pod('blue')
  })
  after(() => network?.close())

  async function open(t: TestContext, wanted: ReturnType<typeof selection>): Promise<Kernel> {
    const kernel = await Kernel.open({ selection: wanted })
    t.after(() => kernel.close())
    return kernel
  }

  /** A connection within a pod, its ends open. */
  async function hold(t: TestContext, pod: Pod) {
    const held = new Held(t, { scenario: 'requests', options: REQUESTS, pod })
    const { client_port } = await held.says()
    return {
      pid: held.program.pid,
      port: client_port as number,
      /** After another request. */
      async end() {
        held.go()
        await held.says()
        held.go()
        await held.program.exited
      },
    }
  }

  test('older connections are selected too', async (t) => {
    const [wanted, unwanted] = [await hold(t, red), await hold(t, blue)]
    const kernel = await open(t, selection({ netns: [red.netns] }))
    const found = await kernel.connection({ state: CONN_INTERIM, local_port: wanted.port })
    assert.equal(found.flags, CONN_FLAG.CONN_OLDER)
    await unwanted.end()
    await wanted.end()
    await kernel.connection({ state: CONN_CLOSED, local_port: wanted.port })
    assert.ok(kernel.connections.every(({ netns }) => netns === red.inode))
    assert.ok(kernel.pieces.length > 0)
  })

  test('an open connection that is not wanted any more ends, one that is now begins', async (t) => {
    const kernel = await open(t, selection({ netns: [red.netns] }))
    const [first, second] = [await hold(t, red), await hold(t, blue)]
    const opened = await kernel.connection({ state: CONN_OPEN, local_port: first.port })
    kernel.privileged.select(selection({ netns: [blue.netns] }))
    const ended = await kernel.connection({ state: CONN_CLOSED, local_port: first.port })
    const begun = await kernel.connection({ state: CONN_INTERIM, local_port: second.port })
    assert.equal(ended.close_reason, CLOSE_REASON.CLOSE_NONE)
    assert.deepEqual([ended.conn_id, ended.flow_id], [opened.conn_id, opened.flow_id])
    assert.deepEqual([begun.flags, begun.netns], [CONN_FLAG.CONN_OLDER, blue.inode])
    // Nothing more of the first; of the second all that it does.
    kernel.drain()
    const known = kernel.connections.filter(({ netns }) => netns === red.inode).length
    const pieces = kernel.pieces.length
    await first.end()
    await second.end()
    const closed = await kernel.connection({ state: CONN_CLOSED, local_port: second.port })
    assert.notEqual(closed.close_reason, CLOSE_REASON.CLOSE_NONE)
    assert.equal(kernel.connections.filter(({ netns }) => netns === red.inode).length, known)
    assert.deepEqual([...new Set(kernel.pieces.slice(pieces).map(({ pid }) => pid))], [second.pid])
  })

  test('flows of UDP are asked about again with their next datagram', async (t) => {
    const kernel = await open(t, selection({ netns: [red.netns, blue.netns] }))
    const talking = [red, blue].map((pod) => {
      const program = new Program(inPod(pod, ['python3', DATAGRAMS, 'late', 'count=3', 'size=10']))
      t.after(() => program.stop())
      return program
    })
    for (const program of talking) await program.line(/asked/)
    const of = ({ inode: netns }: Pod, state: number) =>
      udpRecord(kernel, { netns, state, role: CONN_ROLE.ROLE_SERVER })
    await of(red, CONN_OPEN)
    await of(blue, CONN_OPEN)
    kernel.privileged.select(selection({ netns: [blue.netns] }))
    for (const { pid } of talking) process.kill(pid as number, 'SIGUSR1')
    const ended = await of(red, CONN_CLOSED)
    assert.deepEqual([ended.close_reason, ended.datagrams_received], [CLOSE_REASON.CLOSE_NONE, 1])
    const closed = await of(blue, CONN_CLOSED)
    assert.deepEqual([closed.datagrams_received, closed.datagrams_sent], [1, 3])
    assert.equal(closed.close_reason, CLOSE_REASON.CLOSE_RELEASED)
    assert.ok(kernel.counters.read(COUNTER.COUNTER_UDP_UNSELECTED) > 0)
  })

  test('without rules again everything is followed', async (t) => {
    const kernel = await open(t, selection({ ports: ['1'] }))
    kernel.privileged.select(selection({}))
    const made = await sockets('messages', { options: { up: '41', down: '42' } })
    await kernel.connection({ state: CONN_CLOSED, local_port: made.client_port })
  })

  test('a namespace and a cgroup that come later are found, with what they did before', async (t) => {
    const name = `flowspan-${process.pid}-later`
    const kernel = await open(t, selection({ netns: ['flowspan-no-such'], cgroup: [`/${name}`] }))
    kernel.privileged.select(selection({ cgroup: [`/${name}/inside`] }))
    const cgroup = new Cgroup(['inside'], name)
    t.after(() => cgroup.remove())
    const early = new Held(t, {
      scenario: 'requests',
      options: REQUESTS,
      within: (line) => cgroup.command(line),
    })
    const { client_port: local_port } = await early.says()
    await kernel.connection({ local_port: local_port as number })
    await waitFor('A connection that is seen to open', async () => {
      const made = await sockets('messages', {
        options: { up: '41', down: '42' },
        within: (line) => cgroup.command(line),
      })
      kernel.drain()
      return kernel.connections.find((c) => c.local_port === made.client_port)
    })
    await early.stop()
  })
})
