/**
 * Whatever becomes of the reader: what a client did is in the rows or counted as lost, no row says
 * what was not, and a row whose inputs were lossy says so.
 */
import assert from 'node:assert/strict'
import { suite, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '../../../kit/apps/numbered.ts'
import { startTraffic, type Traffic } from '../../../kit/numbered_traffic.ts'
import { SKIP } from '../capture.ts'
import type { Row } from '../script.ts'
import { assertBalance, type Compared, compare, compareConnections, sum } from './compare.ts'
import { type Books, Watched } from './watched.ts'

const SMALL = { conn_ring_bytes: 8192, payload_ring_bytes: 16_384, interval: '10ms' }
const INTERIM = { connections: { interval: '1s' } }
const KILLS = 20
/** Until a row is handed on: its batch's latency, a look at the rings, a busy machine. */
const UNDERWAY_MS = 600

interface Result extends Compared {
  readonly books: Books
  readonly log: Log
  readonly rows: readonly Row[]
  readonly missingConnections: number
}

interface Case {
  readonly options: object
  readonly traffic: { readonly kept: number; readonly pauseMs: number }
  during(watched: Watched): Promise<void>
}

/** Traffic, what happens meanwhile, and then everything is compared. */
async function run(
  t: TestContext,
  { options, traffic: shape, during }: Case,
): Promise<Result & { watched: Watched }> {
  const watched = await Watched.start(options)
  t.after(() => watched.close())
  const traffic: Traffic = await startTraffic(shape)
  t.after(() => traffic.stop())
  await during(watched)
  const log = await traffic.finish()
  // Ends of connections, and what waits for its batch.
  await sleep(100)
  const books = await watched.books()
  const rows = watched.rows()
  const compared = compare(rows, log, traffic.port)
  const missingConnections = compareConnections(rows, log, traffic.port)
  assertBalance(books)
  return { ...compared, books, log, rows, missingConnections, watched }
}

/** Of readers that lived from the beginning: each record of the kernel is a row or lost. */
function assertEvents({ books, rows }: Result): void {
  const { notes, lost } = books
  const records = [
    notes.kernel_connection_events,
    notes.kernel_listener_events,
    notes.kernel_udp_events,
  ]
  const ofRings = (lost.connection_ring_full ?? 0) + (lost.listener_ring_full ?? 0)
  const made = rows.filter(({ kind }) => kind === 'connection' || kind === 'listener').length
  assert.equal(made + ofRings, sum(Object.fromEntries(records.map((n, i) => [i, n ?? 0]))))
  const pieces = (books.used.payload ?? 0) + (lost.payload_ring_full ?? 0)
  assert.equal(pieces + (lost.connection_unknown ?? 0), notes.kernel_payload_events)
}

suite('losses', { skip: SKIP, timeout: 120_000 }, () => {
  test('nothing is missing where nothing was lost', async (t) => {
    const traffic = { kept: 4, pauseMs: 3 }
    const result = await run(t, { options: INTERIM, traffic, during: () => sleep(1500) })
    assertEvents(result)
    // Of others: what a program reads of a connection long after TCP has closed it.
    const { connection_unknown: _, ...lost } = result.books.lost
    assert.deepEqual(lost, {})
    assert.deepEqual(result.missing, [])
    assert.equal(result.marked, 0)
    assert.equal(result.missingConnections, 0)
  })

  test('rings that are too small', async (t) => {
    const traffic = { kept: 16, pauseMs: 0 }
    const result = await run(t, {
      options: { ...SMALL, interval: '100ms', interval_max: '100ms' },
      traffic,
      during: () => sleep(1000),
    })
    assertEvents(result)
    assertExplained(result)
  })

  test('a reader that is stopped for a second and a half', async (t) => {
    const result = await run(t, {
      options: { ...SMALL, payload_ring_bytes: 262_144, conn_ring_bytes: 65_536, ...INTERIM },
      traffic: { kept: 4, pauseMs: 2 },
      async during(watched) {
        await sleep(500)
        watched.signal('SIGSTOP')
        await sleep(1500)
        watched.signal('SIGCONT')
        await sleep(500)
      },
    })
    assertEvents(result)
    assertExplained(result)
  })

  test('a pipeline that takes nothing for a second and a half', async (t) => {
    const result = await run(t, {
      options: {
        ...SMALL,
        payload_ring_bytes: 262_144,
        conn_ring_bytes: 65_536,
        backlog_rows_max: 500,
      },
      traffic: { kept: 4, pauseMs: 2 },
      async during(watched) {
        await sleep(500)
        watched.signal('SIGUSR2')
        await sleep(1500)
        watched.signal('SIGUSR2')
        await sleep(500)
      },
    })
    assertEvents(result)
    assertExplained(result)
  })

  test(`a reader that is killed ${KILLS} times`, async (t) => {
    const result = await run(t, {
      options: INTERIM,
      traffic: { kept: 2, pauseMs: 30 },
      async during(watched) {
        for (let kill = 0; kill < KILLS; kill++) {
          await sleep(50 + Math.random() * 200)
          await watched.replace()
        }
        await sleep(UNDERWAY_MS)
      },
    })
    const { gaps } = result.watched
    const elsewhere = result.missing.filter(
      ({ startMs, endMs }) =>
        !gaps.some(({ fromMs, toMs }) => endMs >= fromMs - UNDERWAY_MS && startMs <= toMs),
    )
    assert.deepEqual(elsewhere, [])
  })
})

/** As much was lost as is missing. */
function assertExplained({ books, missing, missingConnections }: Result): void {
  const { lost } = books
  const payload = (lost.payload_ring_full ?? 0) + (lost.connection_unknown ?? 0)
  assert.ok(payload > 0 && missing.length > 0)
  // To be missing at one end an exchange must lack at least one of its pieces.
  assert.ok(missing.length <= payload, `${missing.length} of ${payload}`)
  assert.ok(missingConnections <= (lost.connection_ring_full ?? 0))
}
