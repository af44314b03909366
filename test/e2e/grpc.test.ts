import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import grpc from '@grpc/grpc-js'
import { CapturedPods } from '../kit/captured_pods.ts'
import { stitchedTo } from '../kit/chain.ts'
import { Flowspan, type Row } from '../kit/flowspan.ts'
import { runInPod, serveInPod } from '../kit/pod_process.ts'
import { waitFor } from '../kit/processes.ts'
import { missingForShop, skipUnless } from '../kit/requirements.ts'

const options = { skip: skipUnless(missingForShop()), timeout: 120_000 }
const PORT = 50_051
const ROWS = 'rows.jsonl'
const ORDERS = join(import.meta.dirname, '../kit/apps/grpc_orders.ts')

interface Seen {
  readonly path: string
  readonly code: number
}

function expected({ path, code }: Seen): string {
  return `grpc ${path} ${code} ${code === 0 ? undefined : grpc.status[code]}`
}

function said({ protocol, target, status, error }: Row): string {
  return `${protocol} ${target} ${status ?? 0} ${error}`
}

test(
  'a real gRPC server: every call of a real client, with the status it got',
  options,
  async (t) => {
    const pods = new CapturedPods()
    t.after(() => pods.close())
    const server = await serveInPod(pods.server, {
      port: PORT,
      command: [process.execPath, ORDERS, 'serve', `0.0.0.0:${PORT}`],
    })
    t.after(() => server.stop())
    await pods.capture()

    const address = `${pods.server.ipv4}:${PORT}`
    const { stdout } = await runInPod(pods.client, [process.execPath, ORDERS, 'call', address])
    const seen = JSON.parse(stdout) as Seen[]
    const expected = seen.map(({ path, code }) => {
      return `grpc ${path} ${code} ${code === 0 ? undefined : grpc.status[code]}`
    })
    const rows = await pods.exchanges(seen.length)
    assert.deepEqual(
      rows
        .map(
          ({ protocol, target, status, error }) => `${protocol} ${target} ${status ?? 0} ${error}`,
        )
        .sort(),
      expected.sort(),
    )
    for (const row of rows) assert.equal(row.desynchronised ?? row.truncated, undefined)
    // A request is its HEADERS and one message of 9 + 5 + 6 bytes, a stream of twenty much more.
    const bytes = (path: string, column: string) =>
      rows.filter(({ target }) => target === path).map((row) => Number(row[column]))
    assert.ok(bytes('/shop.Orders/Gone', 'request_bytes').every((size) => size < 400))
    assert.ok(bytes('/shop.Orders/Put', 'request_bytes').every((size) => size > 20 * 1014))
    assert.ok(bytes('/shop.Orders/List', 'response_bytes').every((size) => size > 20 * 1014))
    const late = rows.filter(({ error }) => error === 'DEADLINE_EXCEEDED')
    assert.ok(late.every((row) => Number(row.duration_us) > 250_000))
  },
)

test('the kernel sees the calls of a client at both ends, under one name', options, (t) =>
  compareEnds(t, 'ask'),
)

test('the kernel sees sixty calls at once on one connection at both ends', options, (t) =>
  compareEnds(t, 'burst'),
)

async function compareEnds(t: TestContext, way: string): Promise<void> {
  const pods = new CapturedPods()
  t.after(() => pods.close())
  const flowspan = await Flowspan.start(stitchedTo(ROWS))
  t.after(async () => {
    await flowspan.kill()
    flowspan.clean()
  })
  const server = await serveInPod(pods.server, {
    port: PORT,
    command: [process.execPath, ORDERS, 'serve', `0.0.0.0:${PORT}`],
  })
  t.after(() => server.stop())
  const address = `${pods.server.ipv4}:${PORT}`
  const { stdout } = await runInPod(pods.client, [process.execPath, ORDERS, way, address])
  const seen = JSON.parse(stdout) as Seen[]
  const calls = () =>
    flowspan.rows(ROWS).filter(({ kind, state, dst }) => {
      return kind === 'exchange' && state === 'closed' && dst === address
    })
  const all = () => (calls().length >= 2 * seen.length ? true : undefined)
  await waitFor('every call at both ends', all, { timeoutMs: 20_000 })
  await flowspan.stop()

  const at = (role: string) => calls().filter((row) => row.role === role)
  for (const rows of [at('client'), at('server')]) {
    assert.deepEqual(rows.map(said).sort(), seen.map(expected).sort())
    for (const row of rows) assert.equal(row.desynchronised ?? row.truncated, undefined)
  }
  const name = (row: Row) => `${row.flow_id} ${row.request_offset} ${said(row)}`
  assert.deepEqual(at('client').map(name).sort(), at('server').map(name).sort())
}
