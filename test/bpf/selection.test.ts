/** Connections that are wanted, by every key, and those that are not: they leave nothing. */
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { CONN_ROLE, CONN_STATE, COUNTER } from '../../pipeline/kernel_events/events.gen.ts'
import { Cgroup } from '../kit/cgroup.ts'
import { inPod, Network, type Pod } from '../kit/netns.ts'
import { missingForShop, skipUnless } from '../kit/requirements.ts'
import { Kernel, type SocketReport, sockets } from './kernel.ts'
import { selection } from './selecting.ts'
import { datagrams, udpRecord } from './udp.ts'

const { ROLE_CLIENT, ROLE_SERVER } = CONN_ROLE
const CLOSED = CONN_STATE.CONN_CLOSED
const GET = Buffer.from('GET / HTTP/1.1\r\n\r\n').toString('hex')
const OK = Buffer.from('HTTP/1.1 204 No Content\r\n\r\n').toString('hex')

type CommandLine = [string, ...string[]]

interface Place {
  readonly pod?: Pod
  readonly host?: string
  readonly port?: number
  readonly within?: (command: CommandLine) => [string, ...string[]]
}

/** A connection with a request and its answer, both ends in one process. */
async function talk({ pod, host, port, within }: Place): Promise<SocketReport> {
  const options = { up: GET, down: OK, ...(host && { host }), ...(port && { port }) }
  return await sockets('messages', {
    options,
    within: (command) => {
      const inside = within?.(command) ?? command
      return pod === undefined ? inside : inPod(pod, inside)
    },
  })
}

