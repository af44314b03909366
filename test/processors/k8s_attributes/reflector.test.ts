/** The mirror against a real kube-apiserver on a real etcd. */
import assert from 'node:assert/strict'
import { after, before, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { type Access, ApiClient } from '../../../pipeline/kubernetes/api_client.ts'
import { kubeConfigAccess } from '../../../pipeline/kubernetes/kube_config.ts'
import { Reflector } from '../../../pipeline/kubernetes/reflector.ts'
import { Cluster } from '../../../processors/k8s_attributes/cluster.ts'
import { RESOURCES, sinksOf } from '../../../processors/k8s_attributes/resources.ts'
import { Watch } from '../../../processors/k8s_attributes/watch.ts'
import { skipWithoutGo } from '../../kit/backends.ts'
import { type Kubernetes, startKubernetes } from '../../kit/kubernetes.ts'
import {
  createDeployment,
  createEndpointSlice,
  createNamespace,
  createNode,
  createPod,
  createReplicaSet,
  createService,
  deleteObject,
  patchObject,
  setPodStatus,
} from '../../kit/kubernetes_objects.ts'
import { waitFor } from '../../kit/processes.ts'
import { bytes } from './rows.ts'

const skip = await skipWithoutGo()
const lines: string[] = []
const logger = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) })
let kubernetes: Kubernetes
let access: Access

before(async () => {
  if (skip) return
  kubernetes = await startKubernetes()
  access = await accessBy(kubernetes.flowspan.kubeconfigPath)
})

after(() => kubernetes?.stop())

function accessBy(path: string): Promise<Access> {
  return kubeConfigAccess({ path, context: undefined, env: {}, logger })
}

interface Mirror {
  readonly cluster: Cluster
  readonly watch: Watch
}

/** A mirror that is complete; it stops with the test. */
async function mirror(t: TestContext, node?: string): Promise<Mirror> {
  const cluster = new Cluster({ podDeleteGraceMs: 120_000, wellKnownLabels: false })
  const watch = new Watch({
    access,
    cluster,
    logger,
    userAgent: 'flowspan/test',
    node,
    without: [],
    backoffMinMs: 20,
  })
  t.after(() => watch.stop())
  watch.start()
  await watch.settled(30_000)
  return { cluster, watch }
}

function podAt(cluster: Cluster, ip: string): string | undefined {
  return cluster.pods.at(bytes(ip), 0, Date.now())?.object.name
}

test('all six resources are mirrored, with the documented permissions alone', {
  skip,
}, async (t) => {
  await createNamespace(kubernetes, { name: 'shop' })
  await createNode(kubernetes, { name: 'worker-1', addresses: ['192.168.7.1'], zone: 'eu-1a' })
  const deployment = await createDeployment(kubernetes, { name: 'api', namespace: 'shop' })
  const owned = { namespace: 'shop', owner: deployment }
  const replicaSet = await createReplicaSet(kubernetes, { name: 'api-5d8f', ...owned })
  const pod = await createPod(kubernetes, {
    name: 'api-5d8f-x2x7k',
    namespace: 'shop',
    owner: replicaSet,
    nodeName: 'worker-1',
    podIPs: ['10.7.0.1', 'fd07::1'],
  })
  await createService(kubernetes, {
    name: 'api-svc',
    namespace: 'shop',
    clusterIPs: ['10.96.7.7'],
    ports: [{ port: 80, targetPort: 8080 }],
  })
  await createEndpointSlice(kubernetes, {
    name: 'api-svc-1',
    namespace: 'shop',
    service: 'api-svc',
    endpoints: [{ address: '10.7.0.1', pod }],
    ports: [{ port: 8080 }],
  })
  const { cluster, watch } = await mirror(t)
  const found = cluster.pods.at(bytes('fd07::1'), 0, Date.now())
  assert.ok(found !== undefined)
  assert.deepEqual(cluster.endOfPod(found).names, {
    service_name: 'api',
    k8s_namespace: 'shop',
    k8s_pod: 'api-5d8f-x2x7k',
    k8s_pod_uid: pod.metadata.uid,
    k8s_workload_kind: 'Deployment',
    k8s_workload: 'api',
    k8s_replicaset: 'api-5d8f',
    k8s_node: 'worker-1',
    k8s_service: 'api-svc',
    zone: 'eu-1a',
  })
  assert.equal(cluster.service(bytes('10.96.7.7'), 0, 80)?.service.object.name, 'api-svc')
  assert.equal(cluster.node(bytes('192.168.7.1'), 0)?.object.name, 'worker-1')
  const kubeSystem = await kubernetes.request<{ metadata: { uid: string } }>(
    'GET',
    '/api/v1/namespaces/kube-system',
  )
  assert.equal(cluster.uid, kubeSystem.metadata.uid)
  for (const { resource, synced, counts } of watch.reflectors) {
    assert.ok(synced, resource.name)
    assert.equal(counts.errors, 0, resource.name)
  }
  await watch.stop()
  await watch.stop()
})

