import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import type { FlowBatch } from '../../../pipeline/flows/batch.ts'
import { Cluster } from '../../../processors/k8s_attributes/cluster.ts'
import { Join } from '../../../processors/k8s_attributes/join.ts'
import { batchOf, pod, type Row, service, side, slice, T0 } from './rows.ts'

const WEB = '10.1.0.7'
const API = '10.1.1.8'
const API_IP = '10.96.0.5'
const NODE = '192.168.0.1'
let now: number
let cluster: Cluster
let join: Join

beforeEach(() => {
  now = T0 + 60_000
  cluster = new Cluster({
    podDeleteGraceMs: 120_000,
    wellKnownLabels: false,
    now: () => now,
  })
  cluster.upsertNode({
    uid: 'uid-n',
    name: 'worker-1',
    zone: 'eu-1a',
    addresses: [NODE, 'fd99::1'],
  })
  cluster.upsertPod(pod('web', '', { addresses: [WEB, 'fd00::7'] }))
  cluster.upsertPod(pod('api', '', { addresses: [API, 'fd00::8'] }))
  cluster.upsertService(service('api-svc', API_IP, [80]))
  cluster.upsertService(service('api-v6', 'fd01::5', [80]))
  cluster.upsertSlice(slice('api-svc', ['uid-api']))
  cluster.upsertSlice(slice('api-v6', ['uid-api']))
  cluster.upsertSlice(slice('api-alias', ['uid-api']))
  join = new Join({ cluster, connectionsMax: 1024 })
})

function joined(...rows: readonly Row[]): FlowBatch {
  const batch = batchOf(...rows)
  join.learn(batch)
  join.join(batch)
  return batch
}

test('both rows of one connection through a ClusterIP and a masquerade name both pods', () => {
  const batch = joined(
    { role: 'client', src: WEB, dst: API_IP, flow: 1, comm: 'curl' },
    { role: 'server', src: NODE, dst: API, dstPort: 8080, flow: 1, comm: 'nginx' },
  )
  for (const row of [0, 1]) {
    assert.deepEqual(side(batch, row, 'src'), {
      service_name: 'web',
      k8s_namespace: 'shop',
      k8s_pod: 'web',
      k8s_pod_uid: 'uid-web',
      k8s_node: 'worker-1',
      zone: 'eu-1a',
    })
    const dst = side(batch, row, 'dst')
    assert.equal(dst.k8s_pod, 'api')
    assert.equal(dst.k8s_service, 'api-svc', 'the Service that was dialled, not the first one')
  }
  assert.deepEqual(join.takeMisses(), {
    local_unknown: 0,
    peer_unknown: 0,
    peer_address_unknown: 0,
  })
})

test('an exchange row is joined with what an earlier batch’s connection rows told', () => {
  joined({ role: 'client', src: WEB, dst: API_IP, flow: 1 })
  joined({ role: 'server', src: NODE, dst: API, dstPort: 8080, flow: 1 })
  const batch = joined(
    { role: 'client', src: WEB, dst: API_IP, flow: 1, kind: 'exchange' },
    { role: 'server', src: NODE, dst: API, dstPort: 8080, flow: 1, kind: 'exchange' },
  )
  assert.equal(side(batch, 0, 'dst').k8s_pod, 'api')
  assert.equal(side(batch, 1, 'src').k8s_pod, 'web')
})

test('without the partner a ClusterIP is its Service, and no pod', () => {
  const batch = joined({ role: 'client', src: WEB, dst: API_IP, flow: 1 })
  assert.deepEqual(side(batch, 0, 'dst'), {
    service_name: 'api',
    k8s_namespace: 'shop',
    k8s_service: 'api-svc',
  })
})

test('without the partner a masqueraded client is the node', () => {
  const batch = joined({ role: 'server', src: NODE, dst: API, flow: 1 })
  assert.deepEqual(side(batch, 0, 'src'), { k8s_node: 'worker-1', zone: 'eu-1a' })
  assert.equal(side(batch, 0, 'dst').k8s_service, 'api-alias', 'alphabetically first')
})

test('an id that is not of a pair of ISNs is not taken for a partner’s', () => {
  const batch = batchOf(
    { role: 'client', src: WEB, dst: API_IP, flow: 1 },
    { role: 'server', src: NODE, dst: API, flow: 1 },
  )
  batch.base.flow_id_local[0] = 1
  join.learn(batch)
  join.join(batch)
  assert.equal(side(batch, 0, 'dst').k8s_pod, undefined)
  assert.equal(side(batch, 1, 'src').k8s_pod, undefined)
})

test('pods are found by IPv6 as well', () => {
  const batch = joined(
    { role: 'client', src: 'fd00::7', dst: 'fd01::5', flow: 1 },
    { role: 'server', src: 'fd99::1', dst: 'fd00::8', flow: 1 },
  )
  assert.equal(side(batch, 0, 'dst').k8s_pod, 'api')
  assert.equal(side(batch, 0, 'dst').k8s_service, 'api-v6')
  assert.equal(side(batch, 1, 'src').k8s_pod, 'web')
})

test('a connection over loopback belongs to the pod whose network namespace it is in', () => {
  const batch = joined(
    { role: 'client', src: '127.0.0.1', dst: '127.0.0.1', flow: 2, netns: 77, comm: 'envoy' },
    { role: 'server', src: '127.0.0.1', dst: '127.0.0.1', flow: 2, netns: 77, comm: 'app' },
    { role: 'client', src: WEB, dst: API, flow: 3, netns: 77 },
    { role: 'client', src: '::1', dst: '::1', flow: 4, netns: 78, comm: 'other' },
  )
  for (const row of [0, 1]) {
    assert.equal(side(batch, row, 'src').k8s_pod, 'web')
    assert.equal(side(batch, row, 'dst').k8s_pod, 'web')
  }
  assert.deepEqual(side(batch, 3, 'src'), { service_name: 'other' })
})

