import assert from 'node:assert/strict'
import { test } from 'node:test'
import { shutdownLevels } from '../../../pipeline/graph/lifecycle.ts'
import { Probes } from '../probes.ts'

const WIDE = `
receivers: { probe: }
processors: { probe: }
connectors: { joint: }
exporters: { probe/1: , probe/2: , probe/spans: }
service:
  pipelines:
    flows: { receivers: [probe], processors: [probe], exporters: [joint, probe/1, probe/2] }
    traces: { receivers: [joint], exporters: [probe/spans] }`

const never = () => new Promise<void>(() => {})

test('components that give nothing to each other end at once, others after their givers', async () => {
  const graph = await new Probes().build(WIDE)
  const names = graph.levels().map((nodes) => nodes.map(({ kind, id }) => `${kind}/${id}`).sort())
  assert.deepEqual(names, [
    ['receiver/probe'],
    ['processor/probe'],
    ['connector/joint', 'exporter/probe/1', 'exporter/probe/2'],
    ['exporter/probe/spans'],
  ])
})

test('slow ones at the front leave their part of the time to those behind', async () => {
  const graph = await new Probes().build(WIDE)
  const times = new Map<string, number>()
  for (const node of graph.nodes) {
    node.component.shutdown = async (deadline) => {
      const startedMs = performance.now()
      const name = `${node.kind}/${node.id}`
      deadline?.addEventListener('abort', () => times.set(name, performance.now() - startedMs))
      await never()
    }
  }
  const startedMs = performance.now()
  const errors = await graph.shutdown(3000)
  assert.ok(performance.now() - startedMs < 6000)
  assert.equal(errors.length, 6)
  // A quarter each, of which four fifths before the deadline.
  for (const [name, ms] of times) assert.ok(ms > 200, `${name} had ${ms} ms`)
  assert.equal(times.size, 6)
})

test('what quick ones leave is there for the exporters', async () => {
  const graph = await new Probes().build(WIDE)
  const last = graph.nodes.find(({ id }) => id === 'probe/spans')
  assert.ok(last)
  let hadMs = 0
  last.component.shutdown = async (deadline) => {
    const startedMs = performance.now()
    await new Promise((resolve) => deadline?.addEventListener('abort', resolve))
    hadMs = performance.now() - startedMs
  }
  assert.deepEqual(await graph.shutdown(500), [])
  assert.ok(hadMs >= 200, `${hadMs} ms`)
})

test('however many extensions there are, the exporters have most of the time', async () => {
  const { nodes } = await new Probes().build(WIDE)
  const exporter = nodes.find(({ id }) => id === 'probe/spans')
  const other = nodes.find(({ id }) => id === 'probe/1')
  assert.ok(exporter && other)
  let hadMs = 0
  exporter.component.shutdown = async (deadline) => {
    const startedMs = performance.now()
    await new Promise((resolve) => deadline?.addEventListener('abort', resolve))
    hadMs = performance.now() - startedMs
  }
  const extension = { ...other, kind: 'extension' as const }
  const levels = [[exporter], ...Array.from({ length: 4 }, () => [extension])]
  assert.deepEqual(await shutdownLevels(levels, 1000), [])
  assert.ok(hadMs >= 550, `${hadMs} ms`)
})

test('the status follows start and end, and says what went wrong', async () => {
  const probes = new Probes()
  const graph = await probes.build(WIDE)
  const statusOf = (id: string) =>
    graph.nodes.find((node) => node.id === id && node.kind === 'exporter')?.status.event
  assert.equal(statusOf('probe/1')?.status, 'none')
  probes.failing.add('shutdown exporter/probe/1')
  await graph.shutdown(1000)
  assert.equal(statusOf('probe/2')?.status, 'stopped')
  const failed = statusOf('probe/1')
  assert.deepEqual([failed?.status, failed?.reason], ['permanent_error', 'shutdown fails'])
})
