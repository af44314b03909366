/** Who stands at an end, by which evidence, and where nobody is named. */
import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import type { FlowBatch } from '../../../pipeline/flows/batch.ts'
import { TRANSPORT } from '../../../pipeline/flows/schema.ts'
import { Cluster } from '../../../processors/k8s_attributes/cluster.ts'
import { Join } from '../../../processors/k8s_attributes/join.ts'
import { type PodObject, portKey } from '../../../processors/k8s_attributes/objects.ts'
import { batchOf, pod, type Row, resolvedBy, service, side, slice, T0 } from './rows.ts'

const WEB = '10.1.0.7'
const API = '10.1.1.8'
const API_IP = '10.96.0.5'
const NODE = '192.168.0.1'
const NODE_2 = '192.168.0.2'
const FAR = '203.0.113.1'
let now: number
let cluster: Cluster
let join: Join

beforeEach(() => {
  now = T0
  cluster = new Cluster({ podDeleteGraceMs: 120_000, wellKnownLabels: false, now: () => now })
  for (const [name, address] of [
    ['worker-1', NODE],
    ['worker-2', NODE_2],
  ] as const) {
    cluster.upsertNode({ uid: name, name, zone: '', addresses: [address, `fd99::${name.at(-1)}`] })
  }
  cluster.upsertPod(pod('web', WEB))
  cluster.upsertPod(pod('api', API))
  join = new Join({ cluster, connectionsMax: 1024 })
})

function joined(...rows: readonly Row[]): FlowBatch {
  const batch = batchOf(...rows)
  join.learn(batch)
  join.join(batch)
  return batch
}

/** How the server of a client's row is found, and the pod, Service and name that it is given. */
function server(dst: string, more: Partial<Row> = {}): readonly (string | undefined)[] {
  const batch = joined({ role: 'client', src: WEB, dst, ...more })
  const { k8s_pod, k8s_service, k8s_node } = side(batch, 0, 'dst')
  return [resolvedBy(batch, 0)[1], k8s_pod, k8s_service, k8s_node]
}

function onHost(name: string, more: Partial<PodObject> = {}): PodObject {
  return pod(name, NODE, { hostNetwork: true, ...more })
}

const containers = (...names: string[]) =>
  names.map((name) => ({ id: `id-${name}`, name, image: `shop/${name}:1` }))

test('pods on the host’s network are told apart by their cgroups, at either end', () => {
  cluster.upsertPod(onHost('proxy', { containers: containers('main', 'side') }))
  cluster.upsertPod(onHost('agent'))
  const batch = joined(
    { role: 'client', src: NODE, dst: NODE, flow: 1, netns: 1, podUid: 'uid-agent' },
    {
      role: 'server',
      src: NODE,
      dst: NODE,
      flow: 1,
      netns: 1,
      podUid: 'uid-proxy',
      containerId: 'id-side',
    },
    { role: 'client', src: NODE, dst: NODE, flow: 2, netns: 1, unit: 'kubelet.service' },
  )
  for (const row of [0, 1]) {
    assert.equal(side(batch, row, 'src').k8s_pod, 'agent')
    assert.equal(side(batch, row, 'dst').k8s_pod, 'proxy')
    assert.equal(side(batch, row, 'dst').k8s_container, 'side')
    assert.equal(side(batch, row, 'dst').container_image, 'shop/side:1')
  }
  assert.deepEqual(resolvedBy(batch, 0), ['pod_uid', 'partner'])
  assert.deepEqual(resolvedBy(batch, 1), ['partner', 'pod_uid'])
  assert.deepEqual(side(batch, 2, 'src'), { service_name: 'kubelet', k8s_node: 'worker-1' })
  assert.deepEqual(resolvedBy(batch, 2), ['node', 'node'])
})

test('over loopback on the host’s network nobody else is taken for the pod', () => {
  cluster.upsertPod(onHost('proxy'))
  const loopback = { src: '127.0.0.1', dst: '127.0.0.1', netns: 1 } as const
  const batch = joined(
    { role: 'client', ...loopback, podUid: 'uid-proxy' },
    { role: 'client', ...loopback, netns: 2, podUid: 'uid-web', containerId: 'gone' },
  )
  assert.equal(side(batch, 0, 'src').k8s_pod, 'proxy')
  assert.deepEqual(side(batch, 0, 'dst'), { k8s_node: 'worker-1' })
  assert.deepEqual(resolvedBy(batch, 0), ['pod_uid', 'node'])
  assert.equal(side(batch, 1, 'dst').k8s_pod, 'web', 'a pod’s own namespace is its own')
  assert.deepEqual(resolvedBy(batch, 1), ['pod_uid', 'netns'])
})

