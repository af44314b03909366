/**
 * Every event is accounted for: what the client did is in the rows or counted as lost, also when
 * the rings are too small and when the pipeline's process is killed.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Exposition } from '../kit/exposition.ts'
import { type Balance, type Book, Flowspan, type Row } from '../kit/flowspan.ts'
import { inPod } from '../kit/netns.ts'
import { runInPod } from '../kit/pod_process.ts'
import { freePorts } from '../kit/ports.ts'
import { Program, waitFor } from '../kit/processes.ts'
import { missingForShop, skipUnless } from '../kit/requirements.ts'
import { Shop } from '../kit/shop.ts'

const options = { skip: skipUnless(missingForShop()), timeout: 60_000 }
const apps = join(import.meta.dirname, '../kit/apps')
const FLOWS = 'flows.jsonl'
/** Records of one connection: opened and closed, at each end. */
const RECORDS = 4
const CURL = ['curl', '-sS', '-m', '5', '-o', '/dev/null', '-w', '%{http_code} %{local_port}']

/** The books are served to Prometheus while it runs; others' rows may be among them. */
async function assertServed(address: string, rows: number): Promise<void> {
  const text = await (await fetch(`http://${address}/metrics`)).text()
  const served = new Exposition(text)
  const items = (labels: Record<string, string>) =>
    served.value('flowspan_component_items', { component: 'file', signal: 'flows', ...labels }) ?? 0
  assert.ok(items({ flow: 'used', reason: 'written' }) >= rows, text)
  assert.ok(items({ flow: 'in' }) >= rows, text)
  assert.doesNotMatch(text, /flow="lost"/)
}

interface World {
  readonly shop: Shop
  readonly flowspan: Flowspan
  /** Storage's ClusterIP: a request to it goes no further. */
  readonly url: string
}

/** The shop, and flowspan writing rows into a file, with options of its receiver and service. */
async function start(
  t: TestContext,
  { ebpf = {}, telemetry }: { ebpf?: object; telemetry?: object } = {},
): Promise<World> {
  const shop = await Shop.start()
  t.after(() => shop.close())
  const flowspan = await Flowspan.start((directory) => ({
    receivers: { ebpf },
    exporters: { file: { path: join(directory, FLOWS), append: true, flush_interval: '100ms' } },
    service: {
      ...(telemetry && { telemetry }),
      pipelines: { flows: { receivers: ['ebpf'], exporters: ['file'] } },
    },
  }))
  t.after(async () => {
    await flowspan.kill()
    flowspan.clean()
  })
  return { shop, flowspan, url: `http://${shop.services.storage.ipv4}/items/7` }
}

/** Requests over a connection each; throws unless all are answered. */
async function burst({ shop, url }: World, requests: number): Promise<void> {
  const args = [String(requests), url, '4']
  const { stdout } = await runInPod(shop.client, [
    process.execPath,
    join(apps, 'burst.ts'),
    ...args,
  ])
  assert.deepEqual(JSON.parse(stdout), { answered: requests })
}

/** Rows of the shop's pods; this machine may have others. */
function shopRows({ shop, flowspan }: World): Row[] {
  const pods = new Set([shop.client, ...Object.values(shop.pods)].map(({ inode }) => inode))
  return flowspan.rows(FLOWS).filter(({ netns }) => pods.has(netns as number))
}

function sum(counts: Readonly<Record<string, number>> = {}): number {
  return Object.values(counts).reduce((total, count) => total + count, 0)
}

/** `in = out + used + lost + held` of every component, and nothing between two of them. */
function assertBalance({ components }: Balance, lines: number): { ebpf: Book; file: Book } {
  for (const [name, book] of Object.entries(components)) {
    const spent = (book.out ?? 0) + sum(book.used) + sum(book.lost) + (book.held ?? 0)
    assert.equal(book.in, spent, `${name}: ${JSON.stringify(book)}`)
  }
  const { 'receiver/ebpf': ebpf, 'exporter/file': file } = components
  assert.ok(ebpf && file, Object.keys(components).join())
  assert.equal(ebpf.out, file.in)
  assert.equal(lines, file.used?.written)
  return { ebpf, file }
}

/**
 * A burst into rings of a page each, looked at three times a second. Gives the records of
 * connections that came out as rows of the shop, or were lost.
 */
async function overflow(t: TestContext, requests: number): Promise<number> {
  const [ring, interval] = [4096, '300ms']
  const ebpf = {
    conn_ring_bytes: ring,
    payload_ring_bytes: ring,
    interval,
    interval_max: interval,
  }
  const world = await start(t, { ebpf })
  await burst(world, requests)
  const balance = await world.flowspan.stop()
  await world.shop.close()
  const { ebpf: book } = assertBalance(balance, world.flowspan.lines(FLOWS).length)
  assert.equal(balance.lost, sum(book.lost))
  const lost = book.lost?.connection_ring_full ?? 0
  const isConnection = ({ kind }: Row) => kind === 'connection'
  const rows = world.flowspan.rows(FLOWS).filter(isConnection).length
  const ours = shopRows(world).filter(isConnection).length
  assert.ok(lost > requests, `only ${lost} records were lost`)
  assert.ok(ours > 0)
  assert.equal(rows + lost, book.notes?.kernel_connection_events)
  assert.ok((book.lost?.payload_ring_full ?? 0) > 0)
  return ours + lost
}

