/**
 * Reloads under load, with rings that overflow: every record of the kernel is a row or lost, once,
 * in books that go on; and what the client did is in the rows, or no more is missing than was lost.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Flowspan, type Row } from '../kit/flowspan.ts'
import { startTraffic } from '../kit/numbered_traffic.ts'
import { skipUnless } from '../kit/requirements.ts'
import {
  assertBalance,
  compare,
  compareConnections,
  sum,
} from '../receivers/ebpf/losses/compare.ts'

const skip = skipUnless(process.getuid?.() === 0 ? undefined : 'Cannot capture as this is not root')
const RELOADS = 6

/** Options that a reload may change, ebpf's among them; each time another graph. */
function config(directory: string, turn: number) {
  const isOdd = turn % 2 === 1
  return {
    receivers: {
      ebpf: {
        conn_ring_bytes: 8192,
        payload_ring_bytes: 16_384,
        interval: isOdd ? '100ms' : '50ms',
        interval_max: '100ms',
        batch: { rows: isOdd ? 7 : 1000 },
        requests: { open_row_after: '1h' },
      },
    },
    processors: { memory_limiter: { limit_mib: 1000 + turn, check_interval: '1s' } },
    exporters: {
      file: { path: join(directory, 'rows.jsonl'), append: true, flush_interval: '50ms' },
    },
    service: {
      pipelines: {
        flows: {
          receivers: ['ebpf'],
          processors: isOdd ? ['memory_limiter'] : [],
          exporters: ['file'],
        },
      },
    },
  }
}

/** A line of the file as the tests of the receiver have rows: what is left out is 0. */
function columnsOf(row: Row) {
  const numbers = ['status', 'request_bytes', 'response_bytes', 'bytes_sent', 'bytes_received']
  const times = ['duration_us', 'ttfb_us', 'connect_us']
  const marks = ['lossy', 'desynchronised', 'truncated']
  const portOf = (end: unknown) => Number(String(end).slice(String(end).lastIndexOf(':') + 1))
  const left = Object.fromEntries([...numbers, ...times, ...marks].map((name) => [name, 0]))
  const said = Object.entries(row).map(([name, value]) => [name, value === true ? 1 : value])
  const start = Date.parse(String(row.start)) * 1e6
  const ports = { src_port: portOf(row.src), dst_port: portOf(row.dst) }
  return { ...left, ...Object.fromEntries(said), ...ports, start }
}

test('reloads under load lose nothing that is not counted', {
  skip,
  timeout: 60_000,
}, async (t) => {
  const flowspan = await Flowspan.start((directory) => config(directory, 0))
  t.after(async () => {
    await flowspan.kill()
    flowspan.clean()
  })
  const traffic = await startTraffic({ kept: 16, pauseMs: 1 })
  t.after(() => traffic.stop())
  for (let turn = 1; turn <= RELOADS; turn++) {
    await sleep(200)
    assert.ok(await flowspan.reload((directory) => config(directory, turn)), flowspan.text())
  }
  await sleep(200)
  const log = await traffic.finish()
  // Ends of connections.
  await sleep(150)
  const balance = await flowspan.stop()

  const books = balance.components['receiver/ebpf']
  assert.ok(books)
  const { in: taken, out = 0, used = {}, lost = {}, held = 0, notes = {} } = books
  assertBalance({ in: taken, out, used, lost, held, notes })
  const rows = flowspan.rows('rows.jsonl').map(columnsOf)
  assert.equal(rows.length, balance.components['exporter/file']?.used?.written)
  assert.equal(out, rows.length)
  const records = ['kernel_connection_events', 'kernel_listener_events', 'kernel_udp_events']
  const told = rows.filter(({ kind }) => kind === 'connection' || kind === 'listener').length
  const untold = (lost.connection_ring_full ?? 0) + (lost.listener_ring_full ?? 0)
  assert.equal(told + untold, sum(Object.fromEntries(records.map((n) => [n, notes[n] ?? 0]))))
  const unread = (lost.payload_ring_full ?? 0) + (lost.connection_unknown ?? 0)
  assert.equal((used.payload ?? 0) + unread, notes.kernel_payload_events)

  const { missing } = compare(rows, log, traffic.port)
  assert.ok(unread > 0 && missing.length > 0)
  assert.ok(missing.length <= unread, `${missing.length} of ${unread}`)
  assert.ok(compareConnections(rows, log, traffic.port) <= untold)
})
