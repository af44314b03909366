import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OK } from '../../../pipeline/outcome.ts'
import { booksOf } from '../../../pipeline/telemetry/books.ts'
import { flows, Probes } from '../probes.ts'
import { hostOf } from '../surroundings.ts'

const HOST = hostOf()

const CHAIN = `
receivers: { probe: }
processors: { probe/one: , probe/two: }
connectors: { joint: }
exporters: { probe/spans: , probe/rows: }
service:
  pipelines:
    traces: { receivers: [joint], exporters: [probe/spans] }
    flows:
      receivers: [probe]
      processors: [probe/one, probe/two]
      exporters: [joint, probe/rows]
`

test('components are created and started backwards, and ended forwards', async () => {
  const probes = new Probes()
  const graph = await probes.build(CHAIN)
  const backwards = [
    'exporter/probe/spans',
    'connector/joint',
    'exporter/probe/rows',
    'processor/probe/two',
    'processor/probe/one',
    'receiver/probe',
  ]
  await graph.start(HOST)
  assert.deepEqual(await graph.shutdown(1000), [])
  const all = (step: string, names: string[]) => names.map((name) => `${step} ${name}`)
  assert.deepEqual(probes.steps, [
    ...all('create', backwards),
    ...all('start', backwards),
    ...all('shutdown', backwards.toReversed()),
  ])
})

test('receivers start after the exporters of every pipeline, not of theirs alone', async () => {
  const probes = new Probes()
  await probes.build(`
receivers: { probe/1: , probe/2: }
exporters: { probe/1: , probe/2: }
service:
  pipelines:
    flows/1: { receivers: [probe/1], exporters: [probe/1] }
    flows/2: { receivers: [probe/2], exporters: [probe/2] }
`)
  const kinds = probes.steps.map((step) => step.split(/[ /]/)[1])
  assert.deepEqual(kinds, ['exporter', 'exporter', 'receiver', 'receiver'])
})

test('pipelines share receivers and exporters, and have processors of their own', async () => {
  const probes = new Probes()
  const graph = await probes.build(`
receivers: { probe: }
processors: { probe: }
exporters: { probe: }
service:
  pipelines:
    flows/1: { receivers: [probe], processors: [probe], exporters: [probe] }
    flows/2: { receivers: [probe], processors: [probe], exporters: [probe] }
    traces: { receivers: [probe], exporters: [probe] }
`)
  const made = graph.nodes.map(({ kind, signal, pipeline }) => `${kind} ${pipeline ?? signal}`)
  assert.deepEqual(made.sort(), [
    'exporter flows',
    'exporter traces',
    'processor flows/1',
    'processor flows/2',
    'receiver flows',
    'receiver traces',
  ])
})

test('in = out + used + lost + held holds for every component of a chain', async () => {
  const probes = new Probes()
  const graph = await probes.build(CHAIN)
  assert.equal(probes.give('probe', flows(7)), OK)
  const books = booksOf(graph.nodes)
  const of = (id: string) => books.find((book) => book.id === id)
  assert.equal(of('probe/one')?.in, 7)
  assert.equal(of('probe/two')?.out, 7)
  assert.equal(of('probe/spans')?.used.sent, 7)
  assert.equal(of('probe/rows')?.used.sent, 7)
  // What a connector makes are other items than it took: they stand beside its balance.
  assert.deepEqual(of('joint')?.used, { converted: 7 })
  assert.deepEqual(of('joint')?.notes, { made: 7 })
  // A receiver's `in` is its own to count; the probe has none.
  for (const book of books.filter(({ kind }) => kind !== 'receiver')) {
    assert.equal(book.unaccounted, 0, book.id)
  }
})

test('what failed to start is named, and everything can still be ended', async () => {
  const probes = new Probes()
  const graph = await probes.build(CHAIN)
  probes.failing.add('start processor/probe/two')
  await assert.rejects(
    graph.start(HOST),
    /^Error: failed to start "probe\/two" processor: start fails$/,
  )
  assert.ok(!probes.steps.includes('start receiver/probe'))
  assert.deepEqual(await graph.shutdown(1000), [])
})

test('a component that fails to end does not keep the others from ending', async () => {
  const probes = new Probes()
  const graph = await probes.build(CHAIN)
  probes.failing.add('shutdown receiver/probe')
  const errors = await graph.shutdown(1000)
  assert.deepEqual(
    errors.map(({ message }) => message),
    ['failed to shut down "probe" receiver: shutdown fails'],
  )
  assert.ok(probes.steps.includes('shutdown exporter/probe/spans'))
})

test('when one cannot be created those that were are ended', async () => {
  const probes = new Probes()
  probes.failing.add('create processor/probe/one')
  await assert.rejects(probes.build(CHAIN), /failed to create "probe\/one" processor.*create fails/)
  assert.ok(probes.steps.includes('shutdown exporter/probe/spans'))
})

test('past the deadline the rest is still told to end, and what did not is named', async () => {
  const probes = new Probes()
  const graph = await probes.build(CHAIN)
  const stuck = graph.nodes.at(-1)
  assert.ok(stuck)
  stuck.component.shutdown = () => new Promise(() => {})
  const errors = await graph.shutdown(20)
  assert.match(errors[0]?.message ?? '', /"probe" receiver: the shutdown deadline has passed/)
  assert.equal(errors.length, 1)
  assert.ok(probes.steps.includes('shutdown exporter/probe/spans'))
})
