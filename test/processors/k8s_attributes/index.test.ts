/** The component as the graph makes it, against a real kube-apiserver. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import type { Processor, ProcessorFactory } from '../../../pipeline/component.ts'
import type { FlowBatch } from '../../../pipeline/flows/batch.ts'
import { Ledger } from '../../../pipeline/ledger.ts'
import { OK } from '../../../pipeline/outcome.ts'
import { k8sAttributes } from '../../../processors/k8s_attributes/index.ts'
import { skipWithoutGo } from '../../kit/backends.ts'
import { type Kubernetes, startKubernetes } from '../../kit/kubernetes.ts'
import { createPod, deleteObject } from '../../kit/kubernetes_objects.ts'
import { waitFor } from '../../kit/processes.ts'
import { hostOf, settingsOf } from '../../pipeline/surroundings.ts'
import { batchOf, side } from './rows.ts'

const skip = await skipWithoutGo()
const factory: ProcessorFactory = k8sAttributes
let kubernetes: Kubernetes

before(async () => {
  if (!skip) kubernetes = await startKubernetes()
})

after(() => kubernetes?.stop())

interface Made {
  readonly processor: Processor<'flows'>
  readonly taken: FlowBatch[]
  readonly ledger: Ledger
  readonly lines: string[]
}

async function make(t: TestContext, section: object): Promise<Made> {
  const lines: string[] = []
  const logger = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) })
  const ledger = new Ledger(logger)
  const taken: FlowBatch[] = []
  const next = {
    mutates: false,
    consume(batch: FlowBatch) {
      taken.push(batch)
      return OK
    },
  }
  const create = factory.create.flows
  assert.ok(create !== undefined)
  const settings = settingsOf({ id: 'k8s_attributes', logger, ledger })
  const config = factory.schema.parse(section)
  const processor = await create(settings, config, next)
  t.after(() => processor.shutdown?.())
  return { processor, taken, ledger, lines }
}

/** A kubeconfig of a server that is not there: the discard port. */
function unreachable(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'flowspan-k8s-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const path = join(directory, 'config')
  writeFileSync(
    path,
    JSON.stringify({
      'current-context': 'x',
      contexts: [{ name: 'x', context: { cluster: 'x', user: 'x' } }],
      clusters: [{ name: 'x', cluster: { server: 'https://127.0.0.1:9' } }],
    }),
  )
  return path
}

test('without a cluster it says so once, and names both ends by their processes', async (t) => {
  const { processor, taken, lines } = await make(t, { auth_type: 'none' })
  await processor.start?.(hostOf())
  for (let i = 0; i < 3; i++) {
    await processor.consume(
      batchOf({ role: 'client', src: '10.0.0.1', dst: '10.0.0.2', flow: 1, comm: 'curl' }),
    )
  }
  assert.equal(taken.length, 3)
  assert.deepEqual(side(taken[0] as FlowBatch, 0, 'src'), { service_name: 'curl' })
  assert.equal(lines.length, 1)
  assert.match(lines[0] as string, /Flows are not joined with Kubernetes/)
})

test('a row of a pod that the API server tells of later is joined when it does', {
  skip,
}, async (t) => {
  const { processor, taken, ledger } = await make(t, {
    kube_config_path: kubernetes.flowspan.kubeconfigPath,
    wait_for_metadata: true,
    wait_for_row: '20s',
  })
  await processor.start?.(hostOf())
  const row = { role: 'client', src: '10.7.3.1', dst: '10.7.3.2', startMs: Date.now() } as const
  await processor.consume(batchOf(row))
  assert.equal(processor.held?.(), 1)
  await sleep(50)
  assert.equal(taken.length, 0)
  const pod = await createPod(kubernetes, { name: 'fresh', podIPs: ['10.7.3.1'] })
  await waitFor('the row', () => taken[0])
  assert.equal(side(taken[0] as FlowBatch, 0, 'src').k8s_pod_uid, pod.metadata.uid)
  assert.equal(processor.held?.(), 0)
  assert.equal(ledger.notes.get('waited_known'), 1)

  // The IP goes to another pod: later rows are the other's, an earlier row is still the first's.
  await deleteObject(kubernetes, pod)
  await sleep(1100)
  const next = await createPod(kubernetes, { name: 'heir', podIPs: ['10.7.3.1'] })
  await processor.consume(batchOf({ ...row, startMs: Date.now() }))
  await waitFor('the heir’s row', () => taken[1])
  await processor.consume(batchOf(row))
  assert.equal(side(taken[1] as FlowBatch, 0, 'src').k8s_pod_uid, next.metadata.uid)
  assert.equal(side(taken[2] as FlowBatch, 0, 'src').k8s_pod_uid, pod.metadata.uid)
})

test('`wait_for_metadata` ends the start-up when the metadata does not come', async (t) => {
  const { processor } = await make(t, {
    // Nothing listens there.
    kube_config_path: unreachable(t),
    wait_for_metadata: true,
    wait_for_metadata_timeout: '200ms',
  })
  await assert.rejects(async () => processor.start?.(hostOf()), /wait_for_metadata_timeout/)
  await processor.shutdown?.()
})

test('a cluster that cannot be reached holds nothing up but rows, for their time', async (t) => {
  const { processor, taken, lines } = await make(t, {
    kube_config_path: unreachable(t),
    wait_for_row: '50ms',
  })
  await processor.start?.(hostOf())
  const row = { role: 'client', src: '10.7.3.1', dst: '10.7.3.2', comm: 'curl' } as const
  await processor.consume(batchOf(row))
  await waitFor('the row', () => taken[0])
  assert.equal(side(taken[0] as FlowBatch, 0, 'src').service_name, 'curl')
  await waitFor('a warning', () => lines.find((line) => line.includes('Cannot mirror pods')))
})
