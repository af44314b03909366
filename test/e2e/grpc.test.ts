import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import grpc from '@grpc/grpc-js'
import { CapturedPods } from '../kit/captured_pods.ts'
import { runInPod, serveInPod } from '../kit/pod_process.ts'
import { missingForShop, skipUnless } from '../kit/requirements.ts'

const options = { skip: skipUnless(missingForShop()), timeout: 120_000 }
const PORT = 50_051
const ORDERS = join(import.meta.dirname, '../kit/apps/grpc_orders.ts')

interface Seen {
  readonly path: string
  readonly code: number
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
