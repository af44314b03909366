/** What a reload makes, keeps and ends, and in which order. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PATIENCE_MS } from '../../../pipeline/graph/fanout.ts'
import { OK, type Outcome, permanent } from '../../../pipeline/outcome.ts'
import { flows } from '../probes.ts'
import { Running } from './running.ts'

interface Parts {
  receiver?: string
  processor?: string
  exporter?: string
  extension?: string
  exporters?: string
  more?: string
}

/** One receiver, processor and exporter, options as given; `more` are further pipelines. */
function yaml({ receiver, processor, exporter, extension, exporters, more }: Parts = {}): string {
  return `
receivers: { probe: { ${receiver ?? ''} }, probe/2: }
processors: { probe: { ${processor ?? ''} } }
connectors: { joint: }
exporters: { probe: { ${exporter ?? ''} }, probe/2: , probe/3: }
extensions: { probe: { ${extension ?? ''} }, probe/2: }
service:
  extensions: [probe]
  shutdown_timeout: 2s
  pipelines:
    flows: { receivers: [probe], processors: [probe], exporters: [${exporters ?? 'probe'}] }
    ${more ?? ''}`
}

test('what is unchanged stays as it is, and nothing happens to it', async () => {
  const running = await Running.start(yaml())
  const before = running.service.nodes
  await running.reload(yaml())
  assert.deepEqual(running.probes.steps, [])
  assert.deepEqual(running.service.nodes, before)
  assert.equal(running.probes.give('probe', flows(3)), OK)
  assert.deepEqual(running.book('exporter/probe').used, { sent: 3 })
})

test('what changed is made and started beside the old, then the old one ends', async () => {
  const running = await Running.start(yaml())
  await running.reload(yaml({ exporter: 'value: 1' }))
  await running.service.left()
  assert.deepEqual(running.probes.steps, [
    'create exporter/probe',
    'start exporter/probe',
    'shutdown exporter/probe',
  ])
})

test('data goes to the new one from the swap on, through what was kept', async () => {
  const running = await Running.start(yaml())
  const [, , processor] = running.service.nodes
  const give = running.probes.next.get('probe')
  assert.equal(await give?.consume(flows(1)), OK)
  await running.reload(yaml({ exporters: 'probe/2' }))
  assert.equal(await give?.consume(flows(2)), OK)
  assert.equal(running.service.nodes[2], processor)
  assert.equal(running.probes.taken.get('probe')?.length, 1)
  assert.equal(running.probes.taken.get('probe/2')?.length, 1)
  const book = running.book('processor/probe')
  assert.deepEqual({ in: book.in, out: book.out }, { in: 3, out: 3 })
})

test('a fan-out comes and goes behind a receiver that stays', async () => {
  const running = await Running.start(yaml())
  const give = () => running.probes.give('probe', flows(1))
  const more = 'flows/2: { receivers: [probe], exporters: [probe/2, probe/3] }'
  await running.reload(yaml({ more }))
  assert.deepEqual(running.probes.steps.slice(0, 2), [
    'create exporter/probe/2',
    'create exporter/probe/3',
  ])
  assert.equal(give(), OK)
  await running.reload(yaml())
  assert.equal(give(), OK)
  assert.equal(running.book('exporter/probe').in, 2)
  assert.equal(running.book('exporter/probe/2').in, 1)
  assert.equal(running.book('receiver/probe').out, 2)
})

test('new ones start exporters first, old ones end receivers first', async () => {
  const running = await Running.start(yaml())
  await running.reload(
    yaml({
      receiver: 'value: 1',
      processor: 'value: 1',
      exporter: 'value: 1',
      extension: 'value: 1',
    }),
  )
  await running.service.left()
  const order = ['exporter/probe', 'processor/probe', 'receiver/probe']
  const created = [...order, 'extension/probe']
  const started = ['extension/probe', ...order]
  assert.deepEqual(running.probes.steps, [
    ...created.map((name) => `create ${name}`),
    ...started.map((name) => `start ${name}`),
    ...started.toReversed().map((name) => `shutdown ${name}`),
  ])
})