test('a static pod is found by the uid that its kubelet gave it, a container by its id', () => {
  cluster.upsertPod(onHost('etcd', { staticUid: 'f'.repeat(32) }))
  cluster.upsertPod(onHost('proxy', { containers: containers('main') }))
  const batch = joined(
    { role: 'client', src: NODE, dst: FAR, podUid: 'f'.repeat(32) },
    { role: 'client', src: NODE, dst: FAR, containerId: 'id-main' },
  )
  assert.equal(side(batch, 0, 'src').k8s_pod, 'etcd')
  assert.equal(side(batch, 0, 'src').k8s_pod_uid, 'uid-etcd')
  assert.equal(side(batch, 1, 'src').k8s_container, 'main')
  assert.equal(resolvedBy(batch, 1)[0], 'container_id')
})

test('a pod that the API does not know is not taken for the one that had its address', () => {
  const batch = joined(
    { role: 'client', src: WEB, dst: FAR, podUid: 'uid-new', comm: 'app', netns: 9 },
    { role: 'client', src: NODE, dst: FAR, podUid: 'uid-new', comm: 'app' },
    { role: 'client', src: '127.0.0.1', dst: '127.0.0.1', netns: 9, comm: 'app' },
  )
  assert.deepEqual(side(batch, 0, 'src'), { service_name: 'app' })
  assert.equal(resolvedBy(batch, 0)[0], 'unknown')
  assert.deepEqual(side(batch, 1, 'src'), { service_name: 'app', k8s_node: 'worker-1' })
  assert.equal(side(batch, 2, 'src').k8s_pod, undefined, 'nothing was learned of its namespace')
})

test('a pod that is gone is found by uid and container for the grace period, and no longer', () => {
  cluster.upsertPod(onHost('job', { containers: containers('main') }))
  cluster.removePod('uid-job')
  const row = { role: 'client', src: NODE, dst: FAR, podUid: 'uid-job' } as const
  assert.equal(side(joined(row), 0, 'src').k8s_pod, 'job')
  now += 121_000
  cluster.sweep()
  assert.equal(side(joined(row), 0, 'src').k8s_pod, undefined)
  assert.equal(cluster.index.container('id-main'), undefined)
})

test('a restarted container has its name by either id; a pod’s newest ids are kept', () => {
  const restarted = (id: string) => onHost('p', { containers: [{ id, name: 'main', image: '' }] })
  for (let i = 0; i < 100; i++) cluster.upsertPod(restarted(`id-${i}`))
  const container = (containerId: string) =>
    side(joined({ role: 'client', src: NODE, dst: FAR, podUid: 'uid-p', containerId }), 0, 'src')
  assert.equal(container('id-99').k8s_container, 'main')
  assert.equal(container('id-50').k8s_container, 'main')
  assert.equal(container('id-1').k8s_container, undefined)
  assert.equal(container('id-1').k8s_pod, 'p')
})

test('a server that nobody saw is named by what its address says', () => {
  cluster.upsertService({
    ...service('api', API_IP, [80]),
    addresses: [API_IP, 'fd01::5'],
    externalAddresses: [NODE_2],
    balancerAddresses: ['198.51.100.1'],
    nodePorts: [30_080, portKey(30_053, TRANSPORT.udp)],
  })
  cluster.upsertSlice(slice('api', ['uid-api', 'uid-web']))
  cluster.upsertPod(onHost('ingress', { hostPorts: [{ key: 443, address: '' }] }))
  cluster.upsertPod(pod('dns', '10.1.0.9', { hostPorts: [{ key: 53, address: NODE_2 }] }))
  assert.deepEqual(server(API), ['pod_ip', 'api', 'api', 'worker-1'])
  assert.deepEqual(server(API_IP), ['cluster_ip', undefined, 'api', undefined])
  assert.deepEqual(server('fd01::5'), ['cluster_ip', undefined, 'api', undefined])
  assert.deepEqual(server('198.51.100.1'), ['load_balancer', undefined, 'api', undefined])
  assert.deepEqual(server('198.51.100.1', { dstPort: 22 })[0], 'unknown')
  assert.deepEqual(server(NODE_2), ['external_ip', undefined, 'api', undefined])
  assert.deepEqual(server(NODE_2, { dstPort: 22 }), ['node', undefined, undefined, 'worker-2'])
  assert.deepEqual(server(NODE, { dstPort: 30_080 }), ['node_port', undefined, 'api', undefined])
  assert.deepEqual(server('fd99::2', { dstPort: 30_080 })[0], 'node_port')
  assert.equal(server(NODE, { dstPort: 30_053 })[0], 'node', 'UDP’s port is not TCP’s')
  assert.equal(server(NODE, { dstPort: 30_053, transport: 'udp' })[0], 'node_port')
  assert.deepEqual(server(NODE, { dstPort: 443 }), ['host_port', 'ingress', undefined, 'worker-1'])
  assert.equal(server(NODE_2, { dstPort: 443 })[0], 'node', 'no pod of that node')
  assert.equal(server(NODE, { dstPort: 53 })[0], 'node', 'on the other address alone')
  assert.equal(server(FAR)[0], 'unknown')
})

