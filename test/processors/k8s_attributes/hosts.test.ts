/** Rows of many nodes in one place: what means something on one host only is kept apart. */
import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import type { FlowBatch } from '../../../pipeline/flows/batch.ts'
import { Cluster } from '../../../processors/k8s_attributes/cluster.ts'
import { Join } from '../../../processors/k8s_attributes/join.ts'
import { Namespaces } from '../../../processors/k8s_attributes/namespaces.ts'
import { batchOf, pod, type Row, service, side, slice, T0 } from './rows.ts'

const WEB = '10.1.0.7'
const API = '10.1.1.8'
const API_IP = '10.96.0.5'
const ONE = { boot: 'boot-1', hostNode: 'worker-1' } as const
const TWO = { boot: 'boot-2', hostNode: 'worker-2' } as const
let cluster: Cluster
let join: Join

beforeEach(() => {
  const settings = { podDeleteGraceMs: 120_000, wellKnownLabels: false, now: () => T0 + 60_000 }
  cluster = new Cluster(settings)
  for (const n of [1, 2]) {
    const node = { uid: `uid-n${n}`, name: `worker-${n}`, zone: `eu-1${n}` }
    cluster.upsertNode({ ...node, addresses: [`192.168.0.${n}`] })
  }
  cluster.upsertPod(pod('web', WEB))
  cluster.upsertPod(pod('api', API, { node: 'worker-2' }))
  cluster.upsertService(service('api-svc', API_IP, [80]))
  cluster.upsertSlice(slice('api-svc', ['uid-api']))
  join = new Join({ cluster, connectionsMax: 1024 })
})

function joined(...rows: readonly Row[]): FlowBatch {
  const batch = batchOf(...rows)
  join.join(batch)
  return batch
}

test('one inode is two network namespaces on two hosts', () => {
  joined({ role: 'client', src: WEB, dst: API_IP, flow: 1, netns: 4026532000, ...ONE })
  joined({ role: 'server', src: WEB, dst: API, flow: 1, netns: 4026532000, ...TWO })
  const loopback = {
    role: 'client',
    src: '127.0.0.1',
    dst: '127.0.0.1',
    netns: 4026532000,
  } as const
  assert.equal(side(joined({ ...loopback, flow: 2, ...ONE }), 0, 'src').k8s_pod, 'web')
  assert.equal(side(joined({ ...loopback, flow: 3, ...TWO }), 0, 'src').k8s_pod, 'api')
  const third = joined({ ...loopback, flow: 4, boot: 'boot-3' })
  assert.equal(side(third, 0, 'src').k8s_pod, undefined)
})

test('the ends of a connection are told by rows of two hosts, in batches of their own', () => {
  joined({ role: 'server', src: '192.168.0.1', dst: API, flow: 5, comm: 'nginx', ...TWO })
  const batch = joined({ role: 'client', src: WEB, dst: API_IP, flow: 5, ...ONE })
  assert.equal(side(batch, 0, 'dst').k8s_pod, 'api')
  assert.equal(side(batch, 0, 'dst').k8s_node, 'worker-2')
  assert.equal(side(batch, 0, 'dst').k8s_service, 'api-svc')
})

test('an own end that nobody knows stands on the node of its agent, with its process’s name', () => {
  const unknown = { src: '172.17.0.1', dst: API_IP, role: 'client', comm: 'dockerd' } as const
  const batch = joined({ ...unknown, flow: 6, ...TWO })
  const node = { service_name: 'dockerd', k8s_node: 'worker-2', zone: 'eu-12' }
  assert.deepEqual(side(batch, 0, 'src'), node)
  assert.equal(join.takeMisses().local_unknown, 1)
  cluster.removeNode('uid-n2')
  assert.deepEqual(side(joined({ ...unknown, flow: 7, ...TWO }), 0, 'src'), {
    service_name: 'dockerd',
  })
})

test('an address is whose it was when the row began, however late the row comes', () => {
  const ended = { ended: true, finishedMs: T0 + 10_000 }
  cluster.upsertPod(pod('job', '10.1.0.9', { startMs: T0, ...ended }))
  cluster.upsertPod(pod('web-2', '10.1.0.9', { startMs: T0 + 20_000, node: 'worker-2' }))
  const row = { role: 'client', src: '10.1.0.9', dst: API_IP, ...ONE } as const
  const late = joined({ ...row, flow: 8, startMs: T0 + 5000 })
  const later = joined({ ...row, flow: 9, startMs: T0 + 30_000 })
  assert.equal(side(late, 0, 'src').k8s_pod, 'job')
  assert.equal(side(later, 0, 'src').k8s_pod, 'web-2')
})

test('boots are bounded: beyond, a namespace is nobody’s rather than another’s', () => {
  const namespaces = new Namespaces()
  const keys = new Set<number>()
  for (let boot = 1; boot < 2 ** 20; boot++) keys.add(namespaces.key(`${boot}`, 4026532000))
  assert.equal(keys.size, 2 ** 20 - 1)
  assert.equal(namespaces.key('one more', 4026532000), 0)
})
