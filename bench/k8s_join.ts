/**
 * What the join with Kubernetes costs: rows a CPU second in a cluster of 10,000 pods, and the
 * memory of what is kept of it.
 *
 * Objects come in as the API server's JSON, as they do in life; rows are those of requests between
 * pods through ClusterIPs, both ends' rows in each batch. Each figure is the best of several
 * rounds: noise only ever slows.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { FlowBatch } from '../pipeline/flows/batch.ts'
import { KIND, ROLE } from '../pipeline/flows/schema.ts'
import { Ledger } from '../pipeline/ledger.ts'
import { OK } from '../pipeline/outcome.ts'
import { fromNumber } from '../pipeline/u64.ts'
import { parseAddress } from '../processors/k8s_attributes/addresses.ts'
import { Cluster } from '../processors/k8s_attributes/cluster.ts'
import { K8sAttributes } from '../processors/k8s_attributes/k8s_attributes.ts'
import { sinksOf } from '../processors/k8s_attributes/resources.ts'
import { describeMachine } from './machine.ts'

const PODS = 10_000
const PODS_OF_A_SERVICE = 10
const ROUNDS = 30
const BATCHES = 50
const BATCH_ROWS = 1000
const START = '2026-01-01T00:00:00Z'
const NOW_MS = Date.parse(START) + 3_600_000

function podIp(i: number): string {
  return `10.1.${i >> 8}.${i & 255}`
}

function podUid(i: number): string {
  return `00000000-0000-4000-8000-${String(i).padStart(12, '0')}`
}

function containerId(i: number): string {
  return i.toString(16).padStart(64, '0')
}

function serviceIp(i: number): string {
  return `10.96.${i >> 8}.${i & 255}`
}

/** A pod as the API server gives it: about 6 KB, most of it of no interest here. */
function podJson(i: number): string {
  const app = `app-${Math.floor(i / PODS_OF_A_SERVICE)}`
  const env = Array.from({ length: 40 }, (_, n) => ({ name: `SETTING_${n}`, value: `value ${n}` }))
  const uid = podUid(i)
  return JSON.stringify({
    metadata: {
      name: `${app}-5d8f7c9b4-${i.toString(36).padStart(5, '0')}`,
      namespace: `namespace-${i % 20}`,
      uid,
      resourceVersion: String(i),
      creationTimestamp: START,
      labels: { app, 'pod-template-hash': '5d8f7c9b4', 'app.kubernetes.io/name': app },
      annotations: { 'example.org/checksum': 'x'.repeat(64) },
      ownerReferences: [
        { kind: 'ReplicaSet', name: `${app}-5d8f7c9b4`, uid: `rs-${app}`, controller: true },
      ],
      managedFields: [{ manager: 'kubelet', fieldsV1: { f: 'x'.repeat(2000) } }],
    },
    spec: { nodeName: `worker-${i % 100}`, containers: [{ name: 'main', image: 'x', env }] },
    status: {
      phase: 'Running',
      startTime: START,
      podIP: podIp(i),
      podIPs: [{ ip: podIp(i) }, { ip: `fd00::${i.toString(16)}` }],
      containerStatuses: [{ name: 'main', containerID: `containerd://${containerId(i)}` }],
    },
  })
}

/** Gives the bytes of JSON of all pods, and the CPU time to read them in pages of 500. */
function fill(cluster: Cluster): { bytes: number; microseconds: number } {
  const sinks = sinksOf(cluster)
  let bytes = 0
  let microseconds = 0
  for (let page = 0; page < PODS; page += 500) {
    const pods = Array.from({ length: 500 }, (_, i) => podJson(page + i))
    const json = `{"items":[${pods.join()}]}`
    bytes += json.length
    const before = process.cpuUsage()
    for (const pod of JSON.parse(json).items) sinks.pods.upsert(pod)
    const { user, system } = process.cpuUsage(before)
    microseconds += user + system
  }
  for (let i = 0; i < PODS / PODS_OF_A_SERVICE; i++) {
    const namespace = `namespace-${i % 20}`
    const service = { name: `app-${i}`, namespace, uid: `service-${i}` }
    sinks.services.upsert({
      metadata: service,
      spec: { clusterIP: serviceIp(i), ports: [{ port: 80 }] },
    })
    const controller = { kind: 'Deployment', name: `app-${i}`, uid: `d-${i}`, controller: true }
    sinks.replicasets.upsert({
      metadata: { uid: `rs-app-${i}`, ownerReferences: [controller] },
    })
    sinks.endpointslices.upsert({
      metadata: {
        uid: `slice-${i}`,
        namespace,
        labels: { 'kubernetes.io/service-name': `app-${i}` },
      },
      endpoints: Array.from({ length: PODS_OF_A_SERVICE }, (_, n) => ({
        targetRef: {
          kind: 'Pod',
          uid: podUid(i * PODS_OF_A_SERVICE + n),
        },
      })),
    })
  }
  for (let i = 0; i < 100; i++) {
    sinks.nodes.upsert({
      metadata: {
        uid: `node-${i}`,
        name: `worker-${i}`,
        labels: { 'topology.kubernetes.io/zone': `eu-1${'abc'[i % 3]}` },
      },
      status: { addresses: [{ type: 'InternalIP', address: `192.168.1.${i}` }] },
    })
  }
  return { bytes, microseconds }
}