test('a port of a node that two pods have leads to neither, but to the one that lived then', () => {
  const hostPorts = [{ key: 443, address: '' }]
  cluster.upsertPod(onHost('old', { hostPorts }))
  cluster.upsertPod(onHost('new', { hostPorts, startMs: T0 + 50_000 }))
  const at = (startMs: number) => server(NODE, { dstPort: 443, startMs }).slice(0, 2)
  assert.deepEqual(at(T0 + 40_000), ['host_port', 'old'])
  assert.deepEqual(at(T0 + 60_000), ['node', undefined])
  now = T0 + 55_000
  cluster.removePod('uid-old')
  assert.deepEqual(at(T0 + 60_000), ['host_port', 'new'])
})

test('the only pod behind a Service is named, once that has been so for a while', () => {
  cluster.upsertService(service('api', API_IP, [80]))
  now = T0 + 50_000
  cluster.upsertSlice(slice('api', ['uid-api']))
  const at = (startMs: number, more: Partial<Row> = {}) =>
    server(API_IP, { flow: startMs, startMs, ...more }).slice(0, 3)
  const whole = ['endpoint', 'api', 'api']
  const unsure = ['cluster_ip', undefined, 'api']
  assert.deepEqual(at(T0 + 61_000), whole)
  assert.deepEqual(at(T0 + 55_000), unsure, 'kube-proxy may not have known it')
  assert.deepEqual(at(T0 + 62_000, { kind: 'exchange' }), unsure, 'the connection may be older')
  joined({ role: 'client', src: WEB, dst: API_IP, flow: 7, startMs: T0 + 61_000 })
  const later = { flow: 7, kind: 'exchange', startMs: T0 + 99_000 } as const
  assert.deepEqual(server(API_IP, later).slice(0, 3), whole, 'its connection was seen to begin')
  now = T0 + 90_000
  cluster.upsertSlice(slice('api', ['uid-api']))
  assert.deepEqual(at(T0 + 91_000), whole, 'a new list that says the same changes nothing')
  cluster.upsertSlice(slice('api', ['uid-api', 'uid-web']))
  assert.deepEqual(at(T0 + 120_000), unsure)
})

test('an endpoint that is no pod is its Service, unless it is that of several', () => {
  const database = { others: [FAR], ports: [5432] }
  cluster.upsertSlice({ ...slice('db', []), ...database })
  cluster.upsertService({ ...service('db', '', [5432]), addresses: [] })
  assert.deepEqual(server(FAR, { dstPort: 5432 }).slice(0, 2), ['endpoint', undefined])
  const batch = joined({ role: 'client', src: WEB, dst: FAR, dstPort: 5432 })
  assert.deepEqual(side(batch, 0, 'dst'), {
    service_name: 'db',
    k8s_namespace: 'shop',
    k8s_service: 'db',
  })
  assert.equal(server(FAR, { dstPort: 22 })[0], 'unknown')
  cluster.upsertSlice({ ...slice('db-again', []), ...database })
  assert.equal(server(FAR, { dstPort: 5432 })[0], 'unknown')
  cluster.removeSlice('uid-slice-db-again')
  assert.equal(server(FAR, { dstPort: 5432 })[0], 'endpoint')
  cluster.removeSlice('uid-slice-db')
  assert.equal(server(FAR, { dstPort: 5432 })[0], 'unknown')
})

test('a client behind a masquerade whose own row is out of sight is the node', () => {
  cluster.upsertPod(onHost('proxy', { hostPorts: [{ key: 40_000, address: '' }] }))
  const batch = joined({ role: 'server', src: NODE, dst: API, flow: 1 })
  assert.deepEqual(side(batch, 0, 'src'), { k8s_node: 'worker-1' })
  assert.deepEqual(resolvedBy(batch, 0), ['node', 'pod_ip'])
})

test('a process without a pod is named by its unit, else by its program', () => {
  const name = (more: Partial<Row>) =>
    side(joined({ role: 'client', src: '172.16.0.1', dst: FAR, ...more }), 0, 'src').service_name
  assert.equal(name({ unit: 'shop@2.service', comm: 'java' }), 'shop@2')
  assert.equal(name({ unit: 'session-3.scope', comm: 'curl' }), 'curl')
  assert.equal(name({ unit: 'user@1000.service', comm: 'curl' }), 'curl')
  assert.equal(name({ unit: 'my\\x2dshop.service', comm: 'java' }), 'my-shop')
  const long = { comm: 'prometheus-node', executable: '/usr/bin/prometheus-node-exporter' }
  assert.equal(name(long), 'prometheus-node-exporter')
  assert.equal(name({ comm: 'backup.py', executable: '/usr/bin/python3.11' }), 'backup.py')
  assert.equal(name({ comm: 'node-MainThread', executable: '/usr/bin/node' }), 'node')
})
