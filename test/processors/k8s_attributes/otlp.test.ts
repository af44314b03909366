/** Traces, metrics and logs, as the graph makes the component, against a real kube-apiserver. */
import assert from 'node:assert/strict'
import { after, before, type TestContext, test } from 'node:test'
import { pino } from 'pino'
import type { Processor, ProcessorFactory } from '../../../pipeline/component.ts'
import { Ledger } from '../../../pipeline/ledger.ts'
import type { Client, OtlpBatch } from '../../../pipeline/otlp/batch.ts'
import { OK } from '../../../pipeline/outcome.ts'
import { k8sAttributes } from '../../../processors/k8s_attributes/index.ts'
import { skipWithoutGo } from '../../kit/backends.ts'
import { type Kubernetes, startKubernetes } from '../../kit/kubernetes.ts'
import {
  createDeployment,
  createNamespace,
  createNode,
  createPod,
  createReplicaSet,
  deleteObject,
} from '../../kit/kubernetes_objects.ts'
import { waitFor } from '../../kit/processes.ts'
import { hostOf, settingsOf } from '../../pipeline/surroundings.ts'
import { decode, encode } from '../../proto/otlp.ts'

const skip = await skipWithoutGo()
const factory: ProcessorFactory = k8sAttributes
let kubernetes: Kubernetes
let uid = ''
let deploymentUid = ''

before(async () => {
  if (skip) return
  kubernetes = await startKubernetes()
  await createNode(kubernetes, { name: 'n1', labels: { 'topology.kubernetes.io/region': 'eu' } })
  await createNamespace(kubernetes, { name: 'shop', labels: { team: 'orders' } })
  const deployment = await createDeployment(kubernetes, { name: 'web', namespace: 'shop' })
  deploymentUid = deployment.metadata.uid
  const head = { name: 'web-5d9c', namespace: 'shop', owner: deployment }
  const pod = await createPod(kubernetes, {
    name: 'web-5d9c-abcde',
    namespace: 'shop',
    nodeName: 'n1',
    podIPs: ['10.7.1.1'],
    labels: { app: 'web', 'app.kubernetes.io/version': '1.2', tier: 'front' },
    annotations: { 'resource.opentelemetry.io/deployment.environment.name': 'prod' },
    owner: await createReplicaSet(kubernetes, head),
    startTime: '2026-01-02T03:04:05Z',
  })
  uid = pod.metadata.uid
})

after(() => kubernetes?.stop())

type Resource = Record<string, string>
const signals = ['traces', 'metrics', 'logs'] as const
const NAMES = { traces: 'resourceSpans', metrics: 'resourceMetrics', logs: 'resourceLogs' }

async function make(t: TestContext, section: object, signal: OtlpBatch['signal'] = 'traces') {
  const logger = pino({ level: 'silent' })
  const ledger = new Ledger(logger)
  const taken: OtlpBatch[] = []
  const next = {
    mutates: false,
    consume(batch: OtlpBatch) {
      taken.push(batch)
      return OK
    },
  }
  const config = factory.schema.parse({
    kube_config_path: kubernetes.flowspan.kubeconfigPath,
    wait_for_metadata: true,
    ...section,
  })
  assert.deepEqual(factory.validate?.(config) ?? [], [])
  const create = factory.create[signal]
  const settings = settingsOf({ id: 'k8s_attributes', logger, ledger })
  const processor = (await create?.(settings, config, next)) as Processor<typeof signal>
  t.after(() => processor.shutdown?.())
  await processor.start?.(hostOf())
  const send = async (resource: Resource, client?: Client): Promise<Resource> => {
    const attributes = Object.entries(resource).map(([key, stringValue]) => ({
      key,
      value: { stringValue },
    }))
    const batch = encode(signal, { [NAMES[signal]]: [{ resource: { attributes } }] })
    assert.deepEqual(await processor.consume({ ...batch, ...(client && { client }) }), OK)
    const [one] = decode(taken.at(-1) as OtlpBatch)[NAMES[signal]]
    return Object.fromEntries(
      (one.resource?.attributes ?? []).map((a: { key: string; value: { stringValue: string } }) => [
        a.key,
        a.value.stringValue,
      ]),
    )
  }
  return { processor, ledger, taken, send }
}

test('resources of all three signals get the default metadata of their pod', {
  skip,
}, async (t) => {
  for (const signal of signals) {
    const { send } = await make(t, {}, signal)
    assert.deepEqual(await send({ 'k8s.pod.ip': '10.7.1.1' }), {
      'k8s.pod.ip': '10.7.1.1',
      'k8s.namespace.name': 'shop',
      'k8s.pod.name': 'web-5d9c-abcde',
      'k8s.pod.uid': uid,
      'k8s.pod.start_time': '2026-01-02T03:04:05Z',
      'k8s.deployment.name': 'web',
      'k8s.node.name': 'n1',
      'container.image.name': 'example/app',
      'container.image.tag': '1',
    })
  }
})

