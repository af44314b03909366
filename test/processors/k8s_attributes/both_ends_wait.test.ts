import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'
import { pino } from 'pino'
import type { FlowBatch } from '../../../pipeline/flows/batch.ts'
import { ROLES } from '../../../pipeline/flows/schema.ts'
import { Ledger } from '../../../pipeline/ledger.ts'
import { OK } from '../../../pipeline/outcome.ts'
import { Cluster } from '../../../processors/k8s_attributes/cluster.ts'
import { K8sAttributes } from '../../../processors/k8s_attributes/k8s_attributes.ts'
import { batchOf, pod } from './rows.ts'

/** A pod that nobody knows yet asks one that is known; the node masquerades it. */
const CLIENT = { role: 'client', src: '10.1.0.99', dst: '10.96.0.1', flow: 1 } as const
const SERVER = { role: 'server', src: '192.168.0.1', dst: '10.1.0.7', flow: 1 } as const
const OTHER = { role: 'server', src: '10.1.0.8', dst: '10.1.0.7', flow: 2 } as const

let processor: K8sAttributes
let cluster: Cluster
let taken: string[]

beforeEach(() => {
  taken = []
  cluster = new Cluster({
    podDeleteGraceMs: 120_000,
    wellKnownLabels: false,
    onAddress: (address) => processor.addressKnown(address),
  })
  processor = new K8sAttributes({
    next: { mutates: false, consume: take },
    ledger: new Ledger(pino({ level: 'silent' })),
    cluster,
    watch: undefined,
    connectionsMax: 1024,
    waitForRowMs: 200,
    rowsWaitingMax: 100,
    waitForMetadataMs: undefined,
  })
  cluster.upsertPod(pod('web', '10.1.0.7'))
})

afterEach(() => processor.shutdown())

function take(batch: FlowBatch) {
  for (let row = 0; row < batch.rows; row++) {
    const role = ROLES[batch.base.role[row] as number]
    taken.push(`${role} ${batch.base.flow_id[2 * row]}`)
  }
  return OK
}

test("a server's row waits with its client's, whatever their order in a batch", async () => {
  processor.consume(batchOf(SERVER, CLIENT, OTHER))
  assert.deepEqual(taken, ['server 2'])
  cluster.upsertPod(pod('new', '10.1.0.99'))
  // When the watch's chunk has been read to its end, which no timer comes after.
  await turn()
  assert.deepEqual(taken, ['server 2', 'server 1', 'client 1'])
  assert.equal(processor.held(), 0)
})

test("a server's later row does not overtake its client's", async () => {
  processor.consume(batchOf(CLIENT))
  processor.consume(batchOf(SERVER, OTHER))
  assert.deepEqual(taken, ['server 2'])
  assert.equal(processor.held(), 2)
  await sleep(250)
  assert.deepEqual(taken, ['server 2', 'client 1', 'server 1'])
})

test('once a client was waited for in vain, neither end waits', async () => {
  processor.consume(batchOf(CLIENT))
  await sleep(250)
  processor.consume(batchOf(SERVER, CLIENT))
  assert.deepEqual(taken, ['client 1', 'server 1', 'client 1'])
})
