/** DNS over UDP from the kernel: dnsmasq in a pod, the resolvers of glibc and Node in another. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { promisify } from 'node:util'
import { inPod, Network, type Pod } from '../../kit/netns.ts'
import { Program, waitFor } from '../../kit/processes.ts'
import { missingForShop, skipUnless } from '../../kit/requirements.ts'
import { Capture } from './capture.ts'
import type { Row } from './script.ts'

const run = promisify(execFile)
const GLIBC = join(import.meta.dirname, 'lookup.py')
const NODE = join(import.meta.dirname, 'lookup.ts')
const RECORDS = ['--address=/shop.test/10.9.9.9', '--address=/shop.test/fd00::99', '--local=/test/']

interface Looked {
  readonly pid: number
  readonly found: readonly string[]
  readonly us: number
}

suite('DNS from the kernel', { skip: skipUnless(missingForShop()) }, () => {
  const network = new Network()
  let client: Pod
  let server: Pod
  let capture: Capture
  let dnsmasq: Program
  let directory: string

  before(async () => {
    client = network.pod('client')
    server = network.pod('server')
    // `ip netns exec` mounts it over /etc/resolv.conf.
    directory = join('/etc/netns', client.netns)
    mkdirSync(directory, { recursive: true })
    writeFileSync(join(directory, 'resolv.conf'), `nameserver ${server.ipv4}\noptions timeout:1\n`)
    const options = ['--keep-in-foreground', '--conf-file=/dev/null', '--no-resolv', '--no-hosts']
    const process = [
      '--user=root',
      '--pid-file=',
      '--log-facility=-',
      `--listen-address=${server.ipv4}`,
    ]
    dnsmasq = new Program(
      inPod(server, ['dnsmasq', ...options, ...process, '--bind-interfaces', ...RECORDS]),
    )
    await dnsmasq.line(/started/)
    capture = await Capture.start({ requests: { dns_timeout: '1s' } })
  })
  after(async () => {
    await capture?.stop()
    await dnsmasq?.stop()
    if (directory !== undefined) rmSync(directory, { recursive: true, force: true })
    network.close()
  })

  const looked = async (...command: string[]): Promise<Looked> => {
    const [program, ...args] = inPod(client, command)
    return JSON.parse((await run(program, args)).stdout) as Looked
  }
  /** Rows of look-ups of a name that have ended, at both ends. */
  const lookups = (name: string, count: number) =>
    waitFor(`${count} look-ups of ${name}`, () => {
      const rows = capture.rows.filter((row) => row.protocol === 'dns' && row.target === name)
      const ended = rows.filter(({ state }) => state === 'closed')
      return ended.length >= count ? ended : undefined
    })

  test('getaddrinfo of glibc asks for A and AAAA: each is a row at both ends', async () => {
    const { pid, found, us } = await looked('python3', GLIBC, 'www.shop.test')
    assert.deepEqual([...found].sort(), ['10.9.9.9', 'fd00::99'])
    const rows = await lookups('www.shop.test', 4)
    const seen = rows.map(({ role, method }) => `${role} ${method}`).sort()
    assert.deepEqual(seen, ['client A', 'client AAAA', 'server A', 'server AAAA'])
    for (const row of rows) {
      const isClient = row.role === 'client'
      assert.equal(row.transport, 'udp')
      assert.equal(row.status, 0)
      assert.equal(row.dst_port, 53)
      assert.equal(row.netns, isClient ? client.inode : server.inode)
      if (isClient) assert.equal(row.pid, pid)
      // What the program measured has both in it.
      if (isClient) assert.ok((row.duration_us as number) < us, `${row.duration_us} of ${us}`)
      assert.ok((row.duration_us as number) > 0)
    }
    for (const method of ['A', 'AAAA']) {
      const [one, other] = rows.filter((row) => row.method === method) as [Row, Row]
      assert.equal(one.flow_id, other.flow_id)
    }
  })

  test('so does a look-up by Node, of a name that is not there too', async () => {
    const node = [process.execPath, NODE, server.ipv4]
    assert.deepEqual((await looked(...node, 'A', 'node.shop.test')).found, ['10.9.9.9'])
    assert.deepEqual((await looked(...node, 'A', 'missing.test')).found, ['ENOTFOUND'])
    const there = await lookups('node.shop.test', 2)
    const missing = await lookups('missing.test', 2)
    assert.deepEqual(
      there.map(({ status }) => status),
      [0, 0],
    )
    assert.deepEqual(
      missing.map(({ status }) => status),
      [3, 3],
    )
  })

  test('a query that nobody answers has timed out', async () => {
    const program = new Program(inPod(server, ['python3', '-u', '-c', MUTE, server.ipv6]))
    await program.line(/listening/)
    const node = [process.execPath, NODE, `[${server.ipv6}]:53`]
    const { found } = await looked(...node, 'A', 'silent.test')
    assert.deepEqual(found, ['ETIMEOUT'])
    const rows = await lookups('silent.test', 2)
    await program.stop()
    assert.deepEqual(rows.map(({ role }) => role).sort(), ['client', 'server'])
    for (const row of rows) {
      assert.equal(row.error, 'timeout')
      assert.equal(row.response_bytes, 0)
    }
  })

  test('the flows are rows of connections, and the books balance', async () => {
    const rows = await waitFor('closed flows of both ends', () => {
      const flows = capture.rows.filter(
        (row) => row.kind === 'connection' && row.transport === 'udp' && row.state === 'closed',
      )
      const from = flows.filter(({ netns, dst_port }) => netns === client.inode && dst_port === 53)
      return from.length >= 4 ? from : undefined
    })
    for (const row of rows) {
      assert.equal(row.role, 'client')
      assert.equal(row.close_reason, 'released')
      assert.ok((row.bytes_sent as number) > 0)
    }
    assert.equal(capture.ledger.notes.get('datagrams_unread'), undefined)
  })
})

const MUTE = `
import socket, sys
server = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
server.bind((sys.argv[1], 53))
print('listening')
while True: server.recv(512)
`
