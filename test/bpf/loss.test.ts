/** A ring that is too small: every record is handed over or counted, none twice. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import {
  CgroupRecord,
  COUNTER,
  ConnRecord,
  ProcessRecord,
  RECORD_TYPE,
} from '../../pipeline/kernel_events/events.gen.ts'
import { inPod, Network } from '../kit/netns.ts'
import { missingForShop, skipUnless } from '../kit/requirements.ts'
import { command, Kernel, SKIP, sockets } from './kernel.ts'

const RING_BYTES = 4096
const GET = Buffer.from('GET / HTTP/1.1\r\n\r\n').toString('hex')

function identityBytes(type: number): number {
  return (type === RECORD_TYPE.RECORD_CGROUP ? CgroupRecord.size : ProcessRecord.size) + 8
}

const NO_PODS = skipUnless(missingForShop())

suite('loss', { skip: SKIP }, () => {
  test('connection events are records and lost ones, exactly', async () => {
    const kernel = await Kernel.open({ connRingBytes: RING_BYTES, requests: false })
    try {
      await sockets('many', { options: { count: 300 } })
      kernel.drain()
      await sockets('many', { options: { count: 1 } })
      await kernel.balance()
      const { counters, connections } = kernel
      const lost = counters.read(COUNTER.COUNTER_CONN_LOST_RING)
      const events = counters.read(COUNTER.COUNTER_CONN_EVENTS)
      // Both ends open and close; other programs of this host may have connected too.
      assert.ok(events >= 301 * 4, `${events} events`)
      assert.ok(lost > 1000, `${lost} lost`)
      // Records of processes and cgroups stand in the same ring.
      const taken = kernel.identities.reduce((sum, { type }) => sum + identityBytes(type), 0)
      const room = Math.floor(Math.max(0, RING_BYTES - taken) / (ConnRecord.size + 8))
      assert.ok(connections.length >= room + 4, `${connections.length} of ${room}`)
    } finally {
      kernel.close()
    }
  })

  test('payload events are pieces and lost ones, and crowd out no connection', async () => {
    const kernel = await Kernel.open({ payloadRingBytes: RING_BYTES })
    try {
      const messages = Array(500).fill(GET).join(',')
      await sockets('messages', { options: { up: messages, down: messages } })
      await kernel.balance()
      const { counters, pieces } = kernel
      const lost = counters.read(COUNTER.COUNTER_PAYLOAD_LOST_RING)
      assert.ok(pieces.length > 0)
      assert.ok(lost > 1900, `${lost} lost`)
      assert.equal(counters.read(COUNTER.COUNTER_CONN_LOST_RING), 0)
    } finally {
      kernel.close()
    }
  })

  test('a socket that has no room for storage is not followed, and counted', {
    skip: NO_PODS,
  }, async () => {
    const kernel = await Kernel.open()
    const network = new Network()
    try {
      const pod = network.pod('full')
      const limit = '/proc/sys/net/core/optmem_max'
      command(...inPod(pod, ['sh', '-c', `echo 64 >${limit}`]))
      const within = (line: readonly string[]) => inPod(pod, line)
      await sockets('many', { options: { count: 20 }, within })
      await kernel.balance()
      const lost = kernel.counters.read(COUNTER.COUNTER_CONN_LOST_STORAGE)
      assert.ok(lost >= 40, `${lost} lost`)
      const followed = kernel.connections.filter(({ netns }) => netns === pod.inode)
      assert.deepEqual(followed, [])
    } finally {
      network.close()
      kernel.close()
    }
  })
})
