import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type FlowRow, flowBatch } from '../rows.ts'
import { only, Stage } from './stage.ts'

const ENDS = { source: { service_name: 'web' }, destination: { service_name: 'dns' } }

test('bytes, datagrams and drops of UDP are added up by edge, and are nothing of TCP', async () => {
  const stage = new Stage()
  const flow = { kind: 'connection', transport: 'udp', role: 'client', ...ENDS } as const
  const rows: readonly FlowRow[] = [
    { ...flow, state: 'open', sent: 40 },
    { ...flow, state: 'interim', flow: 8, sent: 100, sentDelta: 60, received: 30 },
    { ...flow, state: 'closed', sent: 100, sentDelta: 0 },
    { ...flow, state: 'closed', transport: 'tcp', sent: 5 },
  ]
  const batch = flowBatch(...rows)
  batch.base.datagrams_sent_delta.set([1, 2, 0])
  batch.base.datagrams_received_delta.set([0, 3, 0])
  batch.base.drops_delta.set([0, 0, 4])
  stage.connector.consume(batch)
  const all = await stage.flush()

  const [sent, received] = all.filter(({ name }) => name === 'flowspan.udp.io')
  assert.equal(sent?.metric.unit, 'By')
  assert.equal(sent?.resource['service.name'], 'web')
  assert.deepEqual(sent?.attributes, {
    'flowspan.role': 'client',
    'peer.service': 'dns',
    'network.io.direction': 'transmit',
  })
  assert.equal(received?.attributes['network.io.direction'], 'receive')
  assert.deepEqual([sent?.data.asInt, received?.data.asInt], ['100', '30'])
  const datagrams = all.filter(({ name }) => name === 'flowspan.udp.datagrams')
  assert.deepEqual(datagrams.map(({ data }) => data.asInt).sort(), ['3', '3'])
  assert.deepEqual(only(all, 'flowspan.udp.drops').attributes, {
    'flowspan.role': 'client',
    'peer.service': 'dns',
  })
  assert.equal(only(all, 'flowspan.udp.drops').data.asInt, '4')
  assert.equal(only(all, 'flowspan.tcp.io').data.asInt, '5')
})
