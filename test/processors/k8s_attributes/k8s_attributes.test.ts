import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import type { FlowBatch } from '../../../pipeline/flows/batch.ts'
import { Ledger } from '../../../pipeline/ledger.ts'
import { OK, type Outcome, permanent, retryable } from '../../../pipeline/outcome.ts'
import { Cluster } from '../../../processors/k8s_attributes/cluster.ts'
import {
  K8sAttributes,
  type K8sAttributesSettings,
} from '../../../processors/k8s_attributes/k8s_attributes.ts'
import { batchOf, pod, type Row, side, T0 } from './rows.ts'

const KNOWN = { role: 'client', src: '10.1.0.7', dst: '10.1.0.8', flow: 1 } as const
const NEW = { role: 'client', src: '10.1.0.99', dst: '10.1.0.7', flow: 2 } as const

interface Rig {
  readonly processor: K8sAttributes
  readonly cluster: Cluster
  readonly ledger: Ledger
  readonly taken: FlowBatch[]
  answer: () => Outcome | Promise<Outcome>
}

let rig: Rig

function make(more: Partial<K8sAttributesSettings> = {}): Rig {
  const cluster: Cluster = new Cluster({
    podDeleteGraceMs: 120_000,
    wellKnownLabels: false,
    onAddress: (address) => rig.processor.addressKnown(address),
  })
  const ledger = new Ledger(pino({ level: 'silent' }))
  const taken: FlowBatch[] = []
  const next = {
    mutates: false,
    consume(batch: FlowBatch) {
      const outcome = rig.answer()
      if (!('then' in outcome) && outcome.kind !== 'ok') return outcome
      taken.push(batch)
      return outcome
    },
  }
  const processor = new K8sAttributes({
    next,
    ledger,
    cluster,
    watch: undefined,
    connectionsMax: 1024,
    waitForRowMs: 100,
    rowsWaitingMax: 100,
    waitForMetadataMs: undefined,
    ...more,
  })
  rig = { processor, cluster, ledger, taken, answer: () => OK }
  cluster.upsertPod(pod('web', '10.1.0.7'))
  return rig
}

afterEach(() => rig.processor.shutdown())

function rowsTaken(): number {
  return rig.taken.reduce((sum, batch) => sum + batch.rows, 0)
}

/** Ends long before the 10 s that the rows of some tests would wait. */
async function nothingHeld(): Promise<void> {
  const deadlineMs = performance.now() + 5000
  while (rig.processor.held() > 0) {
    assert.ok(performance.now() < deadlineMs, `still held: ${rig.processor.held()}`)
    await sleep(5)
  }
}

function consume(...rows: readonly Row[]): Outcome | Promise<Outcome> {
  return rig.processor.consume(batchOf(...rows))
}

test('rows with known ends pass at once, in the batch they came in', () => {
  make()
  const batch = batchOf(KNOWN, KNOWN)
  assert.equal(rig.processor.consume(batch), OK)
  assert.equal(rig.taken[0], batch)
  assert.equal(side(batch, 1, 'src').k8s_pod, 'web')
  assert.equal(rig.processor.held(), 0)
})

test('a row that is newer than the watch waits for it, and the others do not', async () => {
  make({ waitForRowMs: 10_000 })
  consume(NEW, KNOWN, NEW)
  assert.equal(rowsTaken(), 1)
  assert.equal(rig.processor.held(), 2)
  consume({ ...NEW, flow: 3 })
  assert.equal(rig.processor.held(), 3)
  rig.cluster.upsertPod(pod('fresh', '10.1.0.99', { startMs: T0 + 59_000 }))
  await nothingHeld()
  assert.equal(rowsTaken(), 4)
  const late = rig.taken.slice(1)
  assert.deepEqual(
    late.flatMap((b) => [...b.base.flow_id.subarray(0, 2 * b.rows)].filter((_, i) => i % 2 === 0)),
    [2, 2, 3],
    'in order',
  )
  for (const batch of late) assert.equal(side(batch, 0, 'src').k8s_pod, 'fresh')
  assert.equal(rig.ledger.notes.get('waited'), 3)
  assert.equal(rig.ledger.notes.get('waited_known'), 3)
})

test('a row waits for its pod, by the uid that its cgroup has, not for a node’s address', async () => {
  make({ waitForRowMs: 10_000 })
  rig.cluster.upsertNode({ uid: 'n', name: 'n', zone: '', addresses: ['192.168.0.1'] })
  const uid = '019c1fe8-0d92-4aa0-b61c-4df58bdde71c'
  const onHost = { role: 'client', src: '192.168.0.1', dst: '10.1.0.7', podUid: uid } as const
  consume({ ...onHost, flow: 5 }, { ...onHost, flow: 6, podUid: '' })
  assert.equal(rowsTaken(), 1)
  consume({ role: 'server', src: '192.168.0.1', dst: '10.1.0.7', flow: 5 })
  assert.equal(rig.processor.held(), 2, 'the other end waits with it')
  rig.cluster.upsertPod(pod('agent', '192.168.0.1', { uid, hostNetwork: true }))
  await nothingHeld()
  for (const batch of rig.taken.slice(1)) assert.equal(side(batch, 0, 'src').k8s_pod, 'agent')
})

