/**
 * Three hosts, seen by an agent each, whose rows meet at a gateway: what becomes of chains that
 * cross them, against the truth, and what becomes of it when something fails on the way.
 *
 * One world for all: each test has chains of its own, with the numbers that follow.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { missingForAgents } from '../kit/agents.ts'
import { goAvailable } from '../kit/backends.ts'
import { GROUP_OF, HOPS, type Hop } from '../kit/fleet.ts'
import type { Balance, Flowspan } from '../kit/flowspan.ts'
import type { Pod } from '../kit/netns.ts'
import { serveInPod } from '../kit/pod_process.ts'
import type { Program } from '../kit/processes.ts'
import { missingForShop, skipUnless } from '../kit/requirements.ts'
import {
  ORDERS,
  oneGateway,
  oneOfSeveral,
  toGateway,
  toGateways,
  WINDOW_MS,
} from './fleet_configs.ts'
import { FleetSpans, numberOf, PLACES, type Score } from './fleet_score.ts'
import { FleetWorld, NAMESPACE } from './fleet_world.ts'
import type { Span } from './trace_view.ts'

const go = await goAvailable()
const missing = missingForShop() ?? missingForAgents() ?? (go.available ? undefined : go.reason)
const apps = join(import.meta.dirname, '../kit/apps')
const LOSSY_PORT = 4316
const GATEWAYS = 3
/** Chains begun a second, and at a time: more, and event loops cannot tell whom they call for. */
const RATE = 40
const AT_ONCE = 2
/** Two hosts are cut off for so long, with so many chains a second, and for how long around it. */
const CUT_MS = 60_000
const CUT_RATE = 10
const BEFORE_MS = 1000
const AFTER_MS = 9000
/** Asked by a host that was cut off, on one that was not. */
const ALONE = 'stock server'
/** The last chains of AFTER_MS: what was kept has come before. */
const LAST = 30
const SPANS_TIMEOUT_MS = 30_000
/** Hosts' clocks are behind by less. */
const SKEW_MS = 2000

