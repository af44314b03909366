/**
 * Event loops under concurrency: the parents that are named are right, those of a proxy are found.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { Chain, type Score, stitchedTo } from '../kit/chain.ts'
import { Flowspan } from '../kit/flowspan.ts'
import { missingForShop, skipUnless } from '../kit/requirements.ts'

const options = { skip: skipUnless(missingForShop()), timeout: 60_000 }
const REQUESTS = 160
const ROWS = 'rows.jsonl'
/** One at a time tells how a process works; then the busy time. */
const LEARN = { requests: 20, clients: 1 }

async function scoreOf(
  t: TestContext,
  { way, clients }: { way: string; clients: number },
): Promise<{ nginx: Score; caller: Score }> {
  const chain = await Chain.start(way)
  t.after(() => chain.stop())
  const flowspan = await Flowspan.start(stitchedTo(ROWS))
  t.after(async () => {
    await flowspan.kill()
    flowspan.clean()
  })
  await chain.ask('learn', LEARN)
  await chain.ask('busy', { requests: REQUESTS, clients })
  const { lost, unaccounted } = await flowspan.stop()
  assert.deepEqual({ lost, unaccounted }, { lost: 0, unaccounted: 0 })
  const score = chain.score(flowspan.rows(ROWS), 'busy')
  for (const [of, { correct, orphan, wrong }] of Object.entries(score)) {
    t.diagnostic(`${of}: ${correct} correct, ${orphan} orphan, ${wrong} wrong`)
  }
  return score
}

for (const clients of [16, 64]) {
  test(
    `nginx with ${clients} requests at a time has its parents, none wrong`,
    options,
    async (t) => {
      const { nginx, caller } = await scoreOf(t, { way: 'kept', clients })
      assert.equal(nginx.correct + nginx.orphan + nginx.wrong, REQUESTS)
      assert.equal(nginx.wrong, 0)
      assert.ok(nginx.correct >= 0.9 * REQUESTS, `${nginx.correct} of ${REQUESTS}`)
      assert.equal(caller.wrong, 0)
    },
  )
}

for (const way of ['pool of 4', 'limiter of 4', 'immediate', 'timer', 'dns', 'database', 'pool']) {
  test(
    `a service that calls another by way of "${way}" gets no wrong parent`,
    options,
    async (t) => {
      const { caller } = await scoreOf(t, { way, clients: 16 })
      assert.equal(caller.correct + caller.orphan + caller.wrong, REQUESTS)
      assert.equal(caller.wrong, 0)
    },
  )
}
