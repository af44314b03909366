/** UDP where there is too much of it, none for long, where it is flowspan's own, or translated. */
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { suite, test } from 'node:test'
import {
  CLOSE_REASON,
  CONN_ROLE,
  CONN_STATE,
  COUNTER,
  Sweep,
} from '../../pipeline/kernel_events/events.gen.ts'
import type { KernelConfig } from '../../receivers/ebpf/keeper.ts'
import { inPod, Network } from '../kit/netns.ts'
import { Program, waitFor } from '../kit/processes.ts'
import { missingForShop, skipUnless } from '../kit/requirements.ts'
import { CONFIG, command, Kernel, SKIP } from './kernel.ts'
import { DATAGRAMS, datagrams, udpRecord } from './udp.ts'

const { ROLE_CLIENT, ROLE_SERVER } = CONN_ROLE
const CLOSED = CONN_STATE.CONN_CLOSED

/** Without payload, whose programs take seconds to verify. */
async function withKernel(
  config: Partial<KernelConfig>,
  act: (kernel: Kernel) => Promise<void>,
): Promise<void> {
  const kernel = await Kernel.open({ requests: false, ...config })
  try {
    await act(kernel)
  } finally {
    kernel.close()
  }
}

suite('bounds of UDP', { skip: SKIP }, () => {
  test('a flow is over when nothing has come for the time-out, and may begin again', async () => {
    await withKernel({ udp: { ...CONFIG.udp, idleMs: 500 } }, async (kernel) => {
      const program = new Program(['python3', '-u', DATAGRAMS, 'mute', 'again=1'])
      const [, port] = await program.line(/"client_port": (\d+)/)
      const flow = { local_port: Number(port), role: ROLE_CLIENT, state: CLOSED }
      const idle = { ...flow, close_reason: CLOSE_REASON.CLOSE_IDLE }
      const { flow_id, end_ns, start_ns, bytes_sent } = await udpRecord(kernel, idle)
      assert.equal(bytes_sent, 300)
      // Its end is that of the last datagram.
      assert.ok(end_ns - start_ns < 400_000_000n)
      process.kill(program.pid, 'SIGUSR1')
      await program.exited
      const again = await udpRecord(kernel, {
        ...flow,
        close_reason: CLOSE_REASON.CLOSE_RELEASED,
      })
      assert.notEqual(again.flow_id, flow_id)
      assert.equal(again.bytes_sent, 300)
    })
  })

  test('flows beyond the most are not followed, and each datagram of theirs is counted', async () => {
    await withKernel({ udp: { ...CONFIG.udp, flowsMax: 4 } }, async (kernel) => {
      await datagrams('crowd', { count: 50 })
      await waitFor('the closed records', () => {
        kernel.drain()
        return kernel.udp.some(({ state }) => state === CLOSED)
      })
      const counted = kernel.udp
        .filter(({ state }) => state === CLOSED)
        .reduce((sum, flow) => sum + flow.datagrams_sent + flow.datagrams_received, 0)
      const lost = kernel.counters.read(COUNTER.COUNTER_UDP_LOST_FLOWS)
      // 100 were sent and 100 received; others of this host may have been counted or lost too.
      assert.ok(counted + lost >= 200, `${counted} counted, ${lost} lost`)
      assert.ok(lost >= 200 - 4 * 2)
    })
  })

  test('flows that the ring has no room for wait until it has, and none is lost', async () => {
    await withKernel({ connRingBytes: 16_384 }, async (kernel) => {
      const { counters } = kernel
      const { ports } = await datagrams('crowd', { count: 100 })
      // Both ends of all have no room at once: it takes several sweeps, between which is read.
      for (const port of ports) {
        await udpRecord(kernel, { local_port: port, state: CLOSED, role: ROLE_CLIENT })
        await udpRecord(kernel, { remote_port: port, state: CLOSED, role: ROLE_SERVER })
      }
      const lost = counters.read(COUNTER.COUNTER_UDP_LOST_RING)
      assert.equal(kernel.udp.length + lost, counters.read(COUNTER.COUNTER_UDP_EVENTS))
      assert.equal(lost, 0)
    })
  })

  test('a sweep looks at flows when one has begun or ended, and else does nothing', async () => {
    await withKernel({}, async (kernel) => {
      const sweep = () => kernel.object.run('sweep_udp', new Uint8Array(Sweep.size))
      await waitFor('a sweep that does nothing', () => sweep() === 0)
      await datagrams('echo', { host: '127.0.0.1', connected: 0, count: 1, size: 100 })
      assert.equal(sweep(), 1)
      await waitFor('another', () => sweep() === 0)
    })
  })

  test('what flowspan sends is left out, at the other end too', async () => {
    await withKernel({}, async (kernel) => {
      const port = 20_000 + (process.pid % 10_000)
      const server = ['python3', '-u', DATAGRAMS, 'serve', `port=${port}`] as const
      const program = new Program(server)
      await program.line(/listening/)
      const before = kernel.counters.read(COUNTER.COUNTER_UDP_OWN)
      const socket = createSocket('udp4')
      socket.send('hello', port, '127.0.0.1')
      await once(socket, 'message')
      await new Promise<void>((resolve) => socket.close(() => resolve()))
      const own = kernel.counters.read(COUNTER.COUNTER_UDP_OWN) - before
      const visit = await datagrams('visit', { to: '127.0.0.1', port })
      await program.stop()
      await udpRecord(kernel, { local_port: port, remote_port: visit.client_port, state: CLOSED })
      assert.equal(own, 2)
      const ports = kernel.udp
        .filter(({ local_port, remote_port }) => [local_port, remote_port].includes(port))
        .map(({ local_port, remote_port }) => (local_port === port ? remote_port : local_port))
      assert.deepEqual(new Set(ports), new Set([visit.client_port]))
    })
  })
})

