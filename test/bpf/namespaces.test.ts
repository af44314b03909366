/** Connections between network namespaces: through NAT, and on ways where packets get lost. */
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import {
  CLOSE_REASON,
  CONN_FLAG,
  CONN_ROLE,
  CONN_STATE,
} from '../../pipeline/kernel_events/events.gen.ts'
import { inPod, Network, type Pod } from '../kit/netns.ts'
import { Program } from '../kit/processes.ts'
import { missingForShop, skipUnless } from '../kit/requirements.ts'
import { command, Kernel, SOCKETS, sockets } from './kernel.ts'

const CLOSED = CONN_STATE.CONN_CLOSED
const { ROLE_CLIENT, ROLE_SERVER } = CONN_ROLE
/** Ports whose packets the node drops: all of them, or those with data. */
const LOST_PORT = 81
const SILENT_PORT = 82

suite('connections between namespaces', { skip: skipUnless(missingForShop()) }, () => {
  let kernel: Kernel
  let network: Network
  let client: Pod
  let server: Pod

  before(async () => {
    kernel = await Kernel.open()
    network = new Network()
    client = network.pod('client')
    server = network.pod('server')
    nft('add chain inet services lossy { type filter hook forward priority filter; }')
    nft(`add rule inet services lossy tcp dport ${LOST_PORT} counter drop`)
    nft(`add rule inet services lossy tcp dport ${SILENT_PORT} meta length > 500 drop`)
  })
  after(() => {
    network?.close()
    kernel?.close()
  })

  const nft = (rule: string) =>
    command('ip', 'netns', 'exec', network.node.netns, 'nft', ...rule.split(' '))
  const visit = (to: string, options: Record<string, string | number>) =>
    sockets('visit', { options: { to, ...options }, within: (line) => inPod(client, line) })
  const attempt = (options: Record<string, string | number>) =>
    sockets('attempt', { options, within: (line) => inPod(client, line) })

  function serve(port: number, host: string): Program {
    const options = [`host=${host}`, `port=${port}`]
    return new Program(inPod(server, ['python3', '-u', SOCKETS, 'serve', ...options]))
  }

  for (const version of ['ipv4', 'ipv6'] as const) {
    test(`both ends name a flow alike through DNAT and masquerade, ${version}`, async () => {
      const port = version === 'ipv4' ? 8080 : 8081
      const service = network.service(server, { port, targetPort: port })
      const program = serve(port, server[version])
      await program.line(/listening/)
      const made = await visit(service[version], { port, up: 1234 })
      const from = { role: ROLE_CLIENT, state: CLOSED, netns: client.inode, remote_port: port }
      const to = { role: ROLE_SERVER, state: CLOSED, netns: server.inode, local_port: port }
      const atClient = await kernel.connection(from)
      const atServer = await kernel.connection(to)
      const [, pid, address] = await program.line(/"pid": (\d+), "peer": \["([^"]+)"/)
      await program.stop()

      assert.equal(atClient.flow_id, atServer.flow_id)
      assert.equal(atClient.isn_client, atServer.isn_client)
      assert.equal(atClient.isn_server, atServer.isn_server)
      assert.equal(atClient.pid, made.pid)
      assert.equal(atServer.pid, Number(pid))
      assert.deepEqual([atClient.bytes_sent, atClient.bytes_received], [1234, 1234])
      assert.deepEqual([atServer.bytes_sent, atServer.bytes_received], [1234, 1234])
      // What NAT did: the client sees the service, the server sees the node.
      assert.equal(address, network.node[version])
      assert.notEqual(atClient.remote_addr, atServer.local_addr)
      assert.notEqual(atClient.local_addr, atServer.remote_addr)
    })
  }

  test('a connect whose SYNs are lost has timed out, with its retries', async () => {
    const made = await attempt({ to: server.ipv4, port: LOST_PORT })
    assert.match(made.error ?? '', /timed out/)
    const record = await failed(made.client_port)
    assert.equal(record.close_reason, CLOSE_REASON.CLOSE_TIMEOUT)
    // The node counted what it dropped.
    const [, syns] = /counter packets (\d+)/.exec(nft('list chain inet services lossy')) ?? []
    assert.equal(record.segs_out, Number(syns))
    assert.equal(record.syn_retries, Number(syns) - 1)
    assert.equal(record.retrans, 0)
    assert.deepEqual([record.srtt_us, record.rttvar_us, record.min_rtt_us], [0, 0, 0])
    assert.ok(record.end_ns - record.start_ns > 1_000_000_000n)
  })

  test('a connect that the application gives up is aborted', async () => {
    const made = await attempt({ to: server.ipv4, port: LOST_PORT, give_up_after: 0.2 })
    const record = await failed(made.client_port)
    assert.equal(record.close_reason, CLOSE_REASON.CLOSE_ABORTED)
    assert.equal(record.pid, made.pid)
  })

  test('a connect to a network that the router does not know is unreachable', async () => {
    const made = await attempt({ to: '203.0.113.1', port: 80 })
    assert.match(made.error ?? '', /unreachable|No route/)
    const record = await failed(made.client_port)
    assert.equal(record.close_reason, CLOSE_REASON.CLOSE_UNREACHABLE)
    assert.equal(record.remote_addr, '203.0.113.1')
  })

  test('a refusal from another host is refused', async () => {
    const made = await attempt({ to: server.ipv4, port: 9 })
    const record = await failed(made.client_port)
    assert.equal(record.close_reason, CLOSE_REASON.CLOSE_REFUSED)
    assert.equal(record.netns, client.inode)
  })

  test('a connection whose data is lost times out, with its retransmits', async () => {
    const program = serve(SILENT_PORT, server.ipv4)
    await program.line(/listening/)
    const options = { to: server.ipv4, port: SILENT_PORT }
    const made = await sockets('silence', { options, within: (line) => inPod(client, line) })
    await program.stop()
    assert.match(made.error ?? '', /timed out/)
    const record = await kernel.connection({
      role: ROLE_CLIENT,
      state: CLOSED,
      local_port: made.client_port,
    })
    assert.equal(record.close_reason, CLOSE_REASON.CLOSE_TIMEOUT)
    assert.equal(record.syn_retries, 0)
    assert.ok(record.retrans > 0)
    assert.equal(record.bytes_sent, 1000)
    assert.ok(record.established_ns > record.start_ns)
  })

  async function failed(port: number) {
    const record = await kernel.connection({
      role: ROLE_CLIENT,
      state: CLOSED,
      local_port: port,
      netns: client.inode,
    })
    assert.equal(record.flags, CONN_FLAG.CONN_ID_LOCAL)
    assert.equal(record.established_ns, 0n)
    return record
  }
})