describe('chains over three hosts', { skip: skipUnless(missing), timeout: 300_000 }, () => {
  const cleanups: (() => unknown)[] = []
  let world: FleetWorld
  let pod: Pod
  let gateway: Flowspan
  let lossy: Program
  let next = 0

  before(async () => {
    world = await FleetWorld.start(cleanups)
    pod = await world.gatewayPod()
    const command = [process.execPath, join(apps, 'lossy.ts'), `${LOSSY_PORT}`, '4317']
    lossy = await serveInPod(pod, { port: LOSSY_PORT, command })
    cleanups.unshift(() => lossy.stop())
    gateway = await world.startGateway(pod, oneGateway(world))
    const endpoint = `${pod.ipv4}:${LOSSY_PORT}`
    await world.agents.start((group) => toGateway(endpoint, group === 'c' ? 'in_memory' : 'stored'))
    // One at a time tells agents how each process works.
    await world.fleet.run({ ...chains(40), atOnce: 1 })
  })

  after(async () => {
    for (const cleanup of cleanups) await cleanup()
  })

  function chains(count: number, rate = RATE) {
    const from = next
    next += count
    return { from, count, rate, atOnce: AT_ONCE }
  }

  /** What became of chains while `fail` was done to them. */
  async function outcomeOf(
    t: TestContext,
    { count, rate, fail }: { count: number; rate?: number; fail?: () => Promise<unknown> },
  ): Promise<{ score: Score; spans: FleetSpans; numbers: readonly number[] }> {
    const sinceMs = Date.now() - SKEW_MS
    const running = world.fleet.run(chains(count, rate))
    await fail?.()
    const numbers = await running
    assert.equal(numbers.length, count, 'every chain was answered')
    const answeredMs = performance.now()
    const spans = await everySpan(sinceMs, numbers)
    const score = spans.score(numbers)
    t.diagnostic(`all was there ${Math.round(performance.now() - answeredMs)} ms after the answers`)
    t.diagnostic(`${count} chains of ${PLACES.length} spans: ${JSON.stringify(score)}`)
    return { score, spans, numbers }
  }

  /** Reads until nothing is missing, or for long enough. */
  async function everySpan(sinceMs: number, numbers: readonly number[]): Promise<FleetSpans> {
    const until = performance.now() + SPANS_TIMEOUT_MS
    for (let look = 1; ; look++) {
      await sleep(500)
      // Whole chains are in the traces of the first service, which is an eighth of all to read.
      const isOver = performance.now() > until
      const services = look % 4 === 0 || isOver ? HOPS : HOPS.slice(0, 1)
      const spans = await FleetSpans.read(world.jaeger, { sinceMs, services })
      const isWhole = spans.score(numbers).missing === 0
      if (!isWhole && !isOver) continue
      if (services === HOPS) return spans
      return FleetSpans.read(world.jaeger, { sinceMs })
    }
  }

  test('are whole traces, none wrong, without any context on the wire', async (t) => {
    const { score, spans, numbers } = await outcomeOf(t, { count: 300 })
    const { missing, doubled, wrong, parentless } = score
    assert.deepEqual({ missing, doubled, wrong, parentless }, NONE)
    assert.ok(score.whole >= 0.99 * numbers.length, `${score.whole} of ${numbers.length}`)
    assertClocksApart(spans.all)
    assertNamed(spans.all.filter((span) => numbers.includes(numberOf(span) ?? -1)))
  })

  test('lose nothing when the gateway is killed', async (t) => {
    const fail = async () => {
      for (let kill = 0; kill < 2; kill++) {
        await sleep(1000)
        await gateway.kill()
        gateway.clean()
        gateway = await world.startGateway(pod, oneGateway(world, ORDERS[kill]))
      }
    }
    const { score } = await outcomeOf(t, { count: 240, fail })
    const { missing, wrong, parentless } = score
    assert.deepEqual({ missing, wrong, parentless }, { missing: 0, wrong: 0, parentless: 0 })
  })

  test('lose nothing while two hosts cannot be reached for a minute and answers are lost', async (t) => {
    const { hosts } = world.agents
    let heal = () => {}
    const fail = async () => {
      await sleep(BEFORE_MS)
      const heals = [hosts.b, hosts.c].map((host) => world.fleet.network.cut(host))
      heal = () => {
        for (const back of heals) back()
        heal = () => {}
      }
      // The one that is left, and all of them when they are back.
      for (let part = 0; part < 4; part++) {
        await sleep(CUT_MS / 4)
        if (part === 3) heal()
        process.kill(lossy.pid, 'SIGUSR2')
      }
    }
    t.after(() => heal())
    const count = (CUT_RATE * (BEFORE_MS + CUT_MS + AFTER_MS)) / 1000
    const { score, spans, numbers } = await outcomeOf(t, { count, rate: CUT_RATE, fail })
    const { missing, doubled, wrong, parentless } = score
    assert.deepEqual({ missing, doubled, wrong, parentless }, NONE)
    // Late rows find whom they were asked by; only who was asked by them and was not late is alone.
    const { [ALONE]: alone = 0, ...others } = score.orphans
    assert.ok(alone >= 0.8 * CUT_RATE * (CUT_MS / 1000), `${alone} alone`)
    const tolerated = 0.01 * count
    assert.ok(sumOf(Object.values(others)) <= tolerated, JSON.stringify(others))
    // What was asked well after it, and the window allows, is whole.
    const last = numbers.slice(-LAST)
    assert.ok(spans.score(last).whole >= LAST - 1, `${spans.score(last).whole} of ${LAST}`)
    const { lost, held, unaccounted, components } = await gateway.stop()
    assert.deepEqual({ lost, held, unaccounted }, { lost: 0, held: 0, unaccounted: 0 })
    const { used, notes } = components['processor/stitch'] ?? {}
    t.diagnostic(`stitch: ${JSON.stringify({ ...used, ...notes })}`)
    assert.ok((used?.doubled ?? 0) > 0, 'rows came twice')
    assert.ok((notes?.late ?? 0) >= alone, 'each that was missed and came was counted')
  })

  test('are whole traces with their rows divided among three gateways', async (t) => {
    const pods = [pod, await world.gatewayPod(), await world.gatewayPod()].slice(0, GATEWAYS)
    const hosts = pods.map(({ ipv4 }) => ipv4)
    const gateways = await Promise.all(
      pods.map((pod) => world.startGateway(pod, oneOfSeveral(world, hosts))),
    )
    await world.agents.reload(toGateways(hosts))
    // New gateways learn of connections that agents see both ends of.
    await world.fleet.run(chains(160))
    const { score, numbers } = await outcomeOf(t, { count: 200 })
    const { missing, doubled, wrong, parentless } = score
    assert.deepEqual({ missing, doubled, wrong, parentless }, NONE)
    assert.ok(score.whole >= 0.99 * numbers.length, `${score.whole} of ${numbers.length}`)
    await restartAgents(t)
    assertBooks(await world.agents.stop(), world.agents.warnings)
    for (const gateway of gateways) assertBooks([await gateway.stop()])
  })

  /** Reads until no more comes: a parent may be another gateway's to send, and come last. */
  async function settledScore(sinceMs: number, numbers: readonly number[]): Promise<Score> {
    const until = performance.now() + SPANS_TIMEOUT_MS
    for (let before = -1; ; ) {
      await sleep(WINDOW_MS)
      const spans = await FleetSpans.read(world.jaeger, { sinceMs })
      const score = spans.score(numbers)
      const isSettled = spans.all.length === before
      if (isSettled || performance.now() > until) return score
      before = spans.all.length
    }
  }

  /** One in order, one killed: what was not seen is missing, and nothing is made of it. */
  async function restartAgents(t: TestContext): Promise<void> {
    const sinceMs = Date.now() - SKEW_MS
    const { agents } = world
    const running = world.fleet.run(chains(240))
    await sleep(500)
    assertBooks([await agents.stopOne('b')], agents.warnings)
    await agents.killOne('c')
    await Promise.all([agents.startOne('b'), agents.startOne('c')])
    const numbers = await running
    const score = await settledScore(sinceMs, numbers)
    t.diagnostic(`agents restarted: ${JSON.stringify(score)}`)
    assert.deepEqual([score.doubled, score.wrong, score.parentless], [0, 0, 0])
    assert.ok(score.missing > 0, 'agents were away')
    assert.ok(score.correct > 0)
  }
})

