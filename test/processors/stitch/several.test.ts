/**
 * Several gateways: a call goes to where its cause is known first, then to where its other end is.
 * Each gateway is two processors with one memory; what lies between them is the test's to delay,
 * to double and to lose.
 */
import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import fc from 'fast-check'
import { FlowBatch } from '../../../pipeline/flows/batch.ts'
import { OK } from '../../../pipeline/outcome.ts'
import { schema } from '../../../processors/stitch/config.ts'
import { batchOf, type Row } from './rows.ts'
import { Stage, type Stitched } from './stage.ts'

const PAIRS = schema.parse({ wait: 'always', part: 'pairs' })

interface Gateway {
  readonly causes: Stage
  readonly pairs: Stage
}

let clusters = 0
let last: Cluster | undefined
afterEach(() => last?.close())

class Cluster {
  readonly #gateways: readonly Gateway[]
  /** Batches of one row, on their way from one gateway to the next. */
  readonly sentOn: FlowBatch[] = []

  constructor(gateways: number) {
    last?.close()
    last = this
    const cluster = clusters++
    this.#gateways = Array.from({ length: gateways }, (_, i) => {
      const memory = `stitch/${cluster}-${i}`
      const pairs = new Stage(PAIRS, memory)
      const causes = new Stage({ ...PAIRS, part: 'causes', memory }, `${memory}-causes`)
      return { causes, pairs }
    })
  }

  /** What an agent sends: to the owner of the cause, if there is one. */
  send(row: Row): void {
    const { causes } = this.#ownerOf(row.cause?.flow ?? row.flow)
    causes.send(row)
    this.#collect()
  }

  sendOn(batch: FlowBatch): void {
    const { pairs } = this.#ownerOf(batch.base.flow_id[0] as number)
    assert.deepEqual(pairs.stitch.consume(batch), OK)
    pairs.ledger.in += batch.rows
    this.#collect()
  }

  pass(ms: number): void {
    for (const { causes, pairs } of this.#gateways) {
      causes.pass(ms)
      pairs.pass(ms)
    }
    this.#collect()
  }

  get held(): number {
    return this.#all.reduce((sum, stage) => sum + stage.stitch.held(), 0)
  }

  rows(): Stitched[] {
    return this.#gateways.flatMap(({ pairs }) => pairs.rows())
  }

  balance(): void {
    for (const stage of this.#all) stage.balance()
  }

  close(): void {
    for (const stage of this.#all) void stage.stitch.shutdown()
  }

  get #all(): Stage[] {
    return this.#gateways.flatMap(({ causes, pairs }) => [causes, pairs])
  }

  #ownerOf(flow: number): Gateway {
    return this.#gateways[flow % this.#gateways.length] as Gateway
  }

  /** Takes what the processors before the hop have let go; the others may have been woken. */
  #collect(): void {
    for (const stage of this.#all) stage.stitch.tick()
    for (const { causes } of this.#gateways) {
      for (const batch of causes.batches.splice(0)) {
        for (let row = 0; row < batch.rows; row++) {
          const one = new FlowBatch(1)
          one.append(batch, row)
          this.sentOn.push(one)
        }
      }
    }
  }
}

const CHAINS = fc.array(fc.nat(), { minLength: 1, maxLength: 10 })

function rowsOf(callers: readonly number[]): Row[] {
  return callers.flatMap((caller, i): Row[] => [
    {
      role: 'client',
      flow: 100 + i,
      name: `client ${i}`,
      identity: [`agent ${caller}`, 2 * i + 1],
      ...(caller >= 0 && { cause: { flow: 100 + caller, offset: 0 } }),
    },
    { role: 'server', flow: 100 + i, name: `server ${i}`, identity: [`agent ${i}`, 2 * i + 2] },
  ])
}

const rightParent = (name: string, callers: readonly number[]): string => {
  const [role, call] = name.split(' ') as [string, string]
  if (role === 'server') return `client ${call}`
  const caller = callers[Number(call)] as number
  return caller < 0 ? '' : `server ${caller}`
}

/** Callers of random calls: one before it, or nobody. */
const callersOf = (picks: readonly number[]) => picks.map((pick, i) => (pick % (i + 1)) - 1)

test('a chain over three gateways is one trace, in whatever order its rows come', () => {
  const cases = CHAINS.chain((picks) => {
    const callers = callersOf(picks)
    const rows = rowsOf(callers)
    const shuffled = fc.shuffledSubarray(rows, { minLength: rows.length })
    return fc.tuple(fc.constant(callers), shuffled, fc.infiniteStream(fc.nat()))
  })
  fc.assert(
    fc.property(cases, ([callers, rows, picks]) => {
      const cluster = new Cluster(3)
      const agents = [...rows]
      while (agents.length + cluster.sentOn.length > 0) {
        const pick = picks.next().value as number
        const { sentOn } = cluster
        const at = pick % (agents.length + sentOn.length)
        if (at < agents.length) cluster.send(agents.splice(at, 1)[0] as Row)
        else cluster.sendOn(sentOn.splice(at - agents.length, 1)[0] as FlowBatch)
      }
      cluster.balance()
      assert.equal(cluster.held, 0, 'nobody waits for what has come')
      const out = cluster.rows()
      assert.equal(out.length, rows.length)
      const bySpan = new Map(out.map((row) => [row.span, row]))
      for (const { name, parent, trace } of out) {
        assert.equal(bySpan.get(parent)?.name ?? '', rightParent(name, callers))
        if (parent !== '') assert.equal(bySpan.get(parent)?.trace, trace)
      }
    }),
    { numRuns: 150 },
  )
})

