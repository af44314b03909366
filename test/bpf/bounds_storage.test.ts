/**
 * Marks that are kept with a socket, where the socket has no room for them: each is counted, what
 * is not known is not said, and the next socket has its mark again.
 */
import assert from 'node:assert/strict'
import { after, before, suite, type TestContext, test } from 'node:test'
import { CONN_ROLE, CONN_STATE, COUNTER } from '../../pipeline/kernel_events/events.gen.ts'
import { inPod, Network, type Pod } from '../kit/netns.ts'
import { waitFor } from '../kit/processes.ts'
import { missingForShop, skipUnless } from '../kit/requirements.ts'
import { Crowd } from './crowds.ts'
import { command, Kernel, sockets } from './kernel.ts'
import { type UdpFlow, udpRecord } from './udp.ts'

const { ROLE_SERVER } = CONN_ROLE
const { CONN_OPEN } = CONN_STATE
const HOST = '127.0.0.1'
/** Bytes: less than any storage, and the kernel's own limit. */
const NO_ROOM = 64
const ROOM = 131_072
const ATTEMPTS = 8

suite('marks of sockets', { skip: skipUnless(missingForShop()) }, () => {
  const network = new Network()
  let pod: Pod
  let kernel: Kernel
  before(async () => {
    pod = network.pod('marks')
    kernel = await Kernel.open({ requests: false, interimMs: 100 })
  })
  after(() => {
    kernel?.close()
    network.close()
  })

  const within = (line: [string, ...string[]]) => inPod(pod, line)
  const limit = (bytes: number) =>
    command(...within(['sh', '-c', `echo ${bytes} >/proc/sys/net/core/optmem_max`]))
  const read = (counter: number) => kernel.counters.read(counter)
  /** Listens while sockets have room for `bytes`; is flowspan's where `own`. */
  async function listens(t: TestContext, { own, bytes }: { own: boolean; bytes: number }) {
    const options = { count: ATTEMPTS }
    const crowd = new Crowd(t, own ? 'listens' : 'overflows', { pod, options })
    await crowd.says()
    if (own) kernel.privileged.childStarted?.(crowd.pid)
    limit(bytes)
    const { port } = await crowd.go()
    limit(ROOM)
    return { port, crowd }
  }

  const opened = (port: number) => {
    const wanted = { netns: pod.inode, local_port: port, state: CONN_OPEN, role: ROLE_SERVER }
    return kernel.connection(wanted)
  }

  test('listeners: drops of one are not told of, its connections and those of the next are', async (t) => {
    const lost = () => read(COUNTER.COUNTER_CONN_LOST_STORAGE)
    const before = lost()
    const without = await listens(t, { own: false, bytes: NO_ROOM })
    assert.equal(lost(), before + 1)
    const next = await listens(t, { own: false, bytes: ROOM })
    for (const { crowd } of [without, next]) await crowd.go()
    const drops = await waitFor('drops of the one with a mark', () => {
      kernel.drain()
      const found = kernel.listeners.filter(
        ({ netns, drops_since }) => netns === pod.inode && drops_since > 0,
      )
      return found.length > 0 ? found : undefined
    })
    assert.deepEqual([...new Set(drops.map(({ local_port }) => local_port))], [next.port])
    assert.equal((await opened(without.port)).local_port, without.port)
    assert.equal(lost(), before + 1)
  })

  test('own_listeners: what one of flowspan accepts is told of, what the next does is not', async (t) => {
    const lost = () => read(COUNTER.COUNTER_MARKS_LOST_STORAGE)
    const before = lost()
    const without = await listens(t, { own: true, bytes: NO_ROOM })
    assert.equal(lost(), before + 1)
    const next = await listens(t, { own: true, bytes: ROOM })
    for (const { port } of [next, without]) {
      await sockets('visit', { options: { to: HOST, port, up: 5 }, within })
    }
    const told = await opened(without.port)
    assert.equal(told.netns, pod.inode)
    const accepted = kernel.connections.filter(
      ({ role, local_port }) => role === ROLE_SERVER && local_port === next.port,
    )
    assert.deepEqual(accepted, [])
    assert.equal(lost(), before + 1)
  })

  test('udp_owners: whose a flow is that was received is not said, of the next socket it is', async (t) => {
    const lost = () => read(COUNTER.COUNTER_MARKS_LOST_STORAGE)
    const before = lost()
    /** The flow that its peer began. */
    const received = async (bytes: number) => {
      const crowd = new Crowd(t, 'owns', { pod })
      const { port } = await crowd.says()
      limit(bytes)
      await crowd.go()
      limit(ROOM)
      const { other_port } = await crowd.go()
      const flow = await udpRecord(kernel, { local_port: port, remote_port: other_port })
      const sent = kernel.udp.find((one) => one.local_port === port && one !== flow)
      return { flow, sent: sent as UdpFlow, pid: crowd.pid }
    }
    const without = await received(NO_ROOM)
    assert.ok(lost() > before)
    const counted = lost()
    const next = await received(ROOM)
    assert.equal(lost(), counted)
    assert.deepEqual([without.flow.pid, without.flow.comm], [0, ''])
    assert.deepEqual([next.flow.pid, next.flow.comm], [next.pid, 'python3'])
    for (const { flow, sent, pid } of [without, next]) {
      assert.equal(sent.pid, pid)
      assert.deepEqual([flow.role, flow.datagrams_received], [ROLE_SERVER, 1])
    }
  })
})