test('each end of a flow through a ClusterIP says what it sees', {
  skip: skipUnless(missingForShop()),
}, async () => {
  const network = new Network()
  try {
    const client = network.pod('client')
    const server = network.pod('server')
    await withKernel({}, async (kernel) => {
      for (const version of ['ipv4', 'ipv6'] as const) {
        const rule = `ip${version === 'ipv6' ? '6' : ''}`
        const service = version === 'ipv4' ? '10.96.0.77' : 'fd00:10:96::77'
        const to = version === 'ipv4' ? `${server.ipv4}:5353` : `[${server.ipv6}]:5353`
        const dnat = `add rule inet services prerouting ${rule} daddr ${service} udp dport 53`
        const args = `${dnat} dnat ${rule} to ${to}`.split(' ')
        command('ip', 'netns', 'exec', network.node.netns, 'nft', ...args)
        const options = ['serve', `host=${server[version]}`, 'port=5353'] as const
        const program = new Program(inPod(server, ['python3', '-u', DATAGRAMS, ...options]))
        await program.line(/listening/)
        const within = (line: [string, ...string[]]) => inPod(client, line)
        const made = await datagrams('visit', { to: service, port: 53 }, within)
        await program.stop()
        const closed = { state: CLOSED, datagrams_sent: 3, datagrams_received: 3 }
        const atClient = await udpRecord(kernel, {
          ...closed,
          netns: client.inode,
          role: ROLE_CLIENT,
          remote_port: 53,
          local_port: made.client_port,
        })
        const atServer = await udpRecord(kernel, {
          ...closed,
          netns: server.inode,
          role: ROLE_SERVER,
          local_port: 5353,
        })
        assert.equal(atClient.remote_addr, addressOf(service))
        assert.equal(atServer.remote_addr, addressOf(network.node[version]))
        assert.equal(atServer.local_addr, addressOf(server[version]))
        kernel.udp.length = 0
      }
    })
  } finally {
    network.close()
  }
})

/** As `address` of kernel.ts writes it. */
function addressOf(text: string): string {
  if (!text.includes(':')) return text
  const [head = '', tail = ''] = text.split('::')
  const groups = (part: string) => part.split(':').filter(Boolean)
  const missing = 8 - groups(head).length - groups(tail).length
  const all = [
    ...groups(head),
    ...Array(text.includes('::') ? missing : 0).fill('0'),
    ...groups(tail),
  ]
  return all.map((group: string) => group.padStart(4, '0')).join('')
}
