import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Probes } from '../probes.ts'

/** Pipelines, each as `name: [receivers] -> [exporters]`. */
function yaml(...pipelines: string[]): string {
  const lines = pipelines.map((text) => {
    const [name, from, to] = text.split(/: | -> /)
    return `    ${name}: { receivers: ${from}, processors: [probe], exporters: ${to} }`
  })
  return `
receivers: { probe: }
processors: { probe: }
connectors: { joint: , joint/2: }
exporters: { probe: }
service:
  pipelines:
${lines.join('\n')}
`.replaceAll(/(traces.*)processors: \[probe\], /g, '$1')
}

async function refused(...pipelines: string[]): Promise<string> {
  const error = await new Probes().build(yaml(...pipelines)).then(
    () => assert.fail('the graph was built'),
    (reason: Error) => reason,
  )
  return error.message
}

test('a connector that nothing feeds is an error', async () => {
  const message = await refused('flows: [probe] -> [probe]', 'traces/out: [joint] -> [probe]')
  assert.match(
    message,
    /^failed to build pipelines: connector "joint" used as receiver in \[traces\/out\] pipeline but not used in any supported exporter pipeline \(test.yaml:4:15\)$/,
  )
})

test('a connector that leads nowhere is an error', async () => {
  const message = await refused('flows/in: [probe] -> [joint]', 'traces: [probe] -> [probe]')
  assert.match(
    message,
    /connector "joint" used as exporter in \[flows\/in\] pipeline but not used in any supported receiver pipeline/,
  )
})

test('a connector between signals that it does not join is an error at both ends', async () => {
  const message = await refused('traces/in: [probe] -> [joint]', 'flows/out: [joint] -> [probe]')
  assert.match(message, /used as exporter in \[traces\/in\] pipeline/)
  assert.match(message, /used as receiver in \[flows\/out\] pipeline/)
})

test('a component that does not carry the signal is named with what it does carry', async () => {
  const message = await refused('flows: [probe] -> [probe]', 'metrics: [probe] -> [probe]')
  assert.match(
    message,
    /failed to build pipelines: failed to create "probe" processor for data type "metrics": telemetry type is not supported \(valid values: \[flows\]\)/,
  )
})

test('a pipeline that feeds itself is a cycle', async () => {
  const message = await refused('flows: [probe, joint] -> [joint, probe]')
  assert.match(
    message,
    /cycle detected: connector "joint" \(flows to flows\) -> processor "probe" in pipeline "flows" -> connector "joint" \(flows to flows\)/,
  )
})

test('a cycle over several pipelines is named from connector to connector', async () => {
  const message = await refused(
    'flows/0: [probe] -> [joint]',
    'flows/1: [joint, joint/2] -> [joint/2, probe]',
  )
  assert.match(
    message,
    /cycle detected: connector "joint\/2" \(flows to flows\) -> processor "probe" in pipeline "flows\/1" -> connector "joint\/2"/,
  )
})

test('one connector may join a pipeline with pipelines of two signals', async () => {
  const graph = await new Probes().build(
    yaml(
      'flows/in: [probe] -> [joint]',
      'flows/out: [joint] -> [probe]',
      'traces/1: [joint] -> [probe]',
      'traces/2: [joint] -> [probe]',
    ),
  )
  const joints = graph.nodes.filter(({ kind }) => kind === 'connector')
  assert.deepEqual(
    joints.map(({ signal, to }) => `${signal} to ${to}`),
    ['flows to flows', 'flows to traces'],
  )
})
