import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import { Cluster } from '../../../processors/k8s_attributes/cluster.ts'
import type { PodObject } from '../../../processors/k8s_attributes/objects.ts'
import { bytes, pod, service, slice } from './rows.ts'

const RS = { kind: 'ReplicaSet', name: 'api-5d8f', uid: 'uid-rs' }
const DEPLOYMENT = { kind: 'Deployment', name: 'api', uid: 'uid-d' }
let cluster: Cluster

beforeEach(() => {
  cluster = new Cluster({ podDeleteGraceMs: 120_000, wellKnownLabels: false })
})

function namesOf(object: PodObject) {
  cluster.upsertPod(object)
  const known = cluster.pods.get(object.uid)
  assert.ok(known !== undefined)
  return cluster.endOfPod(known).names
}

test('the owner chain goes from pod to ReplicaSet to Deployment', () => {
  cluster.upsertReplicaSet({ uid: 'uid-rs', owner: DEPLOYMENT })
  const names = namesOf(pod('api-5d8f-x2', '10.1.0.7', { owner: RS }))
  assert.equal(names.k8s_workload_kind, 'Deployment')
  assert.equal(names.k8s_workload, 'api')
  assert.equal(names.k8s_replicaset, 'api-5d8f')
  assert.equal(names.service_name, 'api')
})

test('a ReplicaSet that is told of after its pod still gives the Deployment', () => {
  const object = pod('api-5d8f-x2', '10.1.0.7', { owner: RS })
  assert.equal(namesOf(object).k8s_workload_kind, 'ReplicaSet')
  cluster.upsertReplicaSet({ uid: 'uid-rs', owner: DEPLOYMENT })
  assert.equal(namesOf(object).k8s_workload_kind, 'Deployment')
})

test('without its ReplicaSet a pod with the template hash still has a Deployment', () => {
  const names = namesOf(pod('api-5d8f-x2', '10.1.0.7', { owner: RS, templateHash: '5d8f' }))
  assert.equal(names.k8s_workload_kind, 'Deployment')
  assert.equal(names.k8s_workload, 'api')
})

test('other owners are the workload themselves', () => {
  const owner = { kind: 'StatefulSet', name: 'db', uid: 'uid-ss' }
  const names = namesOf(pod('db-0', '10.1.0.7', { owner }))
  assert.equal(names.k8s_workload_kind, 'StatefulSet')
  assert.equal(names.service_name, 'db')
})

test('service.name: annotation, then labels if asked for, then workload, then pod', () => {
  const owner = { kind: 'StatefulSet', name: 'db', uid: 'uid-ss' }
  const all = { owner, labelledName: 'labelled', annotatedName: 'annotated' }
  assert.equal(namesOf(pod('a', '10.1.0.1', all)).service_name, 'annotated')
  const labelled = { owner, labelledName: 'labelled' }
  assert.equal(namesOf(pod('b', '10.1.0.2', labelled)).service_name, 'db')
  assert.equal(namesOf(pod('c', '10.1.0.3')).service_name, 'c')
  cluster = new Cluster({ podDeleteGraceMs: 120_000, wellKnownLabels: true })
  assert.equal(namesOf(pod('b', '10.1.0.2', labelled)).service_name, 'labelled')
})

test('the zone is the node’s, whichever comes first', () => {
  const object = pod('web', '10.1.0.7')
  assert.equal(namesOf(object).zone, '')
  const node = { uid: 'uid-n', name: 'worker-1', zone: 'eu-1a', addresses: ['192.168.0.1'] }
  cluster.upsertNode(node)
  assert.equal(namesOf(object).zone, 'eu-1a')
  cluster.upsertNode({ ...node, zone: 'eu-1b', addresses: ['192.168.0.2'] })
  assert.equal(namesOf(object).zone, 'eu-1b')
  assert.equal(cluster.node(bytes('192.168.0.1'), 0), undefined)
  assert.equal(cluster.node(bytes('192.168.0.2'), 0)?.end.names.k8s_node, 'worker-1')
})

test('a pod is behind the alphabetically first of its Services, as slices come and go', () => {
  const object = pod('web', '10.1.0.7')
  assert.equal(namesOf(object).k8s_service, '')
  cluster.upsertSlice(slice('web-internal', ['uid-web']))
  assert.equal(namesOf(object).k8s_service, 'web-internal')
  cluster.upsertSlice(slice('web', ['shop/web']))
  assert.equal(namesOf(object).k8s_service, 'web')
  cluster.upsertSlice(slice('also-web', ['10.1.0.7']))
  assert.equal(namesOf(object).k8s_service, 'also-web')
  cluster.upsertSlice(slice('also-web', []))
  cluster.removeSlice('uid-slice-web')
  assert.equal(namesOf(object).k8s_service, 'web-internal')
})

test('a Service is found by address, by port where an address is shared, and by node port', () => {
  const find = (ip: string, port: number) =>
    cluster.service(bytes(ip), 0, port)?.service.object.name
  cluster.upsertService(service('api', '10.96.0.5', [80]))
  cluster.upsertService(service('a', '203.0.113.9', [80]))
  cluster.upsertService(service('b', '203.0.113.9', [443]))
  cluster.upsertService({ ...service('n', 'fd01::5', [80]), nodePorts: [30_080] })
  cluster.upsertNode({ uid: 'u', name: 'worker-1', zone: '', addresses: ['192.168.0.1'] })
  assert.equal(find('10.96.0.5', 80), 'api')
  assert.equal(find('10.96.0.5', 81), 'api', 'a wrong port is still that Service’s address')
  assert.equal(find('203.0.113.9', 443), 'b')
  assert.equal(find('203.0.113.9', 22), undefined)
  assert.equal(find('192.168.0.1', 30_080), 'n')
  assert.equal(find('192.168.0.9', 30_080), undefined, 'no node’s address')
  cluster.removeService('uid-svc-b')
  cluster.removeService('uid-svc-n')
  assert.equal(find('203.0.113.9', 22), 'a')
  assert.equal(find('192.168.0.1', 30_080), undefined)
  cluster.upsertService(service('api', '10.96.0.6', [80]))
  assert.equal(find('10.96.0.5', 80), undefined)
})

test('an end known as a Service alone has the name that all its pods share, else its own', () => {
  cluster.upsertService(service('api-svc', '10.96.0.5', [80]))
  const name = () => {
    const found = cluster.service(bytes('10.96.0.5'), 0, 80)
    assert.ok(found !== undefined)
    const { names } = cluster.endOfService(found.service)
    assert.equal(names.k8s_pod, undefined)
    return names.service_name
  }
  const owner = { kind: 'StatefulSet', name: 'api', uid: 'uid-ss' }
  assert.equal(name(), 'api-svc')
  cluster.upsertSlice(slice('api-svc', ['uid-a', 'uid-b']))
  cluster.upsertPod(pod('a', '10.1.0.1', { owner }))
  assert.equal(name(), 'api-svc', 'one of its pods is not known')
  cluster.upsertPod(pod('b', '10.1.0.2', { owner }))
  assert.equal(name(), 'api')
  cluster.upsertPod(pod('c', '10.1.0.3'))
  cluster.upsertSlice(slice('api-svc', ['uid-a', 'uid-b', 'uid-c']))
  assert.equal(name(), 'api-svc', 'a canary of another workload')
})

test('the cluster’s uid is that of kube-system', () => {
  assert.equal(cluster.uid, undefined)
  cluster.upsertNamespace({ uid: 'uid-1', name: 'default' })
  cluster.upsertNamespace({ uid: 'uid-2', name: 'kube-system' })
  assert.equal(cluster.uid, 'uid-2')
})