test('a component that can take the new config over is kept, and gets it at the swap', async () => {
  const running = await Running.start(yaml({ processor: 'live: true' }))
  const wanted = yaml({ processor: 'live: true, value: 7', exporter: 'value: 1' })
  running.probes.failing.add('start exporter/probe')
  await assert.rejects(running.reload(wanted), /start fails/)
  assert.ok(!running.probes.steps.some((step) => step.startsWith('reconfigure')))
  running.probes.failing.clear()
  running.forget()
  await running.reload(wanted)
  await running.service.left()
  assert.deepEqual(running.probes.steps, [
    'create exporter/probe',
    'start exporter/probe',
    'reconfigure processor/probe 7',
    'shutdown exporter/probe',
  ])
  running.forget()
  await running.reload(wanted)
  assert.deepEqual(running.probes.steps, [])
})

test('whoever uses an extension is made anew with it, and finds the new one', async () => {
  const running = await Running.start(yaml({ exporter: 'uses: probe' }))
  await running.reload(yaml({ exporter: 'uses: probe', extension: 'value: 1' }))
  await running.service.left()
  const of = (step: string) => running.probes.steps.filter((made) => made.startsWith(step))
  assert.deepEqual(of('create'), ['create exporter/probe', 'create extension/probe'])
  assert.deepEqual(of('shutdown'), ['shutdown exporter/probe', 'shutdown extension/probe'])
})

test('an extension that was missed and is there now concerns whoever missed it', async () => {
  const running = await Running.start(yaml({ exporter: 'uses: probe/2' }))
  const with2 = yaml({ exporter: 'uses: probe/2' }).replace('[probe]\n', '[probe, probe/2]\n')
  await running.reload(with2)
  const exporter = running.probes.hosts.get('exporter/probe')
  assert.ok(exporter?.extension('probe/2'))
  assert.ok(running.probes.steps.includes('create exporter/probe'))
  // One that is kept sees the extensions of the configuration that runs.
  const receiver = running.probes.hosts.get('receiver/probe')
  assert.ok(receiver?.extension('probe/2'))
  running.forget()
  await running.reload(yaml({ exporter: 'uses: probe/2' }))
  await running.service.left()
  assert.ok(running.probes.steps.includes('create receiver/probe'))
  assert.equal(running.probes.hosts.get('receiver/probe')?.extension('probe/2'), undefined)
})

test('one that is behind stays so when it gets other neighbours', async () => {
  const running = await Running.start(yaml({ exporters: 'probe, probe/2' }))
  const { probes } = running
  let refuse = (_: Outcome) => {}
  probes.answers.set('probe', () => new Promise((resolve) => (refuse = resolve)))
  assert.equal(await probes.give('probe', flows(1)), OK)
  await running.reload(yaml({ exporters: 'probe, probe/2, probe/3' }))
  const startedMs = performance.now()
  assert.equal(await probes.give('probe', flows(2)), OK)
  assert.ok(performance.now() - startedMs < PATIENCE_MS / 2)
  assert.equal(running.book('exporter/probe').held, 3)
  refuse(OK)
})

test('what is gone drains into what it was connected to', async () => {
  const running = await Running.start(yaml())
  const old = running.probes.next.get('probe')
  running.probes.waits.set('shutdown receiver/probe', async () => {
    await new Promise(setImmediate)
    assert.equal(await old?.consume(flows(5)), OK)
  })
  await running.reload(yaml({ receiver: 'value: 1', exporter: 'value: 1' }))
  assert.equal(running.probes.give('probe', flows(2)), OK)
  await running.service.left()
  running.probes.waits.clear()
  // Both went by the processor, which was kept, and so by the new exporter.
  assert.equal(running.book('processor/probe').in, 7)
  assert.equal(running.book('receiver/probe').out, 7)
  assert.deepEqual(running.book('exporter/probe').used, { sent: 7 })
})