test('a pod is followed from creation through its status to its end', { skip }, async (t) => {
  const { cluster } = await mirror(t)
  const pod = await createPod(kubernetes, { name: 'job', nodeName: 'worker-1' })
  await waitFor('the pod', () => cluster.pods.get(pod.metadata.uid))
  assert.equal(podAt(cluster, '10.7.0.2'), undefined)
  await setPodStatus(kubernetes, pod, { podIPs: ['10.7.0.2'] })
  await waitFor('its IP', () => podAt(cluster, '10.7.0.2'))
  await setPodStatus(kubernetes, pod, { phase: 'Succeeded' })
  await waitFor('its end', () => podAt(cluster, '10.7.0.2') === undefined)
  const was = cluster.pods.at(bytes('10.7.0.2'), 0, Date.now() - 1000)
  assert.equal(was?.object.name, 'job', 'still known for rows from before')
  await deleteObject(kubernetes, pod)
  await waitFor('its deletion', () => cluster.pods.get(pod.metadata.uid) === undefined)
})

test('every resource is followed after its list', { skip }, async (t) => {
  const { cluster, watch } = await mirror(t)
  const namespace = await createNamespace(kubernetes, { name: 'later' })
  const head = { namespace: 'later' }
  await createNode(kubernetes, { name: 'worker-9', addresses: ['192.168.7.19'] })
  const deployment = await createDeployment(kubernetes, { name: 'web', ...head })
  const owner = await createReplicaSet(kubernetes, { name: 'web-1', owner: deployment, ...head })
  const pod = await createPod(kubernetes, { name: 'web-1-a', owner, podIPs: ['10.7.0.9'], ...head })
  const clusterIPs = ['10.96.7.9']
  const service = { name: 'web-svc', clusterIPs, ports: [{ port: 80 }], ...head }
  await createService(kubernetes, service)
  const slice = await createEndpointSlice(kubernetes, {
    name: 'web-svc-1',
    service: 'web-svc',
    endpoints: [{ address: '10.7.0.9', pod }],
    ports: [{ port: 80 }],
    ...head,
  })
  const names = () => {
    const found = cluster.pods.get(pod.metadata.uid)
    return found && cluster.endOfPod(found).names
  }
  await waitFor('the owner', () => names()?.k8s_workload_kind === 'Deployment')
  await waitFor('the Service', () => names()?.k8s_service === 'web-svc')
  await waitFor('its address', () => cluster.service(bytes('10.96.7.9'), 0, 80))
  await waitFor('the node', () => cluster.node(bytes('192.168.7.19'), 0))
  await waitFor('the namespace', () =>
    [...cluster.uidsOf('namespaces')].includes(namespace.metadata.uid),
  )
  await deleteObject(kubernetes, slice)
  await waitFor('the end of the slice', () => names()?.k8s_service === '')
  for (const { resource, counts } of watch.reflectors) {
    assert.equal(counts.errors, 0, resource.name)
    assert.equal(counts.lists, 1, resource.name)
  }
})

test('a pod that is deleted without an end ends with the deletion', { skip }, async (t) => {
  const { cluster } = await mirror(t)
  const pod = await createPod(kubernetes, { name: 'killed', podIPs: ['10.7.0.3'] })
  await waitFor('its IP', () => podAt(cluster, '10.7.0.3'))
  await deleteObject(kubernetes, pod)
  await waitFor('its end', () => podAt(cluster, '10.7.0.3') === undefined)
})

test('a node filter leaves other nodes’ pods out', { skip }, async (t) => {
  const here = await createPod(kubernetes, { name: 'here', nodeName: 'worker-1' })
  const there = await createPod(kubernetes, { name: 'there', nodeName: 'worker-2' })
  const { cluster } = await mirror(t, 'worker-1')
  assert.ok(cluster.pods.get(here.metadata.uid) !== undefined)
  assert.equal(cluster.pods.get(there.metadata.uid), undefined)
})

test('a list of several pages is read whole', { skip }, async (t) => {
  const names = Array.from({ length: 1100 }, (_, i) => `page-${i}`)
  for (let i = 0; i < names.length; i += 50) {
    await Promise.all(names.slice(i, i + 50).map((name) => createNamespace(kubernetes, { name })))
  }
  const { cluster } = await mirror(t)
  assert.ok([...cluster.uidsOf('namespaces')].length >= 1100)
})