test('a burst that overflows both rings is in the rows or counted as lost', options, async (t) => {
  const requests = 400
  const records = requests * RECORDS
  let seen = await overflow(t, requests)
  // What others lose meanwhile is among the losses, and can only add: wait for a quiet moment.
  for (let i = 0; i < 4 && seen > records; i++) seen = await overflow(t, requests)
  assert.equal(seen, records)
})

test('a burst that the rings have room for loses nothing', options, async (t) => {
  const requests = 400
  const [port] = (await freePorts(1)) as [number]
  const address = `127.0.0.1:${port}`
  const world = await start(t, {
    telemetry: { logs: { encoding: 'json' }, metrics: { address } },
  })
  await burst(world, requests)
  await waitFor('Every row', () => shopRows(world).length >= requests * 6)
  await assertServed(address, requests * 6)
  const balance = await world.flowspan.stop()
  assertBalance(balance, world.flowspan.lines(FLOWS).length)
  assert.equal(balance.lost, 0, JSON.stringify(balance.components))
  const rows = shopRows(world)
  const count = (kind: string, role: string, state: string) =>
    rows.filter((r) => r.kind === kind && r.role === role && r.state === state).length
  for (const role of ['client', 'server']) {
    assert.equal(count('connection', role, 'open'), requests, role)
    assert.equal(count('connection', role, 'closed'), requests, role)
    assert.equal(count('exchange', role, 'closed'), requests, role)
  }
  assert.equal(rows.length, requests * 6)
})

/** Programs in the kernel by their ids: those of others stay the same meanwhile. */
function kernelPrograms(): Set<number> {
  const text = execFileSync('bpftool', ['-j', 'prog', 'show'], { encoding: 'utf8' })
  return new Set((JSON.parse(text) as { id: number }[]).map(({ id }) => id))
}

test(
  'a killed keeper leaves nothing: its child ends, the kernel is as before',
  options,
  async (t) => {
    const before = kernelPrograms()
    const flowspan = await Flowspan.start(() => ({
      receivers: { ebpf: {} },
      exporters: { nop: {} },
      service: { pipelines: { flows: { receivers: ['ebpf'], exporters: ['nop'] } } },
    }))
    t.after(() => flowspan.clean())
    const added = () => [...kernelPrograms()].filter((id) => !before.has(id))
    assert.ok(added().length > 0)
    const child = flowspan.childPid
    await flowspan.kill()
    await waitFor('The end of the child', () => !existsSync(`/proc/${child}/exe`))
    await waitFor('The end of the programs', () => added().length === 0)
  },
)

test('a killed pipeline process forgets no open connection', options, async (t) => {
  const world = await start(t)
  const { shop, flowspan, url } = world
  const command = [process.execPath, join(apps, 'hold.ts'), url]
  const holder = new Program(inPod(shop.client, command))
  t.after(() => holder.stop().then(() => {}))
  const [, port] = await holder.line(/holds (\d+)/)
  const src = `${shop.client.ipv4}:${port}`
  const held = (state: string) =>
    flowspan
      .rows(FLOWS)
      .find(
        (r) => r.src === src && r.role === 'client' && r.kind === 'connection' && r.state === state,
      )
  await waitFor('The open row', () => held('open'))

  const killed = flowspan.childPid
  const logged = flowspan.log.length
  process.kill(killed, 'SIGKILL')
  // While nobody reads the rings.
  const meanwhile: string[] = []
  for (let i = 0; i < 3; i++) {
    const { stdout } = await runInPod(shop.client, [...CURL, url])
    const [status, localPort] = stdout.split(' ')
    assert.equal(status, '200')
    meanwhile.push(`${shop.client.ipv4}:${localPort}`)
  }
  await flowspan.waitForLog(({ msg }) => msg?.includes('Everything is ready') === true, {
    after: logged,
  })
  assert.notEqual(flowspan.childPid, killed)
  // The successor has not seen this connection open, and follows it all the same.
  await waitFor('The interim row', () => held('interim'))
  process.kill(holder.pid, 'SIGUSR2')
  await holder.line(/holds \d+\nholds \d+/)
  await holder.stop()
  const closed = await waitFor('The closed row', () => held('closed'))
  await flowspan.stop()

  assert.equal(closed.flow_id, held('open')?.flow_id)
  assert.ok(Number(closed.bytes_sent) > 0 && Number(closed.bytes_received) > 0)
  assert.ok(Number(closed.connect_us) > 0)
  const rows = shopRows(world)
  assert.equal(held('interim')?.flow_id, closed.flow_id)
  const exchanges = rows.filter(
    (r) => r.src === src && r.role === 'client' && r.kind === 'exchange' && r.state === 'closed',
  )
  assert.equal(exchanges.length, 2)
  for (const { status, desynchronised, connect_us } of exchanges) {
    assert.deepEqual([status, desynchronised], [200, undefined])
    assert.equal(connect_us, closed.connect_us)
  }
  for (const src of meanwhile) {
    const kinds = rows
      .filter((r) => r.src === src && r.role === 'client')
      .map((r) => `${r.kind} ${r.state}`)
    assert.deepEqual(kinds.sort(), ['connection closed', 'connection open', 'exchange closed'])
  }
})