suite('selection in the kernel', { skip: skipUnless(missingForShop()) }, () => {
  let kernel: Kernel
  let network: Network
  let red: Pod
  let blue: Pod
  before(async () => {
    kernel = await Kernel.open()
    network = new Network()
    red = network.pod('red')
    blue = network.pod('blue')
  })
  after(() => {
    network?.close()
    kernel?.close()
  })

  const select = (...lists: Parameters<typeof selection>) =>
    kernel.privileged.select(selection(...lists))

  /** Both ends of the second have records and pieces, neither end of the first. */
  async function assertSelects({ unwanted, wanted }: { unwanted: Place; wanted: Place }) {
    const before = kernel.counters.read(COUNTER.COUNTER_CONN_UNSELECTED)
    const left = await talk(unwanted)
    const unselected = kernel.counters.read(COUNTER.COUNTER_CONN_UNSELECTED) - before
    assert.ok(unselected >= 2, `${unselected} were left out`)
    const followed = await talk(wanted)
    for (const role of [ROLE_CLIENT, ROLE_SERVER]) {
      const port = role === ROLE_CLIENT ? 'local_port' : 'remote_port'
      await kernel.connection({ role, state: CLOSED, [port]: followed.client_port })
    }
    const ofPid = ({ pid }: SocketReport) => kernel.pieces.filter((piece) => piece.pid === pid)
    assert.equal(ofPid(followed).length, 4)
    assert.deepEqual(ofPid(left), [])
    assert.deepEqual(
      kernel.connections.filter(({ pid }) => pid === left.pid),
      [],
    )
  }

  test('a network namespace by name', async () => {
    select({ netns: [red.netns] })
    await assertSelects({ unwanted: { pod: blue }, wanted: { pod: red } })
  })

  test('a network namespace by inode, and by path', async () => {
    const path = `/run/netns/${red.netns}`
    select({ netns: [`${blue.inode}`, path] })
    await assertSelects({ unwanted: {}, wanted: { pod: red } })
    await assertSelects({ unwanted: {}, wanted: { pod: blue } })
  })

  test('exclude wins over include', async () => {
    const names = [red.netns, blue.netns]
    select({ netns: names }, { netns: [blue.netns] })
    await assertSelects({ unwanted: { pod: blue }, wanted: { pod: red } })
    await assertSelects({ unwanted: {}, wanted: { pod: red } })
  })

  test('ports that are connected to, and ranges of them', async () => {
    select({ ports: ['8080', '9000-9100'] }, { ports: ['9050'] })
    const at = (port: number): Place => ({ pod: red, port })
    for (const [no, yes] of [
      [8081, 8080],
      [8999, 9000],
      [9101, 9100],
      [9050, 9049],
    ] as const) {
      await assertSelects({ unwanted: at(no), wanted: at(yes) })
    }
  })

  test('prefixes of addresses of either end; what is within an excluded one is excluded', async () => {
    const include = ['127.0.0.0/8', '127.1.2.0/24', '::1', `${red.ipv4}/32`, `${red.ipv6}/64`]
    select({ cidrs: include }, { cidrs: ['127.1.0.0/16'] })
    const at = (host: string): Place => ({ pod: red, host })
    await assertSelects({ unwanted: at('127.1.0.1'), wanted: at('127.2.0.1') })
    await assertSelects({ unwanted: at('127.1.2.3'), wanted: at('::1') })
    const other = { pod: blue, host: blue.ipv4 }
    await assertSelects({ unwanted: other, wanted: at(red.ipv4) })
    await assertSelects({ unwanted: other, wanted: at(red.ipv6) })
  })

  test('a cgroup, with all that is below it', async () => {
    const cgroup = new Cgroup(['a', 'b'])
    const other = new Cgroup()
    select({ cgroup: [cgroup.path] })
    await assertSelects({
      unwanted: { within: (command) => other.command(command) },
      wanted: { within: (command) => cgroup.command(command) },
    })
    await cgroup.remove()
    await other.remove()
  })

  test('a cgroup below one that is included can be excluded', async () => {
    const inner = new Cgroup(['inner'])
    select({ cgroup: ['/'] }, { cgroup: [`${inner.path}/inner`] })
    await assertSelects({
      unwanted: { within: (command) => inner.command(command) },
      wanted: {},
    })
    await inner.remove()
  })

  test('of several keys all must be true, for both ends', async () => {
    select({ netns: [red.netns], ports: ['8080'] })
    const right = { pod: red, port: 8080 }
    await assertSelects({ unwanted: { pod: blue, port: 8080 }, wanted: right })
    await assertSelects({ unwanted: { pod: red, port: 8081 }, wanted: right })
  })

  test('flows of UDP, by namespace, port, prefix and cgroup', async () => {
    const cgroup = new Cgroup(['inside'])
    const echo = (pod: Pod, { port = 5300, within = (line: CommandLine) => line } = {}) =>
      datagrams('echo', { count: 1, size: 10, port }, (line) => within(inPod(pod, line)))
    for (const [lists, unwanted, wanted] of [
      [{ netns: [red.netns] }, () => echo(blue), () => echo(red)],
      [{ ports: ['5301'] }, () => echo(red), () => echo(red, { port: 5301 })],
      [
        { cgroup: [cgroup.path], cidrs: ['127.0.0.0/8'] },
        () => echo(red),
        () => echo(red, { within: (line) => cgroup.command(line) }),
      ],
    ] as const) {
      select(lists)
      const before = kernel.counters.read(COUNTER.COUNTER_UDP_UNSELECTED)
      const left = await unwanted()
      assert.ok(kernel.counters.read(COUNTER.COUNTER_UDP_UNSELECTED) - before >= 2)
      const followed = await wanted()
      for (const role of [ROLE_CLIENT, ROLE_SERVER]) {
        await udpRecord(kernel, { state: CLOSED, role, pid: followed.pid })
      }
      assert.ok(kernel.udp.every(({ pid }) => pid !== left.pid))
    }
    await cgroup.remove()
  })

  test('a connect that fails is selected as one that does not', async () => {
    select({ netns: [red.netns] })
    const refused = (pod: Pod) =>
      sockets('attempt', {
        options: { to: '127.0.0.1', port: 9 },
        within: (line) => inPod(pod, line),
      })
    const left = await refused(blue)
    const followed = await refused(red)
    await kernel.connection({ state: CLOSED, pid: followed.pid })
    assert.ok(kernel.connections.every(({ pid }) => pid !== left.pid))
  })
})
