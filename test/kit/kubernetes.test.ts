import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { get } from 'node:https'
import { after, before, describe, test } from 'node:test'
import { KubeConfig } from '@kubernetes/client-node'
import { skipWithoutGo } from './backends.ts'
import { type Kubernetes, startKubernetes } from './kubernetes.ts'
import type { KubernetesError } from './kubernetes_api.ts'
import * as objects from './kubernetes_objects.ts'
import { waitFor } from './processes.ts'

type List = { readonly items: readonly objects.KubernetesObject[] }

const skip = await skipWithoutGo()
const READABLE = [
  '/api/v1/pods',
  '/api/v1/services',
  '/api/v1/nodes',
  '/api/v1/namespaces',
  '/apis/apps/v1/replicasets',
  '/apis/discovery.k8s.io/v1/endpointslices',
]

describe('a Kubernetes control plane', { skip }, () => {
  let cluster: Kubernetes
  before(async () => {
    cluster = await startKubernetes()
  })
  after(() => cluster?.stop())

  const asFlowspan = <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const { token } = cluster.flowspan
    return cluster.request<T>(method, path, body === undefined ? { token } : { token, body })
  }

  test('what flowspan reads is created, and listed with its token', async () => {
    const namespace = 'shop'
    await objects.createNamespace(cluster, { name: namespace, labels: { team: 'a' } })
    await objects.createNode(cluster, { name: 'node-1', addresses: ['192.0.2.1'], zone: 'zone-a' })
    const deployment = await objects.createDeployment(cluster, { name: 'api', namespace })
    const replicaSet = await objects.createReplicaSet(cluster, {
      name: 'api-1',
      namespace,
      owner: deployment,
    })
    const pod = await objects.createPod(cluster, {
      name: 'api-1-x',
      namespace,
      nodeName: 'node-1',
      owner: replicaSet,
      podIPs: ['10.1.0.9', 'fd00:1::9'],
      hostIP: '192.0.2.1',
    })
    const service = await objects.createService(cluster, {
      name: 'api',
      namespace,
      clusterIPs: ['10.96.7.1', 'fd00:10:96::701'],
      ports: [{ port: 80, targetPort: 9000 }],
      selector: { app: 'api' },
    })
    await objects.createEndpointSlice(cluster, {
      name: 'api-ipv6',
      namespace,
      service: 'api',
      endpoints: [{ address: 'fd00:1::9', pod, nodeName: 'node-1' }],
      ports: [{ port: 9000 }],
    })
    assert.deepEqual(service.spec.clusterIPs, ['10.96.7.1', 'fd00:10:96::701'])
    const names: string[] = []
    for (const path of READABLE) {
      const { items } = await asFlowspan<List>('GET', path)
      names.push(...items.map(({ metadata }) => metadata.name))
    }
    for (const name of ['shop', 'node-1', 'api-1', 'api-1-x', 'api', 'api-ipv6']) {
      assert.ok(names.includes(name), `${name} is not among ${names}`)
    }
    assert.equal(pod.metadata.ownerReferences?.[0]?.uid, replicaSet.metadata.uid)
    assert.equal(replicaSet.metadata.ownerReferences?.[0]?.name, 'api')
  })

  test("a pod's addresses are set through its status", async () => {
    const pod = await objects.createPod(cluster, { name: 'late' })
    assert.equal(pod.status.phase, 'Pending')
    assert.equal(pod.status.podIP, undefined)
    const podIPs = ['10.1.0.10', 'fd00:1::10']
    await objects.setPodStatus(cluster, pod, { podIPs })
    const { status } = await objects.getObject(cluster, pod)
    assert.equal(status.phase, 'Running')
    assert.equal(status.podIP, '10.1.0.10')
    assert.deepEqual(status.podIPs, [{ ip: '10.1.0.10' }, { ip: 'fd00:1::10' }])
    assert.ok(status.startTime)
    const done = await objects.setPodStatus(cluster, pod, { phase: 'Succeeded' })
    assert.equal(done.status.podIP, '10.1.0.10')
  })

  test('objects are changed and deleted', async () => {
    const pod = await objects.createPod(cluster, { name: 'short', labels: { a: '1', b: '2' } })
    const labels = { a: '3', b: null }
    const changed = await objects.patchObject(cluster, pod, { metadata: { labels } })
    assert.deepEqual(changed.metadata.labels, { a: '3' })
    assert.notEqual(changed.metadata.resourceVersion, pod.metadata.resourceVersion)
    await objects.deleteObject(cluster, pod)
    await assert.rejects(objects.getObject(cluster, pod), { status: 404, reason: 'NotFound' })
  })

  test('a pod with a node and some grace stays until it is deleted again', async () => {
    const pod = await objects.createPod(cluster, { name: 'slow', nodeName: 'node-1' })
    await objects.deleteObject(cluster, pod, { graceSeconds: 30 })
    assert.ok((await objects.getObject(cluster, pod)).metadata.deletionTimestamp)
    await objects.deleteObject(cluster, pod)
    await assert.rejects(objects.getObject(cluster, pod), { status: 404 })
  })

  test('flowspan may write nothing, and read nothing else', async () => {
    const forbidden = { status: 403, reason: 'Forbidden' } satisfies Partial<KubernetesError>
    const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'mine' } }
    await assert.rejects(asFlowspan('POST', '/api/v1/namespaces', namespace), forbidden)
    await assert.rejects(asFlowspan('DELETE', '/api/v1/namespaces/shop'), forbidden)
    await assert.rejects(asFlowspan('GET', '/api/v1/secrets'), forbidden)
    await assert.rejects(asFlowspan('GET', '/apis/apps/v1/deployments'), forbidden)
    const nobody = cluster.request('GET', '/api/v1/pods', { token: 'wrong' })
    await assert.rejects(nobody, { status: 401, reason: 'Unauthorized' })
  })

  test('a watch sees a new object, and breaks when the API server ends', async () => {
    const { url, ca, flowspan } = cluster
    let text = ''
    let broken = false
    const headers = { authorization: `Bearer ${flowspan.token}` }
    get(`${url}/api/v1/pods?watch=1`, { ca, headers }, (response) => {
      response.setEncoding('utf8').on('data', (part) => {
        text += part
      })
      response.on('close', () => {
        broken = true
      })
      response.on('error', () => undefined)
    })
    const watched = await objects.createPod(cluster, { name: 'watched' })
    await waitFor('The event', () => text.includes(watched.metadata.uid))
    assert.equal(broken, false)
    await cluster.stopApiServer()
    await waitFor('The end of the watch', () => broken)
    await cluster.startApiServer()
    const again = await objects.getObject(cluster, watched)
    assert.equal(again.metadata.uid, watched.metadata.uid)
  })

  test('its kubeconfigs are read by the Kubernetes client', () => {
    const config = new KubeConfig()
    config.loadFromFile(cluster.flowspan.kubeconfigPath)
    assert.equal(config.getCurrentCluster()?.server, cluster.url)
    assert.equal(config.getCurrentUser()?.token, cluster.flowspan.token)
    assert.equal(readFileSync(config.getCurrentCluster()?.caFile as string, 'utf8'), cluster.ca)
  })
})

test('a control plane ends, twice without harm', { skip }, async () => {
  const cluster = await startKubernetes({ rules: [] })
  const { token } = cluster.flowspan
  await assert.rejects(cluster.request('GET', '/api/v1/pods', { token }), { status: 403 })
  await cluster.stop()
  await cluster.stop()
  await assert.rejects(cluster.request('GET', '/readyz'), { code: 'ECONNREFUSED' })
})

test('a control plane that cannot start says why', { skip }, async () => {
  const started = startKubernetes({ apiServerArgs: ['--no-such-flag'] })
  await assert.rejects(started, /kube-apiserver ended before it .*unknown flag: --no-such-flag/s)
})
