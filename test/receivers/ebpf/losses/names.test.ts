/**
 * Look-ups over UDP, whatever becomes of the reader: each is a row that the client's own log
 * confirms, at either end, or a counted loss; what is not known of one is not said.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Program, removeDirectory, temporaryDirectory } from '../../../kit/processes.ts'
import { SKIP } from '../capture.ts'
import type { Row } from '../script.ts'
import { assertBalance, CLOCK_MS, isMarked, ROLES, textOf } from './compare.ts'
import { type Books, Watched } from './watched.ts'

const APP = join(import.meta.dirname, 'name_talk.py')
const ADDRESS = '127.0.0.83'
/** The end of it, as rows have it. */
const ADDRESS_HEX = '7f000053'
const TIMEOUT_MS = 500
const OPTIONS = { requests: { dns_timeout: `${TIMEOUT_MS}ms` }, connections: { interval: '1s' } }
/** A ring that is full long before it is looked at. */
const SMALL = { payload_ring_bytes: 4096, interval: '100ms', interval_max: '100ms' }
const KILLS = 3
/** As in losses.test.ts; and until a look-up that nobody answers has ended. */
const UNDERWAY_MS = 600 + TIMEOUT_MS

interface Asked {
  readonly id: number
  readonly port: number
  readonly requestBytes: number
  readonly responseBytes: number
  readonly startMs: number
  readonly endMs: number
  readonly status?: number
}

interface Result {
  readonly books: Books
  readonly missing: readonly Asked[]
  readonly marked: number
  readonly asked: readonly Asked[]
  readonly watched: Watched
}

interface Case {
  readonly options?: object
  readonly pauseMs: number
  during(watched: Watched): Promise<void>
}

async function run(t: TestContext, { options, pauseMs, during }: Case): Promise<Result> {
  const directory = temporaryDirectory('names')
  t.after(() => removeDirectory(directory))
  const watched = await Watched.start({ ...OPTIONS, ...options })
  t.after(() => watched.close())
  const server = new Program(['python3', '-u', APP, 'serve', ADDRESS])
  t.after(() => server.stop().then(() => {}))
  await server.line(/listening/)
  const log = join(directory, 'log.json')
  const client = new Program(['python3', '-u', APP, 'ask', ADDRESS, log, `${pauseMs}`])
  t.after(() => client.stop().then(() => {}))
  await client.line(/talks/)
  await during(watched)
  process.kill(client.pid, 'SIGUSR2')
  await client.line(/done/)
  await client.exited
  await sleep(UNDERWAY_MS)
  const books = await watched.books()
  assertBalance(books)
  const asked = JSON.parse(readFileSync(log, 'utf8')) as Asked[]
  return { books, asked, watched, ...compare(watched.rows(), asked) }
}

/** Throws at a row that says what was not. */
function compare(rows: readonly Row[], asked: readonly Asked[]) {
  const byId = new Map(asked.map((one) => [one.id, one]))
  const seen = new Set<string>()
  let marked = 0
  for (const row of rows) {
    if (row.kind !== 'exchange' || !String(row.dst_address).endsWith(ADDRESS_HEX)) continue
    const text = textOf(row)
    const id = Number(/^n(\d+)\.test$/.exec(String(row.target))?.[1])
    const one = byId.get(id)
    assert.ok(one, `no such query: ${text}`)
    if (row.state !== 'closed') continue
    const key = `${row.role} ${id}`
    assert.ok(!seen.has(key), `twice: ${text}`)
    seen.add(key)
    if (isMarked(row)) marked++
    assertTrue(row, one)
  }
  const missing = ROLES.flatMap((role) => asked.filter(({ id }) => !seen.has(`${role} ${id}`)))
  return { missing, marked }
}

function assertTrue(row: Row, one: Asked): void {
  const text = `${textOf(row)} ${JSON.stringify(one)}`
  assert.deepEqual([row.protocol, row.method, row.transport], ['dns', 'A', 'udp'], text)
  assert.deepEqual([row.src_port, row.request_bytes], [one.port, one.requestBytes], text)
  const isAnswered = row.response_bytes !== 0
  if (!isAnswered) {
    const isKnown = one.status === undefined || isMarked(row)
    assert.ok(isKnown, `answered: ${text}`)
    assert.equal(row.error, row.desynchronised === 1 ? '' : 'timeout', text)
    // Nobody who lacks records may say that none came.
    assert.ok(one.status === undefined || row.error === '', `no time-out: ${text}`)
    return
  }
  assert.deepEqual([row.status, row.response_bytes], [one.status, one.responseBytes], text)
  const durationMs = Number(row.duration_us) / 1000
  assert.ok(durationMs <= one.endMs - one.startMs + CLOCK_MS, `too long: ${text}`)
}

suite('losses of DNS', { skip: SKIP, timeout: 60_000 }, () => {
  test('nothing is missing where nothing was lost', async (t) => {
    const { missing, marked, books } = await run(t, { pauseMs: 2, during: () => sleep(500) })
    assert.deepEqual([missing.length, marked], [0, 0], JSON.stringify(missing.slice(0, 3)))
    assert.equal(books.lost.payload_ring_full, undefined)
  })

  test('a ring that is too small', async (t) => {
    const options = SMALL
    assertExplained(await run(t, { options, pauseMs: 0, during: () => sleep(800) }))
  })

  test('a reader that is stopped for a second', async (t) => {
    const result = await run(t, {
      options: { payload_ring_bytes: 65_536 },
      pauseMs: 1,
      async during(watched) {
        await sleep(300)
        watched.signal('SIGSTOP')
        await sleep(1000)
        watched.signal('SIGCONT')
        await sleep(300)
      },
    })
    assertExplained(result)
  })

  test(`a reader that is killed ${KILLS} times`, async (t) => {
    const { missing, watched } = await run(t, {
      pauseMs: 5,
      async during(watched) {
        for (let kill = 0; kill < KILLS; kill++) {
          await sleep(100 + Math.random() * 200)
          await watched.replace()
        }
        await sleep(UNDERWAY_MS)
      },
    })
    const elsewhere = missing.filter(
      ({ startMs, endMs }) =>
        !watched.gaps.some(({ fromMs, toMs }) => endMs >= fromMs - UNDERWAY_MS && startMs <= toMs),
    )
    assert.equal(elsewhere.length, 0, JSON.stringify([watched.gaps, elsewhere.slice(0, 3)]))
  })
})

/** As much was lost as is missing, and is said to be. */
function assertExplained({ books, missing, marked }: Result): void {
  const lost = books.lost.payload_ring_full ?? 0
  assert.ok(missing.length > 0 && marked > 0, `${missing.length} missing, ${marked} marked`)
  assert.ok(missing.length <= lost, `${missing.length} of ${lost}`)
}
