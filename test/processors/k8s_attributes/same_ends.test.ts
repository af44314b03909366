import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { FlowBatch } from '../../../pipeline/flows/batch.ts'
import { SHARED_COLUMNS } from '../../../pipeline/flows/first_rows.ts'
import { Cluster } from '../../../processors/k8s_attributes/cluster.ts'
import { Join } from '../../../processors/k8s_attributes/join.ts'
import { cells } from '../../pipeline/flows/cells.ts'
import { batchOf, pod, type Row, service, slice, T0 } from './rows.ts'

const STEP_MS = 5000
const IPS = ['10.1.0.1', '10.1.0.2', '10.1.0.3'] as const
const SERVICE_IP = '10.96.0.5'
const NODE = '192.168.0.1'

/** Addresses change hands while the rows are made. */
function clusterOf(): Cluster {
  let now = T0
  const cluster = new Cluster({
    podDeleteGraceMs: 600_000,
    wellKnownLabels: false,
    now: () => now,
  })
  cluster.upsertNode({ uid: 'uid-n', name: 'worker-1', zone: 'eu', addresses: [NODE] })
  for (const [i, ip] of IPS.entries()) {
    cluster.upsertPod(pod(`a${i}`, ip, { containers: [{ id: `c${i}`, name: 'main', image: 'x' }] }))
  }
  cluster.upsertService(service('svc', SERVICE_IP, [80]))
  cluster.upsertSlice(slice('svc', ['uid-a1', 'uid-b1']))
  const hostPorts = [{ key: 8443, address: '' }]
  cluster.upsertPod(pod('edge', '10.1.0.9', { hostPorts, startMs: T0 + 4 * STEP_MS }))
  now = T0 + 3 * STEP_MS
  cluster.removePod('uid-a1')
  cluster.upsertPod(pod('b1', IPS[1], { startMs: now }))
  now = T0 + 6 * STEP_MS
  cluster.removePod('uid-a2')
  now = T0 + 7 * STEP_MS
  cluster.upsertPod(pod('b2', IPS[2], { startMs: now }))
  return cluster
}

const ENDS_MAX = 6
const ADDRESS = fc.constantFrom(...IPS, SERVICE_IP, NODE, '127.0.0.1', '203.0.113.7')
const END = fc.record(
  {
    hasId: fc.boolean(),
    src: ADDRESS,
    dst: ADDRESS,
    dstPort: fc.constantFrom(80, 8443),
    netns: fc.nat({ max: 3 }),
    comm: fc.constantFrom('', 'nginx'),
    podUid: fc.constantFrom('uid-a0', 'uid-b1', 'uid-unknown'),
    containerId: fc.constantFrom('c0', 'c2'),
    hostNode: fc.constantFrom('worker-1', ''),
  },
  { requiredKeys: ['hasId', 'src', 'dst'] },
)
const SIGHT = fc.record({
  end: fc.nat({ max: ENDS_MAX - 1 }),
  step: fc.nat({ max: 9 }),
  kind: fc.constantFrom('exchange', 'exchange', 'exchange', 'connection'),
})
type Sight = typeof SIGHT extends fc.Arbitrary<infer T> ? T : never
type End = typeof END extends fc.Arbitrary<infer T> ? T : never
const LOAD = fc.record({
  ends: fc.array(END, { minLength: ENDS_MAX, maxLength: ENDS_MAX }),
  /** The row of a batch from which on the processes are known. */
  knownFrom: fc.nat({ max: 16 }),
  batches: fc.array(fc.array(SIGHT, { minLength: 1, maxLength: 16 }), {
    minLength: 1,
    maxLength: 3,
  }),
  connectionsMax: fc.constantFrom(2, 1024),
  hasCluster: fc.boolean(),
})

/** Two ends a connection: the client's has an even number. */
function rowOf(end: End, { end: number, step, kind }: Sight, isKnown: boolean): Row {
  const { hasId, ...rest } = end
  const role = number % 2 === 0 ? 'client' : 'server'
  const flow = hasId ? { flow: number >> 1 } : {}
  const process = isKnown ? {} : { comm: '', podUid: '', containerId: '' }
  return { ...rest, ...flow, ...process, role, kind, startMs: T0 + step * STEP_MS }
}

function shared(batch: FlowBatch, row: number): unknown {
  const all = cells(batch, row, ['base', 'k8s'])
  const names = [
    ...SHARED_COLUMNS.base.map((name) => `base.${name}`),
    ...SHARED_COLUMNS.k8s.map((name) => `k8s.${name}`),
  ]
  return names.map((name) => all[name])
}

test('rows of one end are joined as if nobody knew that they are, whatever changes between', () => {
  const cluster = clusterOf()
  fc.assert(
    fc.property(LOAD, ({ ends, batches, knownFrom, connectionsMax, hasCluster }) => {
      const settings = { cluster: hasCluster ? cluster : undefined, connectionsMax }
      const [known, anew] = [new Join(settings), new Join(settings)]
      for (const sights of batches) {
        const rows = sights.map((sight, i) => rowOf(ends[sight.end]!, sight, i >= knownFrom))
        const of = sights.map(({ end }, i) => (i >= knownFrom ? end + ENDS_MAX : end))
        const [batch, other] = [batchOf(...rows), batchOf(...rows)]
        for (const [row, end] of of.entries()) batch.firstOf[row] = of.indexOf(end)
        known.join(batch)
        anew.join(other)
        for (let row = 0; row < batch.rows; row++) {
          const [got, expected] = [batch, other].map((each) => cells(each, row, ['k8s']))
          assert.deepEqual(got, expected, `row ${row}`)
          assert.deepEqual(shared(batch, row), shared(batch, batch.firstOf[row]!))
        }
        assert.deepEqual(known.takeMisses(), anew.takeMisses())
        assert.equal(known.ends.partners.evicted, anew.ends.partners.evicted)
      }
    }),
    { numRuns: 300 },
  )
})
