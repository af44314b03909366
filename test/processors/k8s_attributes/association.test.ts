import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import { associate, RULES_DEFAULT } from '../../../processors/k8s_attributes/association.ts'
import { Catalog } from '../../../processors/k8s_attributes/catalog.ts'
import { Cluster } from '../../../processors/k8s_attributes/cluster.ts'
import { configSchema } from '../../../processors/k8s_attributes/config.ts'
import { Extraction } from '../../../processors/k8s_attributes/extraction.ts'
import type { AssociationSource } from '../../../processors/k8s_attributes/otlp_config.ts'
import { sinksOf } from '../../../processors/k8s_attributes/resources.ts'

let catalog: Catalog
let sinks: ReturnType<typeof sinksOf>

function podJson(uid: string, of: { ip?: string; name?: string; namespace?: string } = {}) {
  const { ip = '10.0.0.1', name = uid, namespace = 'shop' } = of
  const containerStatuses = [{ name: 'main', containerID: `containerd://c-${uid}`, state: {} }]
  return {
    metadata: { uid, name, namespace },
    spec: { nodeName: 'n1', containers: [{ name: 'main', image: 'a/b:1' }] },
    status: { podIP: ip, podIPs: [{ ip }], containerStatuses, startTime: '2026-01-01T00:00:00Z' },
  }
}

beforeEach(() => {
  const cluster = new Cluster({ podDeleteGraceMs: 60_000, wellKnownLabels: false })
  const extraction = new Extraction(configSchema.parse({}).extract)
  catalog = new Catalog({ extraction, cluster, graceMs: 60_000 })
  sinks = sinksOf(cluster, catalog)
})

function found(
  known: Record<string, string | null>,
  { rules = RULES_DEFAULT, connection }: { rules?: typeof RULES_DEFAULT; connection?: string } = {},
): string | undefined {
  const of = { known: new Map(Object.entries(known)), connection, catalog }
  return associate(rules, of).pod?.object.uid
}

const by = (...names: string[]): AssociationSource[] =>
  names.map((name) =>
    name === '' ? { from: 'connection', name } : { from: 'resource_attribute', name },
  )

test('without rules: k8s.pod.ip, ip, the connection, and a host.name that is an address', () => {
  sinks.pods.upsert(podJson('a'))
  sinks.pods.upsert(podJson('b', { ip: 'fd00::b' }))
  assert.equal(found({ 'k8s.pod.ip': '10.0.0.1' }), 'a')
  assert.equal(found({ ip: '10.0.0.1' }), 'a')
  assert.equal(found({}, { connection: '10.0.0.1' }), 'a')
  assert.equal(found({ 'host.name': 'fd00:0:0::B' }), 'b')
  assert.equal(found({ 'host.name': 'a' }), undefined)
  assert.equal(found({ ip: null }), undefined)
  assert.equal(found({ 'k8s.pod.ip': '10.0.0.1', ip: 'fd00::b' }, { connection: 'fd00::b' }), 'a')
})

test('a rule that finds no pod gives way to the next', () => {
  sinks.pods.upsert(podJson('a'))
  assert.equal(found({ 'k8s.pod.ip': '10.9.9.9' }, { connection: '10.0.0.1' }), 'a')
  const rules = [by(''), by('k8s.pod.uid')]
  assert.equal(found({ 'k8s.pod.uid': 'a' }, { rules, connection: '10.9.9.9' }), 'a')
})

test('all sources of a rule must be there, and fit', () => {
  sinks.pods.upsert(podJson('a', { name: 'web', namespace: 'x' }))
  sinks.pods.upsert(podJson('b', { name: 'web', namespace: 'y', ip: '10.0.0.2' }))
  const name = 'k8s.pod.name'
  const rules = [by('k8s.namespace.name', name)]
  assert.equal(found({ [name]: 'web', 'k8s.namespace.name': 'y' }, { rules }), 'b')
  assert.equal(found({ [name]: 'web', 'k8s.namespace.name': 'z' }, { rules }), undefined)
  assert.equal(found({ [name]: 'web' }, { rules }), undefined)
  assert.equal(found({ [name]: 'web' }, { rules: [by(name)] }), undefined, 'whose web?')
  const both = [by('', 'k8s.pod.uid')]
  assert.equal(found({ 'k8s.pod.uid': 'a' }, { rules: both, connection: '10.0.0.1' }), 'a')
  assert.equal(found({ 'k8s.pod.uid': 'a' }, { rules: both, connection: '10.0.0.2' }), undefined)
})

test('a pod is found by the id of a container, and for a while after it was deleted', () => {
  const pod = podJson('a', { name: 'web' })
  sinks.pods.upsert(pod)
  sinks.pods.remove('a', pod)
  assert.equal(found({ 'container.id': 'c-a' }, { rules: [by('container.id')] }), 'a')
  assert.equal(found({ 'k8s.pod.ip': '10.0.0.1' }), 'a')
  sinks.pods.upsert(podJson('b', { name: 'web' }))
  assert.equal(found({ 'k8s.pod.ip': '10.0.0.1' }), 'b', 'the address is another’s now')
  assert.equal(found({ 'k8s.pod.name': 'web' }, { rules: [by('k8s.pod.name')] }), 'b')
  assert.equal(found({ 'k8s.pod.uid': 'a' }, { rules: [by('k8s.pod.uid')] }), 'a')
})

test('what was deleted is forgotten after the grace period', () => {
  const { cluster, extraction } = catalog
  catalog = new Catalog({ extraction, cluster, graceMs: 0 })
  sinks = sinksOf(cluster, catalog)
  sinks.pods.upsert(podJson('a'))
  sinks.pods.remove('a', podJson('a'))
  catalog.sweep()
  assert.equal(catalog.size, 0)
  assert.deepEqual(catalog.podsNamed('a'), [])
  assert.equal(catalog.podWith('c-a'), undefined)
})
