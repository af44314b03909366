import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TRANSPORT } from '../../../pipeline/flows/schema.ts'
import {
  endpointSliceOf,
  nodeOf,
  podOf,
  portKey,
  replicaSetOf,
  serviceOf,
} from '../../../processors/k8s_attributes/objects.ts'

const UID = '7a1c0f0e-1111-4222-8333-444455556666'

function podJson(more: { metadata?: object; spec?: object; status?: object } = {}): unknown {
  return {
    metadata: {
      uid: UID,
      name: 'api-5d8f7c9b4-x2x7k',
      namespace: 'shop',
      creationTimestamp: '2026-01-01T00:00:00Z',
      labels: { app: 'api', 'pod-template-hash': '5d8f7c9b4', 'app.kubernetes.io/name': 'api' },
      ownerReferences: [
        { kind: 'Other', name: 'x', uid: 'x' },
        { kind: 'ReplicaSet', name: 'api-5d8f7c9b4', uid: 'rs', controller: true },
      ],
      ...more.metadata,
    },
    spec: { nodeName: 'worker-1', ...more.spec },
    status: {
      phase: 'Running',
      startTime: '2026-01-01T00:00:02Z',
      podIP: '10.1.0.7',
      podIPs: [{ ip: '10.1.0.7' }, { ip: 'fd00::7' }],
      ...more.status,
    },
  }
}

const FINISHED = { state: { terminated: { finishedAt: '2026-01-01T00:05:00Z' } } }

test('a pod is stripped to what the join needs', () => {
  assert.deepEqual(podOf(podJson()), {
    uid: UID,
    name: 'api-5d8f7c9b4-x2x7k',
    namespace: 'shop',
    node: 'worker-1',
    addresses: ['10.1.0.7', 'fd00::7'],
    hostNetwork: false,
    startMs: Date.UTC(2026, 0, 1, 0, 0, 2),
    ended: false,
    finishedMs: undefined,
    deletionMs: undefined,
    owner: { kind: 'ReplicaSet', name: 'api-5d8f7c9b4', uid: 'rs' },
    templateHash: '5d8f7c9b4',
    staticUid: '',
    containers: [],
    hostPorts: [],
    annotatedName: '',
    labelledName: 'api',
  })
})

test('the label instance stands before the label name', () => {
  const labels = { 'app.kubernetes.io/name': 'n', 'app.kubernetes.io/instance': 'i' }
  assert.equal(podOf(podJson({ metadata: { labels } }))?.labelledName, 'i')
})

test('a pod has ended with its phase, or when all containers have on the way to deletion', () => {
  assert.equal(podOf(podJson({ status: { phase: 'Succeeded' } }))?.ended, true)
  assert.equal(podOf(podJson({ status: { phase: 'Failed' } }))?.ended, true)
  const allEnded = { containerStatuses: [FINISHED, FINISHED] }
  assert.equal(podOf(podJson({ status: allEnded }))?.ended, false, 'they may be started again')
  const metadata = { deletionTimestamp: '2026-01-01T00:06:00Z' }
  const deleted = podOf(podJson({ metadata, status: allEnded }))
  assert.equal(deleted?.ended, true)
  assert.equal(deleted?.finishedMs, Date.UTC(2026, 0, 1, 0, 5, 1), 'the whole second is its own')
  const one = { containerStatuses: [FINISHED, { state: { running: {} } }] }
  assert.equal(podOf(podJson({ metadata, status: one }))?.ended, false)
})

test('a mirror pod is owned by its node, which is no workload', () => {
  const ownerReferences = [{ kind: 'Node', name: 'worker-1', uid: 'n', controller: true }]
  assert.equal(podOf(podJson({ metadata: { ownerReferences } }))?.owner, undefined)
})

test('a mirror pod has the uid by which its kubelet knows it; nobody else can claim one', () => {
  const ownerReferences = [{ kind: 'Node', name: 'worker-1', uid: 'n', controller: true }]
  const annotations = { 'kubernetes.io/config.mirror': 'f'.repeat(32) }
  const mirror = podOf(podJson({ metadata: { ownerReferences, annotations } }))
  assert.equal(mirror?.staticUid, 'f'.repeat(32))
  assert.equal(podOf(podJson({ metadata: { annotations } }))?.staticUid, '')
})

