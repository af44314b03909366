/** Takers of a fan-out that answer late, or never: neither in the others' way nor without bound. */
import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { PATIENCE_MS } from '../../../pipeline/graph/fanout.ts'
import type { Graph } from '../../../pipeline/graph/graph.ts'
import { OK, type Outcome, permanent, retryable } from '../../../pipeline/outcome.ts'
import { flows, Probes } from '../probes.ts'

/** What a taker owes at most: see late.ts. */
const OFFERS_MAX = 64

class Fan {
  readonly probes = new Probes()
  /** Answers that exporters owe, oldest first, by id. */
  readonly owed = new Map<string, ((outcome: Outcome) => void)[]>()
  graph!: Graph

  static async of(...exporters: string[]): Promise<Fan> {
    const fan = new Fan()
    const sections = exporters.map(
      (name) => `probe/${name.replace('!', '')}:
    { mutates: ${name.endsWith('!')} }`,
    )
    const ids = exporters.map((name) => `probe/${name.replace('!', '')}`)
    fan.graph = await fan.probes.build(`
receivers: { probe: }
exporters:
  ${sections.join('\n  ')}
service: { pipelines: { flows: { receivers: [probe], exporters: [${ids.join(', ')}] } } }`)
    return fan
  }

  /** From now on this exporter answers when `answer` is called. */
  block(id: string): void {
    const owed: ((outcome: Outcome) => void)[] = []
    this.owed.set(id, owed)
    this.probes.answers.set(`probe/${id}`, () => new Promise((resolve) => owed.push(resolve)))
  }

  unblock(id: string): void {
    this.probes.answers.delete(`probe/${id}`)
  }

  async answer(id: string, outcome: Outcome = OK): Promise<void> {
    const resolve = this.owed.get(id)?.shift()
    assert.ok(resolve, `${id} owes no answer`)
    resolve(outcome)
    await turn()
  }

  give(rows = 1): { outcome: Outcome | undefined; promise: Promise<Outcome> } {
    const given: { outcome: Outcome | undefined; promise: Promise<Outcome> } = {
      outcome: undefined,
      promise: Promise.resolve(this.probes.give('probe', flows(rows))),
    }
    void given.promise.then((outcome) => {
      given.outcome = outcome
    })
    return given
  }

  offered(id: string): number {
    return this.probes.taken.get(`probe/${id}`)?.length ?? 0
  }

  book(id: string) {
    const node = this.graph.nodes.find((candidate) => candidate.id === `probe/${id}`)
    assert.ok(node)
    const { in: taken, lost, held } = node.ledger.entry()
    return { in: taken, lost: lost.refused ?? 0, held }
  }
}

test.beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }))
test.afterEach(() => mock.timers.reset())

/** Exporter `slow` blocks, `fast` takes: the giver has waited, and goes on without `slow`. */
async function behind(...more: string[]): Promise<Fan> {
  const fan = await Fan.of('slow', 'fast', ...more)
  fan.block('slow')
  const first = fan.give(10)
  await turn()
  assert.equal(first.outcome, undefined)
  mock.timers.tick(PATIENCE_MS)
  await turn()
  assert.equal(first.outcome, OK)
  return fan
}

test('a giver waits for a slow taker, but not longer than its patience', async () => {
  const fan = await behind()
  assert.equal(fan.book('fast').in, 10)
  // The data is the slow one's: it counts as held there.
  assert.deepEqual(fan.book('slow'), { in: 10, lost: 0, held: 10 })
  await fan.answer('slow')
  assert.deepEqual(fan.book('slow'), { in: 10, lost: 0, held: 0 })
})

test('one that answers in time slows the giver down, and loses nothing', async () => {
  const fan = await Fan.of('slow', 'fast')
  fan.block('slow')
  for (let i = 0; i < 200; i++) {
    const given = fan.give()
    mock.timers.tick(PATIENCE_MS - 1)
    await turn()
    assert.equal(given.outcome, undefined)
    await fan.answer('slow')
    assert.equal(given.outcome, OK)
  }
  assert.deepEqual(fan.book('slow'), { in: 200, lost: 0, held: 0 })
})

test('nobody waits for one that is behind, until it has answered all it owes', async () => {
  const fan = await behind()
  assert.equal(await fan.give().promise, OK)
  assert.equal(fan.offered('slow'), 2)
  await fan.answer('slow')
  assert.equal(await fan.give().promise, OK)
  await fan.answer('slow')
  await fan.answer('slow')
  const inStep = fan.give()
  await turn()
  assert.equal(inStep.outcome, undefined)
  await fan.answer('slow')
  assert.equal(inStep.outcome, OK)
})