function sumOf(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0)
}

const NONE = { missing: 0, doubled: 0, wrong: 0, parentless: 0 }

function assertBooks(balances: readonly Balance[], warnings: readonly string[] = []): void {
  for (const { lost, unaccounted, components } of balances) {
    const why = [JSON.stringify(components), ...warnings].join('\n')
    assert.deepEqual({ lost, unaccounted }, { lost: 0, unaccounted: 0 }, why)
  }
}

/** The host of `orders` is a second behind that of `front`, which asks it. */
function assertClocksApart(spans: readonly Span[]): void {
  const byId = new Map(spans.map((span) => [span.spanId, span]))
  const leads = spans
    .filter(({ service, kind }) => service === 'orders' && kind === 'server')
    .map((span) => (byId.get(span.parentId ?? '') as Span).startUs - span.startUs)
  assert.ok(leads.length > 0)
  for (const lead of leads) assert.ok(lead > 500_000 && lead < 1_100_000, `${lead} µs`)
}

/** Pods of all hosts have their names, on their nodes. */
function assertNamed(spans: readonly Span[]): void {
  for (const { service, resource } of spans) {
    assert.equal(resource['k8s.namespace.name'], NAMESPACE)
    assert.equal(resource['k8s.node.name'], `node-${GROUP_OF[service as Hop]}`)
  }
}
