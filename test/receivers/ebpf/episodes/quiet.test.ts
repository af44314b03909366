/**
 * Where nothing is wrong with the network there is no episode, by the default thresholds, be the
 * machine quiet or busy. FLOWSPAN_QUIET_SECONDS: how long each of the two lasts.
 */
import assert from 'node:assert/strict'
import { cpus } from 'node:os'
import { after, before, suite, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { Program } from '../../../kit/processes.ts'
import { Capture, SKIP } from '../capture.ts'
import { Line, type Talk } from './line.ts'

const SECONDS = Number(process.env.FLOWSPAN_QUIET_SECONDS ?? 20)
const BURNERS_A_CPU = 4
const QUIET: readonly Talk[] = [
  { connections: 4, bytes: 64, intervalMs: 10, echo: true },
  { connections: 1, bytes: 64, intervalMs: 20, short: true },
]
/** Requests, uploads, connections for one request of one segment and of many, a bulk transfer. */
const MIXED: readonly Talk[] = [
  { connections: 8, bytes: 300, intervalMs: 5, echo: true },
  { connections: 8, bytes: 8688, intervalMs: 4 },
  { connections: 2, bytes: 64, intervalMs: 5, short: true },
  { connections: 1, bytes: 28_000, intervalMs: 10, short: true },
  { connections: 1, bytes: 0, intervalMs: 5 },
]

suite('a network without episodes', { skip: SKIP }, () => {
  let capture: Capture
  const burners: Program[] = []

  before(async () => {
    capture = await Capture.start({ episodes: { enabled: true } })
  })
  after(async () => {
    for (const burner of burners) await burner.stop()
    await capture.stop()
  })

  async function nothingIsFound(talks: readonly Talk[]): Promise<void> {
    const line = new Line()
    try {
      await line.start({ through: false })
      for (const talk of talks) await line.talk(talk)
      await delay(SECONDS * 1000)
      assert.ok(capture.rows.some(({ netns }) => netns === line.near.inode))
      assert.deepEqual(line.episodes(capture.rows), [])
    } finally {
      await line.close()
    }
  }

  test('a quiet machine', () => nothingIsFound(QUIET))

  test('a busy machine', async () => {
    for (let i = 0; i < BURNERS_A_CPU * cpus().length; i++) {
      burners.push(new Program(['python3', '-c', 'while True: pass']))
    }
    await nothingIsFound(MIXED)
  })
})
