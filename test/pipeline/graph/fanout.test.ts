import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Graph } from '../../../pipeline/graph/graph.ts'
import { OK, permanent, retryable } from '../../../pipeline/outcome.ts'
import { flows, Probes, spans } from '../probes.ts'

/** One receiver, one pipeline, exporters named as given; those with a `!` change data. */
function yaml(...exporters: string[]): string {
  const sections = exporters.map((name) => {
    return `probe/${name.replace('!', '')}: { mutates: ${name.endsWith('!')} }`
  })
  const ids = exporters.map((name) => `probe/${name.replace('!', '')}`)
  return `
receivers: { probe: }
exporters: { ${sections.join(', ')} }
service: { pipelines: { flows: { receivers: [probe], exporters: [${ids.join(', ')}] } } }`
}

function ledger(graph: Graph, id: string) {
  const node = graph.nodes.find((candidate) => candidate.id === id)
  assert.ok(node, `no component ${id}`)
  return node.ledger.entry()
}

test('branches that only read share the original, branches that change it get copies', async () => {
  const probes = new Probes()
  await probes.build(yaml('a', 'b!', 'c', 'd!'))
  const batch = flows(3)
  assert.equal(probes.give('probe', batch), OK)
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((id) => probes.taken.get(`probe/${id}`)?.[0])
  assert.equal(a, batch)
  assert.equal(c, batch)
  assert.notEqual(b, batch)
  assert.notEqual(d, batch)
  assert.notEqual(b, d)
})

test('when all branches change the data the last one gets the original', async () => {
  const probes = new Probes()
  await probes.build(yaml('a!', 'b!'))
  const batch = flows(1)
  probes.give('probe', batch)
  assert.notEqual(probes.taken.get('probe/a')?.[0], batch)
  assert.equal(probes.taken.get('probe/b')?.[0], batch)
})

test('a copy of OTLP bytes shares nothing with the original', async () => {
  const probes = new Probes()
  await probes.build(yaml('a', 'b!').replace('flows:', 'traces:'))
  const batch = spans(2)
  probes.give('probe', batch)
  const copy = probes.taken.get('probe/b')?.[0] as typeof batch
  assert.deepEqual(copy, batch)
  assert.notEqual(copy.bytes.buffer, batch.bytes.buffer)
})

test('a branch that refuses loses its own copy, counted there, and the others go on', async () => {
  const probes = new Probes()
  const graph = await probes.build(yaml('a', 'b', 'c'))
  probes.answers.set('probe/b', () => retryable('queue is full', 100))
  assert.equal(probes.give('probe', flows(5)), OK)
  assert.equal(probes.taken.get('probe/c')?.length, 1)
  assert.deepEqual(ledger(graph, 'probe/b'), {
    in: 5,
    out: 0,
    used: {},
    lost: { refused: 5 },
    held: 0,
  })
  assert.deepEqual(ledger(graph, 'probe/c'), {
    in: 5,
    out: 0,
    used: { sent: 5 },
    lost: {},
    held: 0,
  })
  assert.equal(ledger(graph, 'probe').out, 5)
})

test('when all branches refuse the giver gets the refusal and nothing is lost', async () => {
  const probes = new Probes()
  const graph = await probes.build(yaml('a', 'b', 'c'))
  probes.answers.set('probe/a', () => retryable('queue is full', 100))
  probes.answers.set('probe/b', () => retryable('throttled', 300))
  probes.answers.set('probe/c', () => permanent('too large'))
  const outcome = probes.give('probe', flows(5))
  assert.deepEqual(outcome, retryable('queue is full; throttled; too large', 300))
  for (const id of ['probe', 'probe/a', 'probe/b', 'probe/c']) {
    const { in: taken, out, lost } = ledger(graph, id)
    assert.deepEqual({ taken, out, lost }, { taken: 0, out: 0, lost: {} }, id)
  }
})

test('a refusal is permanent only when it is so for every branch', async () => {
  const probes = new Probes()
  await probes.build(yaml('a', 'b'))
  for (const id of ['a', 'b']) probes.answers.set(`probe/${id}`, () => permanent('malformed'))
  assert.deepEqual(probes.give('probe', flows(1)), permanent('malformed'))
})

test('a branch that answers late does not delay what the others are offered', async () => {
  const probes = new Probes()
  const graph = await probes.build(yaml('slow', 'fast'))
  const { promise, resolve } = Promise.withResolvers<typeof OK>()
  probes.answers.set('probe/slow', () => promise)
  const outcome = probes.give('probe', flows(2))
  assert.equal(probes.taken.get('probe/fast')?.length, 1)
  assert.equal(ledger(graph, 'probe').out, 0)
  resolve(OK)
  assert.equal(await outcome, OK)
  assert.equal(ledger(graph, 'probe').out, 2)
  assert.equal(ledger(graph, 'probe/slow').in, 2)
})

test('a pipeline that refuses as a whole counts its loss where the data would have entered', async () => {
  const probes = new Probes()
  const graph = await probes.build(`
receivers: { probe: }
processors: { probe: }
exporters: { probe/a: , probe/b: , probe/c: }
service:
  pipelines:
    flows/1: { receivers: [probe], processors: [probe], exporters: [probe/a] }
    flows/2: { receivers: [probe], exporters: [probe/b, probe/c] }
`)
  probes.answers.set('probe/a', () => permanent('no'))
  assert.equal(probes.give('probe', flows(4)), OK)
  const processor = graph.nodes.find(({ kind }) => kind === 'processor')
  assert.deepEqual(processor?.ledger.entry().lost, { refused: 4 })

  probes.answers.clear()
  for (const id of ['b', 'c']) probes.answers.set(`probe/${id}`, () => permanent('no'))
  assert.equal(probes.give('probe', flows(1)), OK)
  assert.deepEqual(ledger(graph, 'probe/b').lost, { refused: 1 })
  assert.deepEqual(ledger(graph, 'probe/c').lost, { refused: 1 })
})

test('a pipeline whose last component changes data is given a copy at its entrance', async () => {
  const probes = new Probes()
  await probes.build(`
receivers: { probe: }
processors: { probe: }
exporters: { probe/a: { mutates: true }, probe/b: }
service:
  pipelines:
    flows/1: { receivers: [probe], processors: [probe], exporters: [probe/a] }
    flows/2: { receivers: [probe], exporters: [probe/b] }
`)
  const batch = flows(1)
  probes.give('probe', batch)
  assert.notEqual(probes.taken.get('probe/a')?.[0], batch)
  assert.equal(probes.taken.get('probe/b')?.[0], batch)
})
