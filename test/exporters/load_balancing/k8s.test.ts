/** The k8s resolver before a real kube-apiserver. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import pino from 'pino'
import { K8sResolver } from '../../../exporters/load_balancing/resolvers/k8s.ts'
import { findAccess } from '../../../pipeline/kubernetes/access.ts'
import { startKubernetes } from '../../kit/kubernetes.ts'
import { createEndpointSlice, createNamespace } from '../../kit/kubernetes_objects.ts'
import { waitFor } from '../../kit/processes.ts'

const READ = ['get', 'list', 'watch']
const SLICES = { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: READ }
const logger = pino({ level: 'silent' })

test('ready pods of a Service are its backends, of that Service and namespace alone', async (t) => {
  const cluster = await startKubernetes({ rules: [SLICES] })
  t.after(() => cluster.stop())
  await createNamespace(cluster, { name: 'telemetry' })
  const namespace = 'telemetry'
  const ports = [{ port: 4317 }]
  const slice = (name: string, ready: Record<string, boolean>, service = 'gateway') =>
    createEndpointSlice(cluster, {
      name,
      namespace,
      service,
      ports,
      endpoints: Object.entries(ready).map(([address, isReady]) => ({ address, ready: isReady })),
    })
  const first = await slice('gateway-1', { '10.1.0.1': true, '10.1.0.2': false })
  await slice('other-1', { '10.1.0.8': true }, 'other')
  const { kubeconfigPath } = cluster.flowspan
  const access = await findAccess({ kube_config_path: kubeconfigPath }, { env: {}, logger })
  assert(access)
  const told: string[][] = []
  let failures = 0
  const place = { service: 'gateway', namespace, ports: [4317, 4318], timeoutMs: 30_000 }
  const resolver = new K8sResolver(place, {
    logger,
    access,
    userAgent: 'test',
    resolved: (endpoints) => told.push([...endpoints].sort()),
    failed: () => failures++,
  })
  t.after(() => resolver.stop())
  await resolver.start()
  assert.deepEqual(told.at(-1), ['10.1.0.1:4317', '10.1.0.1:4318'])
  const until = (...addresses: string[]) =>
    waitFor(`backends ${addresses}`, () => {
      const wanted = addresses.flatMap((address) => [`${address}:4317`, `${address}:4318`]).sort()
      return JSON.stringify(told.at(-1)) === JSON.stringify(wanted) ? true : undefined
    })
  await slice('gateway-2', { 'fd00::3': true })
  await slice('gateway-3', { '10.1.0.4': true })
  const path = `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`
  await until('10.1.0.1', '10.1.0.4', '[fd00::3]')
  await cluster.request('DELETE', `${path}/gateway-2`)
  await cluster.request('DELETE', `${path}/${first.metadata.name}`)
  await until('10.1.0.4')
  const before = told.length
  await cluster.request('DELETE', `${path}/gateway-3`)
  await slice('gateway-4', { '10.1.0.5': true })
  await until('10.1.0.5')
  assert(
    told.slice(before).every((endpoints) => endpoints.length > 0),
    'never none',
  )
  assert.equal(failures, 0)
})
