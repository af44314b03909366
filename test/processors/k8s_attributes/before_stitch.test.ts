/** Before a stitch that answers its senders when their rows are settled (`handed_on`). */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import type { FlowBatch } from '../../../pipeline/flows/batch.ts'
import { ROLES } from '../../../pipeline/flows/schema.ts'
import { Ledger } from '../../../pipeline/ledger.ts'
import { OK, type Outcome, permanent, retryable } from '../../../pipeline/outcome.ts'
import { Cluster } from '../../../processors/k8s_attributes/cluster.ts'
import { K8sAttributes } from '../../../processors/k8s_attributes/k8s_attributes.ts'
import { schema } from '../../../processors/stitch/config.ts'
import { Stitch } from '../../../processors/stitch/stitch.ts'
import { settingsOf } from '../../pipeline/surroundings.ts'
import { id64 } from '../stitch/stage.ts'
import { batchOf, pod } from './rows.ts'

const CLIENT = {
  role: 'client',
  src: '10.1.0.98',
  dst: '10.96.0.1',
  flow: 1,
  kind: 'exchange',
} as const
const SERVER = {
  role: 'server',
  src: '192.168.0.1',
  dst: '10.1.0.99',
  flow: 1,
  kind: 'exchange',
} as const
/** Of a pod that is known, asked from outside: it is settled when a window is over. */
const KNOWN = {
  role: 'server',
  src: '192.168.0.1',
  dst: '10.1.0.7',
  flow: 2,
  kind: 'exchange',
} as const

let ledger: Ledger
let processor: K8sAttributes
let stitch: Stitch
let cluster: Cluster
let now: number
let answer: (batch: FlowBatch) => Outcome
let came: { role: string; pod: string; span: string; parent: string }[]

beforeEach(() => {
  came = []
  now = 0
  answer = () => OK
  ledger = new Ledger(pino({ level: 'silent' }))
  const next = {
    mutates: false,
    consume: (batch: FlowBatch) => {
      const outcome = answer(batch)
      if (outcome.kind === 'ok') take(batch)
      return outcome
    },
  }
  const config = schema.parse({ wait: 'always', acknowledge: 'handed_on' })
  stitch = new Stitch(settingsOf({ id: 'stitch/behind' }), config, { next, clock: () => now })
  stitch.start()
  cluster = new Cluster({
    podDeleteGraceMs: 120_000,
    wellKnownLabels: false,
    onAddress: (address) => processor.addressKnown(address),
  })
  processor = new K8sAttributes({
    next: stitch,
    ledger,
    cluster,
    watch: undefined,
    connectionsMax: 1024,
    waitForRowMs: 60_000,
    rowsWaitingMax: 100,
    waitForMetadataMs: undefined,
  })
  cluster.upsertPod(pod('known', '10.1.0.7'))
})

afterEach(async () => {
  const ended = processor.shutdown(AbortSignal.timeout(2000))
  await Promise.all([stitch.shutdown(AbortSignal.timeout(1000)), ended])
})

function take(batch: FlowBatch): void {
  const { base, stitch: ids, k8s } = batch
  assert(ids !== undefined && k8s !== undefined)
  for (let row = 0; row < batch.rows; row++) {
    const role = ROLES[base.role[row] as number] as string
    const own = role === 'client' ? k8s.src_k8s_pod : k8s.dst_k8s_pod
    came.push({
      role,
      pod: batch.text(own, row),
      span: id64(ids.span_id, row),
      parent: id64(ids.parent_span_id, row),
    })
  }
}

/** That many rows have come; the clock that windows are told by stands still. */
async function arrived(rows: number): Promise<void> {
  for (let waits = 0; came.length < rows && waits < 400; waits++) await sleep(5)
}

function of(role: string) {
  return came.find((row) => row.role === role)
}

test('rows that waited for their pods meet, although each batch is answered late', async () => {
  const answers = [processor.consume(batchOf(SERVER)), processor.consume(batchOf(CLIENT))]
  assert.deepEqual(came, [], 'both wait for their pods')
  cluster.upsertPod(pod('server', '10.1.0.99'))
  cluster.upsertPod(pod('client', '10.1.0.98'))
  await arrived(2)
  assert.deepEqual([of('client')?.pod, of('server')?.pod], ['client', 'server'])
  assert.equal(of('server')?.parent, of('client')?.span)
  assert.deepEqual(await Promise.all(answers), [OK, OK])
  for (let waits = 0; processor.held() > 0 && waits < 400; waits++) await sleep(5)
  assert.equal(processor.held(), 0)
})

test('what waits for its pod does not wait for the rest of its batch to be settled', async () => {
  const late = processor.consume(batchOf(KNOWN, CLIENT))
  cluster.upsertPod(pod('client', '10.1.0.98'))
  await arrived(1)
  assert.equal(of('client')?.pod, 'client')
  assert.equal(of('server'), undefined, 'its window is not over')
  now += 60_000
  stitch.tick()
  assert.deepEqual(await late, OK)
  assert.equal(of('server')?.pod, 'known')
})

test('a late refusal is not the sender’s any more: what is left comes, or is counted', async () => {
  const answers: Outcome[] = [permanent('never')]
  answer = () => answers.shift() ?? OK
  const late = processor.consume(batchOf(KNOWN, CLIENT))
  now += 60_000
  stitch.tick()
  assert.deepEqual(await late, OK)
  assert.deepEqual(ledger.entry().lost, { refused: 1 })
})

test('a refusal at once leaves all with the sender', async () => {
  await stitch.shutdown()
  const outcome = await processor.consume(batchOf(KNOWN, CLIENT))
  assert.equal(outcome.kind, retryable('').kind)
  assert.equal(processor.held(), 0)
})