test('counters go on: a successor in the same books, the books of the gone in the sum', async () => {
  const running = await Running.start(yaml())
  running.probes.give('probe', flows(4))
  await running.reload(yaml({ exporter: 'value: 1' }))
  await running.service.left()
  running.probes.give('probe', flows(1))
  assert.deepEqual(running.book('exporter/probe').used, { sent: 5 })
  await running.reload(yaml({ exporters: 'probe/2' }))
  await running.service.left()
  running.probes.give('probe', flows(8))
  assert.deepEqual(running.book('exporter/probe').used, { sent: 5 })
  await running.reload(yaml())
  running.probes.give('probe', flows(1))
  assert.deepEqual(running.book('exporter/probe').used, { sent: 6 })
  await running.service.shutdown()
  const { components, lost } = running.lines.at(-1) as {
    components: Record<string, { used?: object }>
    lost: number
  }
  assert.equal(lost, 0)
  assert.deepEqual(components['exporter/probe']?.used, { sent: 6 })
  assert.deepEqual(components['exporter/probe/2']?.used, { sent: 8 })
})

test('the view shows the configuration that runs', async () => {
  const running = await Running.start(yaml())
  const { view } = running.service
  const ids = () => view.components().map(({ kind, id }) => `${kind}/${id}`)
  const names = ['extension/probe', 'exporter/probe', 'processor/probe', 'receiver/probe']
  assert.deepEqual(ids(), names)
  assert.ok(view.components().every(({ status }) => status().status === 'ok'))
  await running.reload(yaml({ exporters: 'probe/2' }))
  assert.deepEqual(ids(), names.toSpliced(1, 1, 'exporter/probe/2'))
  assert.deepEqual(view.pipelines()[0]?.exporters, ['probe/2'])
  assert.equal(view.state, 'ready')
})

test('reloads asked for at once run one after another', async () => {
  const running = await Running.start(yaml())
  await Promise.all([1, 2, 3].map((value) => running.reload(yaml({ exporter: `value: ${value}` }))))
  await running.service.left()
  const steps = ['create exporter/probe', 'start exporter/probe', 'shutdown exporter/probe']
  assert.deepEqual(running.probes.steps, [...steps, ...steps, ...steps])
})

test('a shutdown ends what a reload has left, and a reload that has not swapped yet', async () => {
  const running = await Running.start(yaml())
  const gate = Promise.withResolvers<void>()
  running.probes.waits.set('start exporter/probe', () => gate.promise)
  const reload = assert.rejects(
    running.reload(yaml({ exporter: 'value: 1' })),
    /^Error: the service is shutting down$/,
  )
  while (!running.probes.steps.includes('start exporter/probe')) await new Promise(setImmediate)
  const shutdown = running.service.shutdown()
  gate.resolve()
  await reload
  assert.equal(await shutdown, true)
  const ends = running.probes.steps.filter((step) => step === 'shutdown exporter/probe')
  assert.equal(ends.length, 2)
  await assert.rejects(running.reload(yaml()), /the service is shutting down/)
})

test('the last line says why what was lost was lost, of all that ever ran', async () => {
  const running = await Running.start(yaml({ exporters: 'probe, probe/2' }))
  running.probes.answers.set('probe/2', () => permanent('too large'))
  running.probes.give('probe', flows(4))
  await running.reload(yaml())
  running.service.nodes.find(({ kind }) => kind === 'exporter')?.ledger.lost('disk_full', 2)
  await running.service.shutdown()
  const last = running.lines.at(-1)
  assert.equal(last?.msg, 'Shutdown complete')
  assert.equal(last?.lost, 6)
  assert.deepEqual(last?.lost_by_reason, { refused: 4, disk_full: 2 })
})