test('a chain that is asked from outside waits for its root at every gateway it crosses', () => {
  const cluster = new Cluster(3)
  const depth = 6
  const callers = Array.from({ length: depth }, (_, i) => i - 1)
  // Of the first request nobody sees the client, so it waits in vain before the rest can go on.
  const rows = rowsOf(callers).slice(1)
  for (let i = 1; i < depth; i++) {
    cluster.send({ kind: 'connection', state: 'open', role: 'client', flow: 100 + i })
  }
  for (const batch of cluster.sentOn.splice(0)) cluster.sendOn(batch)
  for (const row of rows.toReversed()) cluster.send(row)
  const HOP_MS = 200
  for (let ms = 0; ms < PAIRS.window_total && cluster.held > 0; ms += HOP_MS) {
    for (const batch of cluster.sentOn.splice(0)) cluster.sendOn(batch)
    cluster.pass(HOP_MS)
  }
  const out = cluster.rows()
  assert.equal(out.length, rows.length)
  assert.equal(new Set(out.map(({ trace }) => trace)).size, 1)
  assert.deepEqual(
    out.filter(({ parent }) => parent === '').map(({ name }) => name),
    ['server 0'],
  )
})

test('whatever is late, doubled or lost on the way, no link is wrong and no parent missing', () => {
  const fate = fc.constantFrom('now', 'now', 'twice', 'lost', 'late', 'very late')
  const cases = CHAINS.chain((picks) => {
    const callers = callersOf(picks)
    const rows = rowsOf(callers)
    return fc.tuple(
      fc.constant(callers),
      fc.shuffledSubarray([...rows, ...rows]),
      fc.array(fate, { minLength: 1, maxLength: 30 }),
      fc.infiniteStream(fc.nat()),
    )
  })
  fc.assert(
    fc.property(cases, ([callers, rows, fates, picks]) => {
      const cluster = new Cluster(3)
      const agents = [...rows]
      for (let step = 0; agents.length + cluster.sentOn.length + cluster.held > 0; step++) {
        const { sentOn } = cluster
        const fateNow = fates[step % fates.length]
        if (fateNow === 'late') cluster.pass(PAIRS.window / 2)
        if (fateNow === 'very late') for (let i = 0; i < 20; i++) cluster.pass(PAIRS.window)
        const waiting = agents.length + sentOn.length
        if (waiting === 0) cluster.pass(1000)
        if (waiting === 0) continue
        const at = (picks.next().value as number) % waiting
        const agent = agents.splice(at, 1)[0]
        if (agent !== undefined) {
          cluster.send(agent)
          continue
        }
        const [batch] = sentOn.splice(at - agents.length, 1) as [FlowBatch]
        if (fateNow === 'twice') cluster.sendOn(batch.clone())
        if (fateNow !== 'lost') cluster.sendOn(batch)
      }
      cluster.balance()
      const out = cluster.rows()
      const bySpan = new Map(out.map((row) => [row.span, row]))
      assert.equal(out.length, bySpan.size, 'no span twice')
      for (const { name, parent, method, trace } of out) {
        assert.equal(parent === '', method === 'none')
        if (parent === '') continue
        const found = bySpan.get(parent)
        assert.equal(found?.name, rightParent(name, callers))
        assert.equal(found?.trace, trace)
      }
    }),
    { numRuns: 150 },
  )
})

test('rows that need no cause pass on as they are, and rows come as often as they are sent', () => {
  const cluster = new Cluster(1)
  const server: Row = { role: 'server', flow: 1, name: 'server 0', identity: ['a', 1] }
  cluster.send(server)
  cluster.send({ kind: 'connection', role: 'client', flow: 1, identity: ['a', 2] })
  assert.equal(cluster.sentOn.length, 2)
  for (const batch of cluster.sentOn) assert.equal(batch.stitch?.span_id[0] ?? 0, 0)
  assert.equal(cluster.held, 0)
  assert.equal(batchOf([server]).origin?.sequence[0], 1)
})

test('rows that are given back while others are being sent lose nothing', (t) => {
  const pairs = new Stage(PAIRS, 'stitch/direct')
  const causes = new Stage({ ...PAIRS, part: 'causes', memory: 'stitch/direct' })
  t.after(async () => {
    await causes.stitch.shutdown()
    await pairs.stitch.shutdown()
  })
  // What goes on comes to the same memory before the call returns, and wakes rows that wait there.
  causes.answer = (batch) => pairs.stitch.consume(batch.clone())
  const calls = Array.from({ length: 400 }, (_, i) => (i % 4) - 1 + (i - (i % 4)))
  const chained = calls.map((caller, i) => (i % 4 === 0 ? -1 : caller))
  const rows = rowsOf(chained).reverse()
  for (let from = 0; from < rows.length; from += 50) causes.send(...rows.slice(from, from + 50))
  for (let i = 0; i < 10; i++) {
    causes.pass(1)
    pairs.pass(1)
  }
  const out = pairs.rows()
  assert.deepEqual(out.map(({ name }) => name).sort(), rows.map(({ name }) => name).sort())
  const bySpan = new Map(out.map((row) => [row.span, row]))
  for (const { name, parent } of out) {
    assert.equal(bySpan.get(parent)?.name ?? '', rightParent(name, chained))
  }
})
