/**
 * Connects that a listener has no room for, or that nobody listens for, against what their client
 * and the kernel have counted, while records of them are lost.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { inPod, Network, type Pod } from '../../../kit/netns.ts'
import { Program, waitFor } from '../../../kit/processes.ts'
import { missingForShop, skipUnless } from '../../../kit/requirements.ts'
import type { Row } from '../script.ts'
import { assertBalance, textOf } from './compare.ts'
import { Watched } from './watched.ts'

const APP = join(import.meta.dirname, 'crowded.py')
const SMALL = { conn_ring_bytes: 8192, payload_ring_bytes: 4096 }
const OPTIONS = { connections: { interval: '1s' }, requests: { enabled: false } }

/** What the client knows, and the counts of its network namespace. */
interface Log {
  readonly pid: number
  readonly port: number
  readonly refusedPort: number
  /** Its ports. */
  readonly refused: readonly number[]
  readonly waiting: readonly { readonly port: number; readonly retries: number }[]
  readonly drops: number
  readonly overflows: number
}

interface Case {
  readonly options: object
  during(watched: Watched): Promise<void>
}

async function run(t: TestContext, { options, during }: Case) {
  const network = new Network()
  t.after(() => network.close())
  const pod = network.pod('crowded')
  const watched = await Watched.start({ ...OPTIONS, ...options })
  t.after(() => watched.close())
  const program = new Program(inPod(pod, ['python3', '-u', APP]))
  t.after(() => program.stop().then(() => {}))
  await program.line(/talks/)
  await during(watched)
  process.kill(program.pid, 'SIGUSR2')
  const [, said = ''] = await program.line(/done (.*)\n/)
  const log = JSON.parse(said) as Log
  await waitFor('all drops', () => dropsOf(watched.rows(), { pod, log }) === log.drops)
  const books = await watched.books()
  assertBalance(books)
  const rows = watched.rows().filter(({ netns }) => Number(netns) === pod.inode)
  return { books, rows, log }
}

/** As the last row of the listener says; each row's own part adds up to that. */
function dropsOf(rows: readonly Row[], { pod, log }: { pod: Pod; log: Log }): number {
  const own = listenersOf(rows, log).filter(({ netns }) => Number(netns) === pod.inode)
  return Math.max(0, ...own.map(({ listen_drops }) => Number(listen_drops)))
}

/** What each row says has been dropped since the one before it. */
function sumOfParts(rows: readonly Row[], log: Log): number {
  const parts = listenersOf(rows, log).map(({ listen_drops_delta }) => Number(listen_drops_delta))
  return parts.reduce((sum, part) => sum + part, 0)
}

function listenersOf(rows: readonly Row[], { port }: Log): Row[] {
  return rows.filter((row) => row.kind === 'listener' && row.dst_port === port)
}

/** Throws at a row that says what was not; gives ends of failed connects that have none. */
function compare(rows: readonly Row[], log: Log): number {
  const retries = new Map(log.waiting.map((one) => [one.port, one.retries]))
  const refused = new Set(log.refused)
  const seen = new Set<string>()
  for (const row of rows) {
    const failed = row.kind === 'connection' && row.state === 'closed' && row.connect_us === null
    const text = textOf(row)
    if (row.dst_port === log.refusedPort) {
      assert.ok(refused.has(Number(row.src_port)), `nobody's: ${text}`)
      assert.equal(row.close_reason, 'refused', text)
      assert.equal(row.pid, log.pid, text)
    } else if (row.role === 'client' && row.dst_port === log.port && failed) {
      assert.equal(row.syn_retries, retries.get(Number(row.src_port)), text)
      assert.equal(row.close_reason, 'aborted', text)
    } else continue
    assert.deepEqual([row.last_data_sent_ms, row.last_data_received_ms], [0, 0], text)
    const key = `${row.dst_port} ${row.src_port}`
    assert.ok(!seen.has(key), `twice: ${text}`)
    seen.add(key)
  }
  return log.refused.length + log.waiting.length - seen.size
}

/** The three who count agree: the kernel, the client by its SYNs, the rows. */
function assertDrops(rows: readonly Row[], log: Log): void {
  const syns = log.waiting.reduce((sum, { retries }) => sum + 1 + retries, 0)
  assert.equal(log.overflows, log.drops)
  assert.equal(log.drops, syns)
  const own = listenersOf(rows, log)
  assert.equal(Math.max(...own.map(({ listen_drops }) => Number(listen_drops))), log.drops)
  for (const row of own) assert.deepEqual([row.pid, row.role], [log.pid, 'server'], textOf(row))
}

suite('losses of failed connects', { skip: skipUnless(missingForShop()), timeout: 60_000 }, () => {
  test('nothing is missing where nothing was lost', async (t) => {
    const { books, rows, log } = await run(t, { options: {}, during: () => sleep(1200) })
    assertDrops(rows, log)
    assert.ok(log.waiting.some(({ retries }) => retries > 0))
    assert.equal(compare(rows, log), 0)
    assert.equal(books.lost.connection_ring_full, undefined)
    assert.equal(sumOfParts(rows, log), log.drops)
  })

  test('a ring that is too small, and a reader that is stopped', async (t) => {
    const { books, rows, log } = await run(t, {
      options: SMALL,
      async during(watched) {
        await sleep(300)
        watched.signal('SIGSTOP')
        await sleep(2500)
        watched.signal('SIGCONT')
        await sleep(300)
      },
    })
    assertDrops(rows, log)
    const lost = books.lost.connection_ring_full ?? 0
    const missing = compare(rows, log)
    assert.ok(missing > 0 && missing <= lost, `${missing} missing, ${lost} lost`)
    // What a listener's lost record would have said is in the next one.
    assert.equal(sumOfParts(rows, log), log.drops)
  })

  test('a reader that is killed', async (t) => {
    const { rows, log } = await run(t, {
      options: {},
      async during(watched) {
        await sleep(1200)
        await watched.replace()
        await sleep(1200)
      },
    })
    assertDrops(rows, log)
    compare(rows, log)
  })
})