test('a row of a pod that never becomes known is its node’s in the end', async () => {
  make({ waitForRowMs: 50 })
  const podUid = '019c1fe8-0d92-4aa0-b61c-4df58bdde71c'
  const row = { role: 'client', src: '10.1.0.7', dst: '10.1.0.8', podUid, comm: 'app' } as const
  consume({ ...row, flow: 5 })
  await nothingHeld()
  const [batch] = rig.taken
  assert.deepEqual(batch && side(batch, 0, 'src'), { service_name: 'app' })
  consume({ ...row, flow: 6 })
  assert.equal(rowsTaken(), 2, 'not waited for again')
})

test('a row waits a bounded time, and its address is not waited for again', async () => {
  make({ waitForRowMs: 50 })
  const startMs = performance.now()
  consume(NEW)
  await sleep(20)
  consume({ ...NEW, flow: 3 })
  await nothingHeld()
  const waitedMs = performance.now() - startMs
  assert.ok(waitedMs >= 50 && waitedMs < 500, `waited ${waitedMs} ms`)
  assert.equal(rowsTaken(), 2)
  assert.equal(rig.ledger.notes.get('waited_in_vain'), 2)
  assert.equal(rig.ledger.notes.get('miss_local_unknown'), 2)
  consume({ ...NEW, flow: 4 })
  assert.equal(rowsTaken(), 3)
})

test('loopback, host and node addresses are not waited for', () => {
  make({ waitForRowMs: 10_000 })
  rig.cluster.upsertNode({ uid: 'n', name: 'n', zone: '', addresses: ['192.168.0.1'] })
  consume(
    { role: 'client', src: '127.0.0.1', dst: '127.0.0.1' },
    { role: 'server', src: '::1', dst: '::1' },
    { role: 'client', src: '192.168.0.1', dst: '10.1.0.7' },
  )
  assert.equal(rowsTaken(), 3)
})

test('nothing waits without a cluster, or with `wait_for_row: 0`', () => {
  make({ cluster: undefined })
  consume(NEW)
  assert.equal(rowsTaken(), 1)
  assert.equal(rig.ledger.notes.size, 0, 'and nothing is missed')
  make({ waitForRowMs: 0 })
  consume(NEW)
  assert.equal(rowsTaken(), 1)
})

test('no more rows wait than are allowed; the rest pass unjoined and are counted', () => {
  make({ waitForRowMs: 10_000, rowsWaitingMax: 5 })
  for (let i = 0; i < 8; i++) consume({ ...NEW, flow: i + 1 })
  assert.equal(rig.processor.held(), 5)
  assert.equal(rowsTaken(), 3)
  assert.equal(rig.ledger.notes.get('not_waited_full'), 3)
})

test('shutdown passes on what waits, at once', async () => {
  make({ waitForRowMs: 60_000 })
  consume(NEW, { ...NEW, src: '10.1.0.98' })
  const startMs = performance.now()
  await rig.processor.shutdown()
  await rig.processor.shutdown()
  assert.ok(performance.now() - startMs < 1000)
  assert.equal(rowsTaken(), 2)
  assert.equal(rig.processor.held(), 0)
  assert.deepEqual(rig.ledger.entry().lost, {})
})

test('a refused batch is the sender’s again, and none of its rows stays', async () => {
  make({ waitForRowMs: 10_000 })
  for (const answer of [retryable('full'), permanent('no')]) {
    rig.answer = () => answer
    const outcome = await consume(KNOWN, NEW)
    assert.notEqual(outcome.kind, 'ok')
    assert.equal(rig.processor.held(), 0)
  }
  rig.taken.length = 0
  rig.answer = () => Promise.resolve(OK)
  assert.equal((await consume(KNOWN, NEW)).kind, 'ok')
  assert.equal(rig.processor.held(), 1)
  assert.equal(rowsTaken(), 1)
})

test('with rows that wait a batch that is refused late is ours, and offered again or counted', async () => {
  make({ waitForRowMs: 10_000 })
  const answers: Outcome[] = [retryable('full', 1), OK, permanent('no')]
  rig.answer = () => Promise.resolve(answers.shift() ?? OK)
  assert.deepEqual(await consume(KNOWN, NEW), OK)
  for (let waits = 0; rig.processor.held() > 1 && waits < 200; waits++) await sleep(5)
  assert.equal(rig.processor.held(), 1, 'what waits')
  assert.deepEqual(await consume(KNOWN, NEW), OK)
  assert.deepEqual(rig.ledger.entry().lost, { refused: 1 })
})

test('rows that waited are offered again after a retryable refusal, lost after a permanent one', async () => {
  make({ waitForRowMs: 10 })
  const answers: Outcome[] = [retryable('full', 5), retryable('full', 5), OK, permanent('bad')]
  rig.answer = () => answers.shift() ?? OK
  consume(NEW)
  consume({ ...NEW, src: '10.1.0.98' })
  await nothingHeld()
  assert.equal(answers.length, 0)
  assert.equal(rowsTaken(), 1)
  assert.deepEqual(rig.ledger.entry().lost, { refused: 1 })
})