test('a stuck one is given no more than it may owe; the rest is its loss alone', async () => {
  const fan = await behind()
  for (let i = 0; i < 1000; i++) assert.equal(await fan.give().promise, OK)
  assert.equal(fan.offered('slow'), OFFERS_MAX)
  assert.equal(fan.book('fast').in, 1010)
  const lost = 1001 - OFFERS_MAX
  assert.deepEqual(fan.book('slow'), { in: 1010, lost, held: 10 + OFFERS_MAX - 1 })
  // It was never stuck for good: what it was given it has once, and it goes on.
  while (fan.owed.get('slow')?.length) await fan.answer('slow')
  fan.unblock('slow')
  assert.equal(await fan.give().promise, OK)
  assert.deepEqual(fan.book('slow'), { in: 1011, lost, held: 0 })
})

test('what it refuses after all is its loss, and nobody offers it again', async () => {
  const fan = await behind()
  await fan.answer('slow', retryable('the exporter is shutting down'))
  assert.deepEqual(fan.book('slow'), { in: 10, lost: 10, held: 0 })
  assert.equal(fan.offered('fast'), 1)
})

test('one that is behind is offered only what another has taken', async () => {
  const fan = await behind()
  fan.probes.answers.set('probe/fast', () => retryable('queue is full', 100))
  assert.deepEqual((await fan.give().promise).kind, 'retryable')
  fan.probes.answers.set('probe/fast', () => permanent('malformed'))
  // The one that is behind may well take it: it is not for `fast` alone to say.
  assert.deepEqual((await fan.give().promise).kind, 'retryable')
  assert.equal(fan.offered('slow'), 1)
  assert.deepEqual(fan.book('fast'), { in: 10, lost: 0, held: 0 })
})

test('all behind: the first that takes it lets the giver go', async () => {
  const fan = await behind()
  fan.block('fast')
  const given = fan.give()
  // `fast` was in step: it is waited for, as nobody has the data yet.
  mock.timers.tick(PATIENCE_MS)
  await turn()
  assert.equal(given.outcome, undefined)
  // The other one was asked too, as it has room.
  assert.equal(fan.offered('slow'), 2)
  await fan.answer('slow')
  await fan.answer('slow')
  assert.equal(given.outcome, OK)
  assert.deepEqual(fan.book('fast'), { in: 11, lost: 0, held: 1 })
})

test('one stuck for good does not keep the giver from one that recovers', async () => {
  const fan = await Fan.of('stuck', 'slow')
  fan.block('stuck')
  fan.block('slow')
  const given = [fan.give()]
  await fan.answer('slow')
  mock.timers.tick(PATIENCE_MS)
  await turn()
  for (let i = 0; i < 3 * OFFERS_MAX; i++) {
    given.push(fan.give())
    await fan.answer('slow')
    await turn()
  }
  assert.ok(given.every(({ outcome }) => outcome === OK))
  assert.equal(fan.offered('stuck'), OFFERS_MAX)
  assert.equal(fan.book('slow').lost, 0)
})

test('when nobody has room the giver waits, and nothing is lost that it can keep', async () => {
  const fan = await Fan.of('a', 'b')
  for (const id of ['a', 'b']) fan.block(id)
  // Every second one is taken by the other, so that both are behind, and full.
  for (let i = 0; i < OFFERS_MAX; i++) {
    fan.give()
    mock.timers.tick(PATIENCE_MS)
    await turn()
  }
  // Nobody has taken anything: all givers wait, with their data.
  assert.deepEqual([fan.book('a').in, fan.book('b').in], [0, 0])
  while (fan.owed.get('a')?.length) await fan.answer('a')
  assert.equal(fan.book('b').held, OFFERS_MAX)
  fan.block('a')
  const before = fan.offered('a')
  const waits = fan.give()
  await turn()
  assert.equal(fan.offered('a'), before + 1)
  assert.equal(waits.outcome, undefined)
  await fan.answer('a')
  assert.equal(waits.outcome, OK)
  assert.equal(fan.book('b').lost, 1)
})

test('the data of one that is behind is its own, whoever else changes theirs', async () => {
  const fan = await Fan.of('slow!', 'fast!')
  fan.block('slow')
  fan.give()
  mock.timers.tick(PATIENCE_MS)
  await turn()
  await fan.give().promise
  const taken = ['slow', 'fast'].flatMap((id) => fan.probes.taken.get(`probe/${id}`) ?? [])
  assert.equal(new Set(taken).size, 4)
})