test('by its connection a resource gets the address, too', { skip }, async (t) => {
  const { send, ledger } = await make(t, { extract: { metadata: ['k8s.pod.name'] } })
  assert.deepEqual(await send({ a: 'b' }, { address: '10.7.1.1' }), {
    a: 'b',
    'k8s.pod.ip': '10.7.1.1',
    'k8s.pod.name': 'web-5d9c-abcde',
  })
  assert.deepEqual(await send({}, { address: '10.7.9.9' }), { 'k8s.pod.ip': '10.7.9.9' })
  assert.deepEqual(await send({}), {})
  assert.deepEqual(Object.fromEntries(ledger.notes), { miss_pod_unknown: 1, miss_no_source: 1 })
})

test('what is there is not overwritten, unless it is empty', { skip }, async (t) => {
  const { send, taken } = await make(t, { extract: { metadata: ['k8s.pod.name', 'k8s.pod.uid'] } })
  const resource = { 'k8s.pod.ip': '10.7.1.1', 'k8s.pod.name': 'mine', 'k8s.pod.uid': '' }
  assert.deepEqual(await send(resource), { ...resource, 'k8s.pod.uid': uid })
  const given = { 'k8s.pod.ip': '10.7.1.1', 'k8s.pod.name': 'mine', 'k8s.pod.uid': 'mine' }
  assert.deepEqual(await send(given), given)
  assert.equal(taken.length, 2)
})

test('labels and annotations of pod, namespace and node become attributes', { skip }, async (t) => {
  const { send } = await make(t, {
    extract: {
      metadata: ['k8s.deployment.uid', 'k8s.replicaset.name', 'service.name', 'service.version'],
      labels: [
        { key: 'app' },
        { tag_name: 'team', key: 'team', from: 'namespace' },
        { tag_name: 'l.$1', key_regex: '(ti).*' },
        { key_regex: 'topology.kubernetes.io/(region|zone)', from: 'node' },
      ],
      otel_annotations: true,
    },
  })
  assert.deepEqual(await send({ 'k8s.pod.ip': '10.7.1.1' }), {
    'k8s.pod.ip': '10.7.1.1',
    'k8s.deployment.uid': deploymentUid,
    'k8s.replicaset.name': 'web-5d9c',
    'service.name': 'web',
    'service.version': '1.2',
    'k8s.pod.labels.app': 'web',
    'l.ti': 'front',
    team: 'orders',
    'k8s.node.labels.topology.kubernetes.io/region': 'eu',
    'deployment.environment.name': 'prod',
  })
  // Without a pod a resource still has its namespace's and its node's.
  assert.deepEqual(await send({ 'k8s.namespace.name': 'shop' }), {
    'k8s.namespace.name': 'shop',
    team: 'orders',
  })
})

test('a pod that is excluded gives nothing', { skip }, async (t) => {
  const { send, ledger } = await make(t, { exclude: { pods: [{ name: '^web-' }] } })
  assert.deepEqual(await send({ 'k8s.pod.ip': '10.7.1.1' }), { 'k8s.pod.ip': '10.7.1.1' })
  assert.equal(ledger.notes.get('miss_pod_excluded'), 1)
})

test('`passthrough` only stamps the address, and asks no API server', async (t) => {
  const config = factory.schema.parse({ passthrough: true })
  const taken: OtlpBatch[] = []
  const next = {
    mutates: false,
    consume(batch: OtlpBatch) {
      taken.push(batch)
      return OK
    },
  }
  const processor = await factory.create.traces?.(settingsOf(), config, next)
  t.after(() => processor?.shutdown?.())
  await processor?.start?.(hostOf())
  const batch = encode('traces', { resourceSpans: [{}] })
  await processor?.consume({ ...batch, client: { address: '10.7.1.1' } })
  const [{ resource }] = decode(taken[0] as OtlpBatch).resourceSpans
  const expected = [{ key: 'k8s.pod.ip', value: { stringValue: '10.7.1.1' } }]
  assert.deepEqual(resource.attributes, expected)
})

test('all pipelines of an id share one watch, until the last one has ended', {
  skip,
}, async (t) => {
  const section = { extract: { metadata: ['k8s.pod.name'] }, connections_max: 17 }
  const first = await make(t, section, 'traces')
  const second = await make(t, section, 'logs')
  await first.processor.shutdown?.()
  await first.processor.shutdown?.()
  const pod = await createPod(kubernetes, { name: 'late', podIPs: ['10.7.1.9'] })
  const named = async () => (await second.send({ ip: '10.7.1.9' }))['k8s.pod.name'] === 'late'
  await waitFor('the late pod', named)
  await deleteObject(kubernetes, pod)
  assert.ok(await named(), 'a deleted pod is still found')
  await second.processor.shutdown?.()
})

test('bytes that are no request are refused for good', { skip }, async (t) => {
  const { processor } = await make(t, {})
  const bytes = Uint8Array.of(10, 9, 1)
  const outcome = await processor.consume({ signal: 'traces', bytes, items: 1 })
  assert.equal(outcome.kind, 'permanent')
})
