import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { Ledger } from '../../../pipeline/ledger.ts'
import { OK, permanent, retryable } from '../../../pipeline/outcome.ts'
import { flows, Probes } from '../probes.ts'
import { serveTelemetry } from './telemetries.ts'

const YAML = `
receivers: { probe: }
processors: { probe: }
exporters: { probe/a: , probe/b: }
service:
  pipelines:
    flows: { receivers: [probe], processors: [probe], exporters: [probe/a, probe/b] }
    flows/2: { receivers: [probe], processors: [probe], exporters: [probe/a] }
`

/** A graph that was given five rows, of which probe/b took three. */
async function busy(t: TestContext, metrics: object = {}) {
  const served = await serveTelemetry(t, { metrics })
  const probes = new Probes()
  const graph = await probes.build(YAML)
  served.telemetry.follow(() => graph.nodes)
  const node = (kind: string, id: string) => {
    const found = graph.nodes.find((n) => n.kind === kind && n.id === id)
    assert.ok(found)
    return found
  }
  assert.equal(probes.give('probe', flows(3)), OK)
  probes.answers.set('probe/b', () => permanent('no'))
  assert.equal(probes.give('probe', flows(2)), OK)
  return { ...served, probes, graph, node }
}

test('the names and attributes are those that dashboards know', async (t) => {
  const { scrape } = await busy(t)
  const read = await scrape()
  const value = (name: string, labels: Record<string, string>) => read.value(name, labels)
  assert.equal(value('otelcol_receiver_accepted_flows', { receiver: 'probe', transport: '' }), 5)
  assert.equal(value('otelcol_receiver_refused_flows', { receiver: 'probe' }), 0)
  assert.equal(value('otelcol_receiver_failed_flows', { receiver: 'probe' }), 0)
  assert.equal(value('otelcol_exporter_sent_flows', { exporter: 'probe/b' }), 3)
  assert.equal(value('otelcol_exporter_send_failed_flows', { exporter: 'probe/b' }), 2)
  assert.equal(value('otelcol_exporter_enqueue_failed_flows', { exporter: 'probe/b' }), 0)
  assert.equal(value('target_info', { service_name: 'flowspan', service_version: '1.2.3' }), 1)
  assert.ok((value('otelcol_process_uptime', {}) ?? 0) > 0)
  assert.deepEqual(
    Object.keys(read.families.get('otelcol_exporter_sent_flows')?.samples[0]?.labels ?? {}),
    ['exporter'],
  )
})

test('processors of one id in two pipelines are one series, as in the Collector', async (t) => {
  const { scrape } = await busy(t)
  const read = await scrape()
  const labels = { processor: 'probe', otel_signal: 'flows' }
  assert.equal(read.families.get('otelcol_processor_incoming_items')?.samples.length, 1)
  assert.equal(read.value('otelcol_processor_incoming_items', labels), 10)
  assert.equal(read.value('otelcol_processor_outgoing_items', labels), 10)
  assert.equal(
    read.value('flowspan_component_items', { kind: 'processor', flow: 'in', pipeline: 'flows/2' }),
    5,
  )
})

test('each loss is there with its reason', async (t) => {
  const { scrape } = await busy(t)
  const lost = { kind: 'exporter', component: 'probe/b', flow: 'lost', reason: 'refused' }
  const read = await scrape()
  assert.equal(read.value('flowspan_component_items', lost), 2)
  assert.equal(read.value('flowspan_component_notes', { component: 'probe/b', name: 'refused' }), 2)
})

test('what had no room in the queue failed to enter it, and did not fail to be sent', async (t) => {
  const { scrape, node, probes } = await busy(t)
  const { ledger } = node('exporter', 'probe/b')
  probes.answers.set('probe/b', () => {
    ledger.note('refused_queue_full', 7)
    return retryable('full')
  })
  probes.give('probe', flows(7))
  const read = await scrape()
  const labels = { exporter: 'probe/b' }
  assert.equal(read.value('otelcol_exporter_enqueue_failed_flows', labels), 7)
  assert.equal(read.value('otelcol_exporter_send_failed_flows', labels), 2)
})

test('what failed to be sent counts whether it is lost or the caller keeps it', async (t) => {
  const { scrape, node } = await busy(t)
  const { ledger } = node('exporter', 'probe/a')
  ledger.note('send_failed', 4)
  ledger.lost('retries_exhausted', 1)
  const name = 'otelcol_exporter_send_failed_flows'
  assert.equal((await scrape()).value(name, { exporter: 'probe/a' }), 5)
})

test('a receiver counts by transport, if it has more than one', async (t) => {
  const { scrape, node } = await busy(t)
  const { ledger } = node('receiver', 'probe')
  ledger.reception('grpc', 'accepted', 4)
  ledger.reception('http', 'accepted', 1)
  ledger.reception('http', 'refused', 2)
  const read = await scrape()
  assert.equal(read.value('otelcol_receiver_accepted_flows', { transport: 'grpc' }), 4)
  assert.equal(read.value('otelcol_receiver_refused_flows', { transport: 'http' }), 2)
  assert.equal(read.value('otelcol_receiver_accepted_flows', { transport: '' }), undefined)
})

test('requests are counted by outcome, those too that were refused unread', async (t) => {
  const { scrape, node } = await busy(t)
  const { ledger } = node('receiver', 'probe')
  ledger.request('http', 'refused')
  const gone = new Ledger(ledger.logger)
  gone.request('http', 'refused', 2)
  gone.request('grpc', 'success')
  ledger.absorb(gone)
  const read = await scrape()
  const value = (transport: string, outcome: string) =>
    read.value('otelcol_receiver_requests', { receiver: 'probe', transport, outcome })
  assert.deepEqual([value('http', 'refused'), value('http', 'success')], [3, 0])
  assert.equal(value('grpc', 'success'), 1)
})

test('a failure is told by the type of its error, in detail only', async (t) => {
  const detailed = await busy(t, { level: 'detailed' })
  const { ledger } = detailed.node('exporter', 'probe/a')
  ledger.lost('permanent', 3, { error_type: 'InvalidArgument' })
  ledger.lost('permanent', 1)
  ledger.lost('retries_exhausted', 2, { error_type: 'Unavailable' })
  const name = 'otelcol_exporter_send_failed_flows'
  const read = await detailed.scrape()
  const value = (error_type: string, error_permanent: string) =>
    read.value(name, { exporter: 'probe/a', error_type, error_permanent })
  assert.equal(value('InvalidArgument', 'true'), 3)
  assert.equal(value('permanent', 'true'), 1)
  assert.equal(value('Unavailable', 'false'), 2)

  const normal = await busy(t)
  normal.node('exporter', 'probe/a').ledger.lost('permanent', 3, { error_type: 'Internal' })
  const samples = (await normal.scrape()).families.get(name)?.samples ?? []
  assert.deepEqual(
    samples.map(({ labels }) => labels),
    [{ exporter: 'probe/a' }, { exporter: 'probe/b' }],
  )
})