test('a pod has the containers that were started, and the ports of its node', () => {
  const containers = [
    {
      name: 'main',
      image: 'registry:5000/shop/api:1.2',
      ports: [
        { containerPort: 80, hostPort: 8080, hostIP: '0.0.0.0' },
        { containerPort: 53, hostPort: 53, protocol: 'UDP', hostIP: '192.168.0.1' },
        { containerPort: 90 },
        { containerPort: 91, hostPort: 91, protocol: 'SCTP' },
      ],
    },
    { name: 'waits', image: 'x' },
  ]
  const statuses = [
    { name: 'main', containerID: 'containerd://abc' },
    { name: 'waits', containerID: '' },
  ]
  const initContainers = [{ name: 'proxy', image: 'proxy@sha256:1' }]
  const initStatuses = [{ name: 'proxy', containerID: 'cri-o://def' }]
  const status = { containerStatuses: statuses, initContainerStatuses: initStatuses }
  const stripped = podOf(podJson({ spec: { containers, initContainers }, status }))
  assert.deepEqual(stripped?.containers, [
    { id: 'abc', name: 'main', image: 'registry:5000/shop/api:1.2' },
    { id: 'def', name: 'proxy', image: 'proxy@sha256:1' },
  ])
  assert.deepEqual(stripped?.hostPorts, [
    { key: 8080, address: '' },
    { key: portKey(53, TRANSPORT.udp), address: '192.168.0.1' },
  ])
})

test('a service has all its addresses and ports; a headless one has none', () => {
  const metadata = { uid: UID, name: 'api', namespace: 'shop' }
  const stripped = serviceOf({
    metadata,
    spec: {
      clusterIP: '10.96.0.5',
      clusterIPs: ['10.96.0.5', 'fd01::5'],
      externalIPs: ['203.0.113.9'],
      ports: [{ port: 80, nodePort: 30080 }, { port: 443 }, { port: 'x' }, { port: 1e9 }],
    },
    status: { loadBalancer: { ingress: [{ ip: '198.51.100.1' }, { hostname: 'x.example' }] } },
  })
  assert.deepEqual(stripped?.addresses, ['10.96.0.5', 'fd01::5'])
  assert.deepEqual(stripped?.externalAddresses, ['203.0.113.9'])
  assert.deepEqual(stripped?.balancerAddresses, ['198.51.100.1'])
  assert.deepEqual(stripped?.ports, [80, 443])
  assert.deepEqual(stripped?.nodePorts, [30080])
  assert.deepEqual(serviceOf({ metadata, spec: { clusterIP: 'None' } })?.addresses, [])
})

test('an endpoint names its pod by uid, else by name, else by address', () => {
  const labels = { 'kubernetes.io/service-name': 'api' }
  const stripped = endpointSliceOf({
    metadata: { uid: UID, namespace: 'shop', labels },
    endpoints: [
      { addresses: ['10.1.0.7'], targetRef: { kind: 'Pod', name: 'a', uid: 'uid-a' } },
      { addresses: ['10.1.0.8'], targetRef: { kind: 'Pod', name: 'b' } },
      { addresses: ['10.1.0.9'] },
      { addresses: [] },
    ],
  })
  assert.deepEqual(stripped?.pods, ['uid-a', 'shop/b', '10.1.0.9'])
  assert.equal(endpointSliceOf({ metadata: { uid: UID } }), undefined, 'of no Service')
})

test('a node has its zone and its IPs, not its names', () => {
  const stripped = nodeOf({
    metadata: { uid: UID, name: 'w', labels: { 'topology.kubernetes.io/zone': 'eu-1a' } },
    status: {
      addresses: [
        { type: 'InternalIP', address: '192.168.0.1' },
        { type: 'Hostname', address: 'w' },
      ],
    },
  })
  assert.deepEqual(stripped, { uid: UID, name: 'w', zone: 'eu-1a', addresses: ['192.168.0.1'] })
})

test('what has no uid, or is no object, is left out', () => {
  for (const value of [null, undefined, 7, 'x', [], {}, { metadata: null }, { metadata: [] }]) {
    for (const strip of [podOf, replicaSetOf, nodeOf, serviceOf, endpointSliceOf]) {
      assert.equal(strip(value), undefined)
    }
  }
})

test('texts and lists are bounded', () => {
  const huge = 'x'.repeat(300_000)
  const annotations = { 'resource.opentelemetry.io/service.name': huge }
  const many = Array.from({ length: 5000 }, (_, i) => ({ ip: `10.1.${i >> 8}.${i & 255}` }))
  const stripped = podOf(podJson({ metadata: { annotations }, status: { podIPs: many } }))
  assert.equal(stripped?.annotatedName.length, 253)
  assert.equal(stripped?.addresses.length, 16)
})
