/**
 * Delay, jitter and loss on a line between two pods are found in time, by the default thresholds,
 * each time, on connections that stay and on those that are made for one request.
 */
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { command } from '../../../bpf/kernel.ts'
import { waitFor } from '../../../kit/processes.ts'
import { Capture, SKIP } from '../capture.ts'
import type { Row } from '../script.ts'
import { Line, PORT, type Talk } from './line.ts'

const TIMES = 10
const WITHIN_MS = 200
/** A sender's clock is watched for a second before it is believed. */
const WARM_UP_MS = 1500
/** 400 segments a second, each answered. */
const STEADY: Talk = { connections: 4, bytes: 64, intervalMs: 10, echo: true }
/** 12,000 segments a second: a loss of 2 % is some 30 in the time that there is. */
const MUCH: Talk = { connections: 8, bytes: 8688, intervalMs: 4 }
/** A connection for each request: 200 a second, of one segment each; 600, of twenty. */
const SHORT: Talk = { connections: 1, bytes: 64, intervalMs: 5, short: true }
const SHORT_MUCH: Talk = { connections: 3, bytes: 28_000, intervalMs: 5, short: true }
/** 1000 a second: too few for 2 % in time. */
const SHORT_SMALL: Talk = { connections: 5, bytes: 64, intervalMs: 5, short: true }
const SYN_RETRY_MS = 1000
const WORSE = { delay: 20, jitter: 60, loss: 0.02 } as const

suite('episodes', { skip: SKIP }, () => {
  let line: Line
  let capture: Capture
  let injections = 0
  /** When a row came that tells of the begin of an episode, by CLOCK_MONOTONIC. */
  const found = new Map<Row, number>()

  before(async () => {
    // Late is to be what the receiver is, not what others leave of the machine: niceness does not
    // reach beyond a session (autogroup).
    command('chrt', '--all-tasks', '--rr', '--pid', '1', `${process.pid}`)
    line = new Line()
    await line.start({ through: true })
    capture = await Capture.start({ episodes: { enabled: true, end_after: '300ms' } })
    capture.rowsCame = (rows) => {
      for (const row of rows) found.set(row, Number(process.hrtime.bigint()))
    }
  })
  after(async () => {
    command('chrt', '--all-tasks', '--other', '--pid', '0', `${process.pid}`)
    await capture.stop()
    await line.close()
  })

  /** Rows of the line's episodes. */
  function episodes(wanted: Partial<Row>): Row[] {
    return line
      .episodes(capture.rows)
      .filter((row) => Object.entries(wanted).every(([key, value]) => row[key] === value))
  }

  /** Milliseconds from the first packet that was affected to the row that says so. */
  async function inject(
    kind: keyof typeof WORSE,
    { value, seen = kind }: { value?: number; seen?: string } = {},
  ): Promise<number> {
    const before = episodes({ state: 'open', episode_kind: seen }).length
    line.say(kind, value ?? WORSE[kind])
    const since = await line.first(injections++)
    const row = await waitFor(`An episode of ${kind}`, () => {
      return episodes({ state: 'open', episode_kind: seen })[before]
    })
    line.say(kind, 0)
    await waitFor('The end of all episodes', () => {
      const counts = ['open', 'closed'].map((state) => episodes({ state }).length)
      return counts[0] === counts[1]
    })
    return ((found.get(row) as number) - since) / 1e6
  }

  for (const [kind, talk, where] of [
    ['delay', STEADY, ''],
    ['loss', MUCH, ''],
    ['delay', SHORT, ' of short connections alone'],
    ['loss', SHORT_MUCH, ' of short connections alone'],
  ] as const) {
    test(`${WORSE[kind]} of ${kind}${where} is found in time, each time`, async (t) => {
      const program = await line.talk(talk)
      await delay(WARM_UP_MS)
      const took: number[] = []
      for (let time = 0; time < TIMES; time++) took.push(await inject(kind))
      await program.stop()
      t.diagnostic(took.map((ms) => ms.toFixed(0)).join(' '))
      assert.deepEqual(
        took.filter((ms) => ms > WITHIN_MS),
        [],
      )
      for (const row of episodes({ state: 'closed', episode_kind: kind })) worst(row)
    })
  }

  test('SYNs that are lost are found before TCP sends them again', async (t) => {
    const program = await line.talk(SHORT_SMALL)
    await delay(WARM_UP_MS)
    const took: number[] = []
    for (let time = 0; time < 3; time++)
      took.push(await inject('loss', { value: 0.05, seen: 'unanswered' }))
    await program.stop()
    t.diagnostic(took.map((ms) => ms.toFixed(0)).join(' '))
    assert.deepEqual(
      took.filter((ms) => ms > SYN_RETRY_MS),
      [],
    )
  })

  test('jitter is found in time', async (t) => {
    const program = await line.talk(STEADY)
    await delay(WARM_UP_MS)
    const took = await inject('jitter')
    await program.stop()
    t.diagnostic(took.toFixed(0))
    assert.ok(took <= WITHIN_MS, `${took} ms`)
  })

  /** What a closed row says of how bad it was. */
  function worst(row: Row): void {
    const { episode_kind, worst_us, worst_loss, flows, start, end, dst_port } = row
    assert.ok((end as number) > (start as number))
    assert.ok((flows as number) >= 1)
    assert.equal(dst_port, PORT)
    if (episode_kind === 'delay') {
      assert.ok((worst_us as number) >= 15_000 && (worst_us as number) < 100_000, `${worst_us}`)
    } else {
      assert.ok((worst_loss as number) > 0.005 && (worst_loss as number) < 0.5, `${worst_loss}`)
    }
  }
})
