/** Listeners without room, lost SYN-ACKs and dropped packets, against the kernel's own counts. */
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { CONN_ROLE, CONN_STATE, COUNTER } from '../../pipeline/kernel_events/events.gen.ts'
import { inPod, Network, type Pod } from '../kit/netns.ts'
import { Program, waitFor } from '../kit/processes.ts'
import { missingForShop, skipUnless } from '../kit/requirements.ts'
import { Held } from './held.ts'
import { command, Kernel, type Listener, SOCKETS, sockets } from './kernel.ts'

const DEAF_PORT = 7100
const LOSSY_PORT = 7101
const INTERVAL_MS = 100

suite('listeners and drops', { skip: skipUnless(missingForShop()) }, () => {
  let kernel: Kernel
  let network: Network
  let client: Pod
  let server: Pod
  before(async () => {
    kernel = await Kernel.open({ interimMs: INTERVAL_MS })
    network = new Network()
    client = network.pod('client')
    server = network.pod('server')
  })
  after(() => {
    network?.close()
    kernel?.close()
  })

  const within = (pod: Pod, ...line: [string, ...string[]]) =>
    command('ip', 'netns', 'exec', pod.netns, ...line)
  const nft = (pod: Pod, rule: string) => within(pod, 'nft', ...rule.split(' '))

  /** A line of TcpExt in the pod's /proc/net/netstat. */
  function count(pod: Pod, name: string): number {
    const [names, values] = within(pod, 'cat', '/proc/net/netstat')
      .split('\n')
      .filter((line) => line.startsWith('TcpExt:'))
      .map((line) => line.split(' '))
    return Number(values?.[names?.indexOf(name) ?? -1])
  }

  function listeners(pod: Pod): Listener[] {
    kernel.drain()
    return kernel.listeners.filter(({ netns }) => netns === pod.inode)
  }

  test('what a full accept queue drops is counted for its listener alone', async (t) => {
    const pod = network.pod('full')
    const held = new Held(t, { scenario: 'full', options: { backlog: 1, attempts: 8 }, pod })
    const { pid, port } = await held.says()
    // Retries of the SYNs come meanwhile, and are dropped too: some moment the counts agree.
    const found = await waitFor('All drops', () => {
      const records = listeners(pod)
      const drops = records.reduce((sum, { drops_since }) => sum + drops_since, 0)
      return drops > 0 && drops === count(pod, 'ListenDrops') ? records : undefined
    })
    assert.ok(count(pod, 'ListenOverflows') > 0)
    const last = found.at(-1) as Listener
    assert.deepEqual(new Set(found.map(({ local_port }) => local_port)), new Set([port]))
    assert.deepEqual([last.pid, last.comm, last.local_addr], [pid, 'python3', '127.0.0.1'])
    assert.deepEqual([last.accept_queue, last.accept_queue_max], [2, 1])
  })

  test('SYNs are sent again by the client, SYN-ACKs by the listener', async (t) => {
    nft(client, 'add table inet t')
    nft(client, 'add chain inet t in { type filter hook input priority 0; }')
    nft(client, `add rule inet t in tcp sport ${DEAF_PORT} drop`)
    const waiting = new Held(t, {
      scenario: 'waits',
      options: { host: server.ipv4, port: DEAF_PORT },
      pod: server,
    })
    await waiting.says()
    const to = { to: server.ipv4, port: DEAF_PORT }
    const asking = new Held(t, { scenario: 'unanswered', options: to, pod: client })
    const { client_port } = await asking.says()
    const found = await waitFor('A SYN-ACK that was sent again', () =>
      listeners(server).find((record) => record.local_port === DEAF_PORT),
    )
    assert.ok(found.synack_retries > 0)
    assert.ok(found.synack_retries <= count(server, 'TCPSynRetrans'))
    await asking.stop()
    const failed = await kernel.connection({
      local_port: client_port as number,
      netns: client.inode,
    })
    assert.equal(failed.role, CONN_ROLE.ROLE_CLIENT)
    assert.equal(failed.syn_retries, count(client, 'TCPSynRetrans'))
  })

  test('packets that a filter drops count for their connection, by the kernel’s reason', async (t) => {
    nft(client, 'add chain inet t out { type filter hook output priority 0; }')
    nft(client, `add rule inet t out tcp dport ${LOSSY_PORT} meta length > 500 counter drop`)
    const reason = kernel.info.dropReasons.indexOf('NETFILTER_DROP')
    const before = kernel.counters.read(COUNTER.COUNTER_DROPS + reason)
    const serve = ['python3', '-u', SOCKETS, 'serve', `host=${server.ipv4}`, `port=${LOSSY_PORT}`]
    const program = new Program(inPod(server, serve))
    t.after(() => program.stop())
    await program.line(/listening/)
    const options = { to: server.ipv4, port: LOSSY_PORT }
    const made = await sockets('silence', { options, within: (line) => inPod(client, line) })
    const closed = await kernel.connection({
      local_port: made.client_port,
      netns: client.inode,
      state: CONN_STATE.CONN_CLOSED,
    })
    const [, dropped] = /counter packets (\d+)/.exec(nft(client, 'list chain inet t out')) ?? []
    assert.deepEqual([closed.drops, closed.drop_reason], [Number(dropped), reason])
    assert.ok(closed.drops > 0)
    assert.ok(kernel.counters.read(COUNTER.COUNTER_DROPS + reason) - before >= closed.drops)
  })
})
