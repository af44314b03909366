/**
 * One traffic, seen twice: by the kernel of the host, and by tcpdump in the pod of the service in
 * the middle. Both must tell the same of it, and the capture alone must give the traces.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { stitchedTo } from '../kit/chain.ts'
import { Flowspan, type Row } from '../kit/flowspan.ts'
import { wholeLines } from '../kit/lines.ts'
import { PacketCapture } from '../kit/packet_capture.ts'
import { runInPod } from '../kit/pod_process.ts'
import { removeDirectory, temporaryDirectory, waitFor } from '../kit/processes.ts'
import { missingForShop, skipUnless } from '../kit/requirements.ts'
import { Shop } from '../kit/shop.ts'

const options = { skip: skipUnless(missingForShop()), timeout: 120_000 }
const PROGRAM = join(import.meta.dirname, '../../bin/flowspan')
const REQUESTS = 40
const ROWS = 'rows.jsonl'
const run = promisify(execFile)

/** What both must agree on; times are those of different places. */
function essence(row: Row): string {
  const keys = ['role', 'flow_id', 'request_offset', 'method', 'target', 'status'] as const
  const sizes = ['request_bytes', 'response_bytes'] as const
  return [...keys, ...sizes].map((key) => `${key}=${row[key]}`).join(' ')
}

const isEnded = (row: Row) => row.kind === 'exchange' && row.state === 'closed'

test(
  'a capture tells of requests what the kernel tells, and gives their traces',
  options,
  async (t) => {
    const shop = await Shop.start()
    t.after(() => shop.close())
    const directory = temporaryDirectory('replay')
    t.after(() => removeDirectory(directory))
    const { frontend } = shop.pods
    const file = join(directory, 'frontend.pcap')
    const flowspan = await Flowspan.start(stitchedTo(ROWS))
    t.after(async () => {
      await flowspan.kill()
      flowspan.clean()
    })
    const capture = new PacketCapture(frontend, { file, filter: 'tcp' })
    t.after(() => capture.stop())
    await capture.listens()

    const crowd = join(import.meta.dirname, '../kit/apps/crowd.ts')
    const args = [String(REQUESTS), shop.url('ipv4', ''), '1']
    await runInPod(shop.client, [process.execPath, crowd, ...args])
    const requested = async () => {
      const rows = await rowsOf(file)
      return rows.filter(isEnded).length >= 2 * REQUESTS ? rows : undefined
    }
    const captured = await waitFor('the capture of every request', requested, { timeoutMs: 30_000 })
    await capture.assertWhole()
    const balance = await flowspan.stop()
    assert.equal(balance.lost, 0)

    const kernel = flowspan.rows(ROWS).filter(({ netns }) => netns === frontend.inode)
    assert.equal(kernel.filter(isEnded).length, 2 * REQUESTS)
    assert.deepEqual(
      captured.filter(isEnded).map(essence).sort(),
      kernel.filter(isEnded).map(essence).sort(),
    )
    assertCaused(captured)
    const { stdout } = await run(PROGRAM, ['replay', file])
    assert.equal(stdout.match(/^trace /gm)?.length, REQUESTS)
    assert.equal(stdout.match(/^ {3}└─ .* CLIENT GET \/orders\/\d+ 200/gm)?.length, REQUESTS)
  },
)

async function rowsOf(file: string): Promise<Row[]> {
  // A packet may be half written yet: what is before it counts.
  const { stdout } = await run(PROGRAM, ['replay', file, '--format', 'json']).catch(
    (error: { stdout: string }) => error,
  )
  return wholeLines(stdout).map((line) => JSON.parse(line) as Row)
}

/** One request at a time: each call's cause is the request with its number. */
function assertCaused(rows: readonly Row[]): void {
  const calls = rows.filter((row) => isEnded(row) && row.role === 'client')
  assert.equal(calls.length, REQUESTS)
  const received = new Map(
    rows
      .filter((row) => isEnded(row) && row.role === 'server')
      .map((row) => [`${row.flow_id} ${row.request_offset}`, row.target]),
  )
  for (const call of calls) {
    assert.equal(received.get(`${call.cause_flow_id} ${call.cause_offset}`), call.target)
  }
}