test('a network namespace outlives no pod', () => {
  joined({ role: 'client', src: WEB, dst: API, flow: 3, netns: 77 })
  now = T0 + 70_000
  cluster.removePod('uid-web')
  const loopback = { role: 'client', src: '127.0.0.1', dst: '127.0.0.1', netns: 77 } as const
  const before = joined({ ...loopback, startMs: T0 + 65_000 })
  assert.equal(side(before, 0, 'src').k8s_pod, 'web')
  const after = joined({ ...loopback, startMs: T0 + 75_000, comm: 'x' })
  assert.deepEqual(side(after, 0, 'src'), { service_name: 'x' })
})

test('a namespace that speaks with several pods’ addresses is a proxy’s, and nobody’s', () => {
  const batch = joined(
    { role: 'client', src: WEB, dst: API, flow: 3, netns: 1 },
    { role: 'client', src: API, dst: WEB, flow: 4, netns: 1 },
    { role: 'client', src: '127.0.0.1', dst: '127.0.0.1', netns: 1, comm: 'envoy' },
  )
  assert.deepEqual(side(batch, 2, 'src'), { service_name: 'envoy' })
})

test('a process on the host network has its node and its own name', () => {
  const batch = joined(
    { role: 'client', src: NODE, dst: API, flow: 5, netns: 1, comm: 'kubelet' },
    { role: 'server', src: NODE, dst: API, flow: 5, netns: 2, comm: 'nginx' },
    { role: 'client', src: '127.0.0.1', dst: '127.0.0.1', netns: 1, comm: 'etcdctl' },
    { role: 'client', src: '10.1.0.1', dst: API, netns: 1, comm: 'kubelet' },
  )
  const kubelet = { service_name: 'kubelet', k8s_node: 'worker-1', zone: 'eu-1a' }
  assert.deepEqual(side(batch, 0, 'src'), kubelet)
  assert.deepEqual(side(batch, 1, 'src'), kubelet, 'named by the other end’s process')
  assert.deepEqual(side(batch, 2, 'src'), { ...kubelet, service_name: 'etcdctl' })
  assert.deepEqual(side(batch, 3, 'src'), kubelet, 'the bridge’s address, in the same namespace')
})

test('a reused IP is attributed by the row’s start', () => {
  now = T0 + 90_000
  cluster.removePod('uid-web')
  cluster.upsertPod(pod('job', WEB, { startMs: T0 + 95_000 }))
  const batch = joined(
    { role: 'client', src: WEB, dst: API, startMs: T0 + 60_000 },
    { role: 'client', src: WEB, dst: API, startMs: T0 + 96_000 },
    { role: 'server', src: WEB, dst: API, startMs: T0 + 60_000 },
  )
  assert.equal(side(batch, 0, 'src').k8s_pod, 'web')
  assert.equal(side(batch, 1, 'src').k8s_pod, 'job')
  assert.equal(side(batch, 2, 'src').k8s_pod, 'web')
})

test('without a cluster both ends are named by their processes', () => {
  join = new Join({ cluster: undefined, connectionsMax: 16 })
  const batch = joined(
    { role: 'client', src: '10.0.0.1', dst: '10.0.0.2', flow: 1, comm: 'curl' },
    { role: 'server', src: '10.0.0.1', dst: '10.0.0.2', flow: 1, comm: '' },
    { role: 'server', src: '10.0.0.1', dst: '10.0.0.2', flow: 1, comm: 'nginx', kind: 'exchange' },
    { role: 'client', src: '10.0.0.1', dst: '203.0.113.1', flow: 2, comm: 'curl' },
  )
  for (const row of [0, 1, 2]) {
    assert.deepEqual(side(batch, row, 'src'), { service_name: 'curl' })
    assert.deepEqual(side(batch, row, 'dst'), { service_name: 'nginx' })
  }
  assert.deepEqual(side(batch, 3, 'dst'), {}, 'nothing is known of it')
})

test('misses are counted by reason', () => {
  joined(
    { role: 'client', src: '172.16.0.1', dst: '203.0.113.1', flow: 1 },
    { role: 'client', src: WEB, dst: '172.16.0.2', flow: 2 },
    { role: 'server', src: WEB, dst: '172.16.0.2', flow: 2 },
  )
  assert.deepEqual(join.takeMisses(), {
    local_unknown: 2,
    peer_unknown: 1,
    peer_address_unknown: 1,
  })
  assert.deepEqual(join.takeMisses(), {
    local_unknown: 0,
    peer_unknown: 0,
    peer_address_unknown: 0,
  })
})

test('a batch that is joined twice, after a refusal, is as if joined once', () => {
  const rows = [
    { role: 'client', src: WEB, dst: '172.16.0.2', flow: 2 },
    { role: 'client', src: '172.16.0.9', dst: API_IP, flow: 3, comm: 'x' },
  ] as const
  const batch = joined(...rows)
  const first = [0, 1].map((r) => [side(batch, r, 'src'), side(batch, r, 'dst')])
  join.learn(batch)
  join.join(batch)
  assert.deepEqual(
    [0, 1].map((r) => [side(batch, r, 'src'), side(batch, r, 'dst')]),
    first,
  )
})
