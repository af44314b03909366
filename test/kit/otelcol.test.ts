import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { encode } from '../proto/otlp.ts'
import { skipWithoutGo } from './backends.ts'
import { startKubernetes } from './kubernetes.ts'
import { createDeployment, createPod, createReplicaSet } from './kubernetes_objects.ts'
import { type Collector, startCollector } from './otelcol.ts'
import { exportOtlp } from './otlp_client.ts'

const skip = await skipWithoutGo()
const NOW = String(BigInt(Date.now()) * 1_000_000n)

function metrics(name: string) {
  const dataPoints = [{ timeUnixNano: NOW, asInt: 7 }]
  const sum = { dataPoints, isMonotonic: true, aggregationTemporality: 2 }
  return encode('metrics', { resourceMetrics: [{ scopeMetrics: [{ metrics: [{ name, sum }] }] }] })
}

function logs(resource: Record<string, string>) {
  const attributes = Object.entries(resource).map(([key, value]) => ({
    key,
    value: { stringValue: value },
  }))
  const logRecords = [{ timeUnixNano: NOW, body: { stringValue: 'hello' } }]
  return encode('logs', {
    resourceLogs: [{ resource: { attributes }, scopeLogs: [{ logRecords }] }],
  })
}

function traces() {
  const span = { traceId: Buffer.alloc(16, 1), spanId: Buffer.alloc(8, 2), name: 'GET' }
  return encode('traces', { resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] })
}

describe('a Collector', { skip }, () => {
  let collector: Collector
  before(async () => {
    collector = await startCollector()
  })
  after(() => collector?.stop())

  test('writes the metrics that it takes over gRPC', async () => {
    assert.deepEqual(collector.metrics(), [])
    await exportOtlp(collector.otlpGrpc, metrics('tcp.bytes'))
    await exportOtlp(collector.otlpGrpc, metrics('tcp.rtt'))
    const requests = await collector.waitFor('metrics', ({ length }) => length === 2)
    const found = requests.map((request) => request.resourceMetrics[0].scopeMetrics[0].metrics[0])
    assert.deepEqual(
      found.map(({ name }) => name),
      ['tcp.bytes', 'tcp.rtt'],
    )
    assert.equal(found[0].sum.dataPoints[0].asInt, '7')
    assert.deepEqual(collector.metrics(), requests)
  })

  test('keeps the signals apart', async () => {
    await exportOtlp(collector.otlpGrpc, traces())
    await exportOtlp(collector.otlpGrpc, logs({}))
    const [trace] = await collector.waitFor('traces', ({ length }) => length === 1)
    const [log] = await collector.waitFor('logs', ({ length }) => length === 1)
    assert.equal(trace.resourceSpans[0].scopeSpans[0].spans[0].traceId, '01'.repeat(16))
    assert.equal(log.resourceLogs[0].scopeLogs[0].logRecords[0].body.stringValue, 'hello')
  })

  test('takes OTLP over HTTP', async () => {
    const before = collector.metrics().length
    const response = await fetch(`${collector.otlpHttp}/v1/metrics`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-protobuf' },
      body: Buffer.from(metrics('over.http').bytes),
    })
    assert.equal(response.status, 200)
    await collector.waitFor('metrics', ({ length }) => length === before + 1)
  })
})

test('a Collector batches, debugs, and ends', { skip }, async () => {
  const collector = await startCollector({
    processors: { batch: { timeout: '200ms' } },
    exporters: { debug: { verbosity: 'detailed' } },
  })
  for (const name of ['a', 'b', 'c']) await exportOtlp(collector.otlpGrpc, metrics(name))
  const requests = await collector.waitFor('metrics', ({ length }) => length > 0)
  assert.equal(requests[0].resourceMetrics.length, 3)
  assert.match(collector.log, /Name: b/)
  await collector.stop()
  await collector.stop()
  assert.deepEqual(collector.metrics(), [])
})

test('a Collector with options it does not know says so', { skip }, async () => {
  const started = startCollector({ processors: { batch: { no_such_option: 1 } } })
  await assert.rejects(started, /otelcol ended before it .*no_such_option/s)
})

test('a Collector joins pods with the token that flowspan has', { skip }, async (t) => {
  const cluster = await startKubernetes()
  t.after(() => cluster.stop())
  const deployment = await createDeployment(cluster, { name: 'api' })
  const replicaSet = await createReplicaSet(cluster, { name: 'api-5d6f', owner: deployment })
  await createPod(cluster, { name: 'api-5d6f-x', owner: replicaSet, podIPs: ['10.1.0.9'] })
  const collector = await startCollector({
    env: { KUBECONFIG: cluster.flowspan.kubeconfigPath },
    processors: {
      k8s_attributes: {
        auth_type: 'kubeConfig',
        wait_for_metadata: true,
        // Asked for the uid too it reads ReplicaSets; else it guesses the name from a pod's label.
        extract: { metadata: ['k8s.pod.name', 'k8s.deployment.name', 'k8s.deployment.uid'] },
        pod_association: [{ sources: [{ from: 'resource_attribute', name: 'k8s.pod.ip' }] }],
      },
    },
  })
  t.after(() => collector.stop())
  await exportOtlp(collector.otlpGrpc, logs({ 'k8s.pod.ip': '10.1.0.9' }))
  const [request] = await collector.waitFor('logs', ({ length }) => length === 1)
  const { attributes } = request.resourceLogs[0].resource
  const found = Object.fromEntries(
    attributes.map(({ key, value }: { key: string; value: object }) => [key, value]),
  )
  assert.deepEqual(found, {
    'k8s.pod.ip': { stringValue: '10.1.0.9' },
    'k8s.pod.name': { stringValue: 'api-5d6f-x' },
    'k8s.deployment.name': { stringValue: 'api' },
    'k8s.deployment.uid': { stringValue: deployment.metadata.uid },
  })
})
