/**
 * Parents against the truth: every request has a number in its path, and so has the request that
 * it causes, so a wrong parent is one with another number.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { stitchedTo } from '../kit/chain.ts'
import { Flowspan, type Row } from '../kit/flowspan.ts'
import { runInPod } from '../kit/pod_process.ts'
import { missingForShop, skipUnless } from '../kit/requirements.ts'
import { Shop } from '../kit/shop.ts'

const options = { skip: skipUnless(missingForShop()), timeout: 60_000 }
const REQUESTS = 60
const ROWS = 'rows.jsonl'

interface Score {
  correct: number
  /** Rows without a parent. */
  orphan: number
  wrong: number
}

/** How the rows of each end were joined, by process and role. */
async function score(
  t: TestContext,
  { clients, suffix }: { clients: number; suffix: string },
): Promise<Record<string, Score>> {
  const shop = await Shop.start()
  t.after(() => shop.close())
  const flowspan = await Flowspan.start(stitchedTo(ROWS))
  t.after(async () => {
    await flowspan.kill()
    flowspan.clean()
  })
  const crowd = join(import.meta.dirname, '../kit/apps/crowd.ts')
  const args = [String(REQUESTS), shop.url('ipv4', ''), String(clients), suffix]
  await runInPod(shop.client, [process.execPath, crowd, ...args])
  const { lost, unaccounted } = await flowspan.stop()
  assert.deepEqual({ lost, unaccounted }, { lost: 0, unaccounted: 0 })
  const pods = new Set([shop.client, ...Object.values(shop.pods)].map(({ inode }) => inode))
  return scoreOf(flowspan.rows(ROWS).filter(({ netns }) => pods.has(netns as number)))
}

function scoreOf(rows: readonly Row[]): Record<string, Score> {
  const exchanges = rows.filter(({ kind, state }) => kind === 'exchange' && state === 'closed')
  const bySpan = new Map(exchanges.map((row) => [row.span_id, row]))
  const scores: Record<string, Score> = {}
  for (const row of exchanges) {
    scores[`${row.comm} ${row.role}`] ??= { correct: 0, orphan: 0, wrong: 0 }
    const score = scores[`${row.comm} ${row.role}`] as Score
    const parent = bySpan.get(row.parent_span_id as string)
    if (row.parent_span_id === undefined) score.orphan++
    else if (parent !== undefined && number(parent) === number(row)) score.correct++
    else score.wrong++
  }
  return scores
}

function number({ target }: Row): string | undefined {
  return /\d+/.exec(String(target))?.[0]
}

const ALL = { correct: REQUESTS, orphan: 0, wrong: 0 }

for (const { suffix, how } of [
  { suffix: '', how: 'kept' },
  { suffix: '/fresh', how: 'fresh' },
]) {
  test(
    `one request at a time over ${how} connections has every parent right`,
    options,
    async (t) => {
      assert.deepEqual(await score(t, { clients: 1, suffix }), {
        'crowd client': { correct: 0, orphan: REQUESTS, wrong: 0 },
        'nginx server': ALL,
        'nginx client': ALL,
        'api server': ALL,
        'api client': ALL,
        'storage server': ALL,
      })
    },
  )

  test(`eight at a time over ${how} connections have no wrong parent`, options, async (t) => {
    const scores = await score(t, { clients: 8, suffix })
    // Both ends of a request are joined by their connection, whatever else goes on.
    for (const server of ['nginx server', 'api server', 'storage server']) {
      assert.deepEqual(scores[server], ALL, server)
    }
    // One thread serves all: what it cannot tell it leaves open.
    for (const client of ['nginx client', 'api client']) {
      const { correct, orphan, wrong } = scores[client] as Score
      t.diagnostic(`${client}: ${correct} correct, ${orphan} orphan, ${wrong} wrong`)
      assert.equal(wrong, 0, client)
      assert.equal(correct + orphan, REQUESTS, client)
    }
  })
}