test('a missing permission is named with its rule, and the rest goes on', { skip }, async (t) => {
  const path = '/apis/rbac.authorization.k8s.io/v1/clusterroles/flowspan'
  const contentType = 'application/json-patch+json'
  const role = await kubernetes.request<{ rules: { resources: string[] }[] }>('GET', path)
  const at = role.rules.findIndex((rule) => rule.resources.includes('replicasets'))
  const rule = role.rules[at]
  const body = [{ op: 'remove', path: `/rules/${at}` }]
  await kubernetes.request('PATCH', path, { body, contentType })
  lines.length = 0
  try {
    const { cluster, watch } = await waitFor('the permission to be gone', async () => {
      const made = await mirror(t)
      return made.watch.reflectors.some((r) => r.forbidden) ? made : undefined
    })
    const warning = lines.find((line) => line.includes('Cannot read replicasets'))
    assert.match(
      warning ?? '',
      /apiGroups: \[\\"apps\\"\], resources: \[\\"replicasets\\"\], verbs: \[\\"get\\", \\"list\\", \\"watch\\"\]/,
    )
    assert.ok(watch.seesPods)
    assert.ok(cluster.pods.size > 0)
    for (const { resource, synced } of watch.reflectors) {
      assert.equal(synced, resource.name !== 'replicasets')
    }
  } finally {
    const restored = [{ op: 'add', path: '/rules/-', value: rule }]
    await kubernetes.request('PATCH', path, { body: restored, contentType })
  }
})

test('a history that is gone is answered with a new list', { skip }, async (t) => {
  const cluster = new Cluster({ podDeleteGraceMs: 1000, wellKnownLabels: false })
  const sink = sinksOf(cluster).namespaces
  // An API server that has restarted knows no history from before, and version 1 is before all.
  await kubernetes.stopApiServer()
  await kubernetes.startApiServer()
  const client = new ApiClient(access, { userAgent: 'flowspan/test' })
  const reflector = new Reflector({
    client: agingClient(client),
    resource: RESOURCES.namespaces,
    sink,
    logger,
    backoffMinMs: 20,
  })
  t.after(async () => {
    await reflector.stop()
    client.close()
  })
  reflector.start()
  await waitFor('a second list', () => (reflector.counts.lists >= 2 ? true : undefined), {
    timeoutMs: 30_000,
  })
  const made = await createNamespace(kubernetes, { name: 'after-relist' })
  await waitFor('an event after it', () =>
    [...cluster.uidsOf('namespaces')].includes(made.metadata.uid) ? true : undefined,
  )
})

/** The real client, whose first watch asks for the oldest history there is: version 1. */
function agingClient(client: ApiClient): ApiClient {
  let watches = 0
  return new Proxy(client, {
    get(target, name) {
      if (name !== 'watch') {
        const value: unknown = Reflect.get(target, name)
        return typeof value === 'function' ? value.bind(target) : value
      }
      return (...[request, onEvent]: Parameters<ApiClient['watch']>) => {
        const path =
          watches++ === 0
            ? request.path.replace(/resourceVersion=\d+/, 'resourceVersion=1')
            : request.path
        return target.watch({ ...request, path }, onEvent)
      }
    },
  })
}

test('a token that is not accepted is an error that is tried again', { skip }, async (t) => {
  lines.length = 0
  const wrong: Access = {
    ...access,
    credentials: async () => ({ headers: { authorization: 'Bearer wrong' } }),
  }
  const cluster = new Cluster({ podDeleteGraceMs: 1000, wellKnownLabels: false })
  const watch = new Watch({
    access: wrong,
    cluster,
    logger,
    userAgent: 'flowspan/test',
    node: undefined,
    without: [],
    backoffMinMs: 20,
  })
  t.after(() => watch.stop())
  watch.start()
  await assert.rejects(
    watch.settled(300),
    /Cannot have the metadata of https:.*wait_for_metadata_timeout/,
  )
  assert.match(lines.join(''), /Unauthorized/)
})

test('the mirror survives a restart of the API server, and sees what happened meanwhile', {
  skip,
}, async (t) => {
  const { cluster, watch } = await mirror(t)
  const gone = await createPod(kubernetes, { name: 'gone', podIPs: ['10.7.0.10'] })
  await waitFor('the pod', () => podAt(cluster, '10.7.0.10'))
  await kubernetes.stopApiServer()
  await waitFor('an error', () => watch.reflectors.every((r) => r.counts.errors > 0))
  await kubernetes.startApiServer()
  await deleteObject(kubernetes, gone)
  await createPod(kubernetes, { name: 'new', podIPs: ['10.7.0.11'] })
  await waitFor('the new pod', () => podAt(cluster, '10.7.0.11'), { timeoutMs: 60_000 })
  await waitFor('the end of the old one', () => podAt(cluster, '10.7.0.10') === undefined)
  await sleep(200)
  const node = await createNode(kubernetes, { name: 'late', addresses: ['192.168.7.9'] })
  await waitFor('every watch', () => cluster.node(bytes('192.168.7.9'), 0), { timeoutMs: 60_000 })
  await patchObject(kubernetes, node, {
    metadata: { labels: { 'topology.kubernetes.io/zone': 'eu-1z' } },
  })
  await waitFor('a change', () => cluster.node(bytes('192.168.7.9'), 0)?.object.zone === 'eu-1z')
})