interface Load {
  /** How many pods of the cluster talk. */
  readonly pods: number
  /** Whether rows say in which pod and container they are, as on a host whose kernel tells. */
  readonly cgroups: boolean
  /** Requests in a batch that share their connection. */
  readonly together: number
}

/** Rows of both ends of requests. */
function makeBatch({ pods, cgroups, together }: Load, seed: number): FlowBatch {
  const batch = new FlowBatch(BATCH_ROWS)
  const { base } = batch
  const connections = BATCH_ROWS / 2 / together
  for (let i = 0; i < BATCH_ROWS / 2; i++) {
    const request = 1 + seed * BATCH_ROWS + (i % connections)
    const client = Math.imul(request, 7919) % pods
    const server = (client + 1 + (request % (pods - 1))) % pods
    const service = serviceIp(Math.floor(server / PODS_OF_A_SERVICE))
    for (const role of ['client', 'server'] as const) {
      const row = batch.addRow()
      batch.firstOf[row] = row % (2 * connections)
      base.kind[row] = KIND.exchange
      base.role[row] = ROLE[role]
      base.flow_id[2 * row] = Math.imul(request, 0x9e3779b1)
      base.flow_id[2 * row + 1] = request
      const src = role === 'client' ? podIp(client) : '192.168.1.1'
      const dst = role === 'client' ? service : podIp(server)
      base.src_address.set(parseAddress(src) as Uint8Array, 16 * row)
      base.dst_address.set(parseAddress(dst) as Uint8Array, 16 * row)
      base.dst_port[row] = role === 'client' ? 80 : 8080
      base.netns[row] = 1000 + (role === 'client' ? client : server)
      base.comm[row] = batch.strings.intern('nginx')
      if (cgroups) {
        const own = role === 'client' ? client : server
        base.executable[row] = batch.strings.intern('/usr/sbin/nginx')
        base.pod_uid[row] = batch.strings.intern(podUid(own))
        base.container_id[row] = batch.strings.intern(containerId(own))
      }
      fromNumber(base.start, 2 * row, NOW_MS * 1e6)
    }
  }
  return batch
}

function measure(cluster: Cluster, load: Load): void {
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < ROUNDS; round++) {
    let named = 0
    const processor = new K8sAttributes({
      next: {
        mutates: false,
        consume(batch) {
          for (let row = 0; row < batch.rows; row++) {
            if (batch.k8s?.src_k8s_pod[row] && batch.k8s.dst_k8s_pod[row]) named++
          }
          return OK
        },
      },
      ledger: new Ledger(pino({ level: 'silent' })),
      cluster,
      watch: undefined,
      connectionsMax: 65_536,
      waitForRowMs: 2000,
      rowsWaitingMax: 1000,
      waitForMetadataMs: undefined,
    })
    const batches = Array.from({ length: BATCHES }, (_, i) => makeBatch(load, i))
    const before = process.cpuUsage()
    for (const batch of batches) processor.consume(batch)
    const { user, system } = process.cpuUsage(before)
    best = Math.min(best, user + system)
    if (named !== BATCHES * BATCH_ROWS) throw new Error(`Only ${named} rows have both their pods`)
  }
  const rows = BATCHES * BATCH_ROWS
  const name =
    `${load.pods} pods talk${load.cgroups ? ', by cgroup' : ''}` +
    (load.together > 1 ? `, ${load.together} requests a connection` : '')
  console.log(
    `${name.padEnd(60)} ${((rows / best) * 1000).toFixed(0).padStart(6)} ` +
      `thousand rows/CPU s, ${((best / rows) * 1000).toFixed(0).padStart(6)} ns a row`,
  )
}

function heap(): number {
  globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

console.log(describeMachine())
const before = heap()
const cluster = new Cluster({ podDeleteGraceMs: 120_000, wellKnownLabels: false })
const { bytes, microseconds } = fill(cluster)
const kept = heap() - before
console.log(
  `${PODS} pods of ${Math.round(bytes / PODS)} B of JSON, ${PODS / PODS_OF_A_SERVICE} Services: ` +
    `${Math.round(kept / PODS)} B a pod kept, ${(kept / 1e6).toFixed(1)} MB in all, ` +
    `read in ${Math.round(microseconds / 1000)} ms of CPU` +
    (globalThis.gc === undefined ? ' (memory without --expose-gc: garbage included)' : ''),
)
for (const pods of [30, PODS]) {
  for (const cgroups of [false, true]) measure(cluster, { pods, cgroups, together: 1 })
}
for (const together of [2, 10]) measure(cluster, { pods: 30, cgroups: true, together })
// The last round's batches go with the garbage of the next turns.
await sleep(100)
heap()
await sleep(100)
console.log(`with all ends made: ${((heap() - before) / 1e6).toFixed(1)} MB`)
