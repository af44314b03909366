import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { FlowBatch } from '../../../../pipeline/flows/batch.ts'
import { flowLog } from '../../../../pipeline/flows/json.ts'
import { Origin } from '../../../../pipeline/flows/origin.ts'
import { decodeFlows } from '../../../../pipeline/flows/otlp/decode.ts'
import { FlowsEncoder } from '../../../../pipeline/flows/otlp/encode.ts'
import { RECORD_COLUMNS, RESOURCE_COLUMNS } from '../../../../pipeline/flows/otlp/mapping.ts'
import type { OtlpBatch } from '../../../../pipeline/otlp/batch.ts'
import { checkRequest } from '../../../../pipeline/otlp/check.ts'
import { decode, encode } from '../../../proto/otlp.ts'
import { allCells } from './rows.ts'
import { exchangeRows } from './sample.ts'

const encoder = new FlowsEncoder('1.2.3')

type Attributes = readonly { key: string; value: Record<string, unknown> }[]

function read({ bytes }: OtlpBatch) {
  const items = checkRequest('logs', bytes)
  assert.ok(typeof items === 'number')
  return decodeFlows(bytes, items)
}

function object(attributes: Attributes): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))
}

/** A request of one record of a row, with these attributes beside state and role. */
function record(attributes: object, fields: object = {}): OtlpBatch {
  const pairs = { 'flowspan.state': 'closed', 'flowspan.role': 'server', ...attributes }
  const logRecord = {
    eventName: 'flowspan.exchange',
    attributes: Object.entries(pairs).map(([key, value]) => ({
      key,
      value: typeof value === 'string' ? { stringValue: value } : value,
    })),
    ...fields,
  }
  return encode('logs', {
    resourceLogs: [{ scopeLogs: [{ scope: { name: 'flowspan.flows' }, logRecords: [logRecord] }] }],
  })
}

test('no two columns have one key, and docs/FLOWS.md has those that are conventions', () => {
  const page = readFileSync(join(import.meta.dirname, '../../../../docs/FLOWS.md'), 'utf8')
  const columns = [...RECORD_COLUMNS, ...RESOURCE_COLUMNS]
  assert.equal(new Set(columns.map(({ key }) => key)).size, columns.length)
  for (const { name, key } of columns) {
    if (key === `flowspan.${name}`) continue
    assert.ok(page.includes(`\`${key}\``) && page.includes(`\`${name}\``), key)
  }
})

test('a row is a log record with the names that docs/FLOWS.md gives', () => {
  const origin = new Origin({ id: 'machine', name: 'worker-1', node: 'node-1' })
  const { resourceLogs } = decode(encoder.encode(exchangeRows(1, origin)))
  const [{ resource, scopeLogs }] = resourceLogs
  assert.deepEqual(object(resource.attributes), {
    'service.name': 'flowspan',
    'flowspan.boot_id': origin.bootId,
    'host.id': 'machine',
    'host.name': 'worker-1',
    'k8s.node.name': 'node-1',
    'service.instance.id': origin.agentId,
  })
  assert.deepEqual(scopeLogs[0].scope, { name: 'flowspan.flows', version: '1.2.3' })
  const [logRecord] = scopeLogs[0].logRecords
  const { attributes, observedTimeUnixNano, ...fields } = logRecord
  assert.ok(BigInt(observedTimeUnixNano) > 1_700_000_000_000_000_000n)
  assert.deepEqual(fields, {
    timeUnixNano: String((0x18000000n << 32n) + 1_500_001n),
    traceId: '00000001000000020000000300000004',
    spanId: '0000000100000002',
    eventName: 'flowspan.exchange',
  })
  assert.deepEqual(object(attributes), {
    'flowspan.state': 'closed',
    'flowspan.role': 'client',
    'network.transport': 'tcp',
    'flowspan.flow_id': '0123456789abcdef',
    'source.address': '10.1.1.1',
    'source.port': '40000',
    'destination.address': 'fd00::2',
    'destination.port': '80',
    'process.pid': '77',
    'flowspan.comm': 'nginx',
    'flowspan.netns': '4026531840',
    // An int64: what exceeds it is negative, and the same 64 bits.
    'flowspan.cgroup_id': String(BigInt.asIntN(64, (0x80000000n << 32n) + 1n)),
    'flowspan.start': String((0x18000000n << 32n) + 1n),
    'flowspan.retransmits': '0',
    'network.protocol.name': 'http',
    'flowspan.method': 'GET',
    'flowspan.target': '/orders/0',
    'flowspan.status': '200',
    'flowspan.request_bytes': '120',
    'flowspan.response_bytes': '0',
    'flowspan.duration_us': 1500.25,
    'flowspan.request_offset': '0',
    'flowspan.cause_flow_id': '0000000000000005',
    'flowspan.cause_offset': '0',
    'flowspan.cause_method': 'thread',
    'flowspan.cause_confidence': 0.9,
    'flowspan.dst_service_name': 'orders',
    'flowspan.dst_k8s_pod': 'orders-1',
    'flowspan.parent_span_id': '0000000800000009',
    'flowspan.sequence': '1',
    'flowspan.not_known': 'ttfb_us',
  })
})

test('rows of several agents stand under a resource each', () => {
  const batch = new FlowBatch(8)
  const agents = ['a', 'b'].map((name) => exchangeRows(3, new Origin({ id: name, name, node: '' })))
  for (const row of [0, 1, 2]) for (const agent of agents) batch.append(agent, row)
  const { resourceLogs } = decode(encoder.encode(batch))
  assert.deepEqual(
    resourceLogs.map(
      (each: { resource: { attributes: Attributes } }) =>
        object(each.resource.attributes)['host.id'],
    ),
    ['a', 'b'],
  )
  assert.deepEqual(allCells(read(encoder.encode(batch)).batch), agents.flatMap(allCells))
})

test('a row that has not ended has its start for its time', () => {
  const batch = exchangeRows(1)
  batch.base.end.fill(0)
  const { resourceLogs } = decode(encoder.encode(batch))
  const [logRecord] = resourceLogs[0].scopeLogs[0].logRecords
  assert.equal(logRecord.timeUnixNano, String((0x18000000n << 32n) + 1n))
  assert.equal(object(logRecord.attributes)['flowspan.start'], undefined)
})

test('what has no column goes on as it came: attributes, other fields, the resource’s', () => {
  const request = encode('logs', {
    resourceLogs: [
      {
        resource: {
          attributes: [
            { key: 'host.name', value: { stringValue: 'worker-1' } },
            { key: 'service.name', value: { stringValue: 'renamed' } },
            { key: 'cloud.region', value: { stringValue: 'eu' } },
            { key: 'host.id', value: { intValue: 5 } },
          ],
        },
        scopeLogs: [
          {
            scope: { name: 'flowspan.flows' },
            logRecords: [
              {
                eventName: 'flowspan.connection',
                severityNumber: 9,
                body: { stringValue: 'annotated' },
                flags: 1,
                attributes: [
                  { key: 'flowspan.state', value: { stringValue: 'open' } },
                  { key: 'flowspan.role', value: { stringValue: 'client' } },
                  { key: 'flowspan.newer', value: { stringValue: 'column' } },
                  { key: 'flowspan.close_reason', value: { stringValue: 'boredom' } },
                  { key: 'source.port', value: { intValue: 65_536 } },
                  { key: 'process.pid', value: { stringValue: 'seven' } },
                  { key: 'flowspan.not_known', value: { stringValue: 'connect_us newer_us' } },
                  {
                    key: 'list',
                    value: { arrayValue: { values: [{ boolValue: true }, { doubleValue: 0.5 }] } },
                  },
                ],
              },
            ],
          },
        ],
      },
    ],
  })
  const { batch, rejected } = read(request)
  assert.equal(rejected, 0)
  const log = JSON.parse(flowLog(batch)(0))
  assert.deepEqual(log.resource_attributes, {
    'service.name': 'renamed',
    'cloud.region': 'eu',
    'host.id': 5,
  })
  assert.deepEqual(log.attributes, {
    'flowspan.newer': 'column',
    'flowspan.close_reason': 'boredom',
    'source.port': 65_536,
    'process.pid': 'seven',
    'flowspan.not_known': 'connect_us newer_us',
    list: [true, 0.5],
  })
  assert.deepEqual([log.host_name, log.close_reason, log.pid], ['worker-1', undefined, undefined])
  // A processor copies rows from batch to batch.
  const copy = new FlowBatch(3)
  copy.appendRows(batch, [0])
  copy.append(batch, 0)
  const [before] = decode(request).resourceLogs
  const [after] = decode(encoder.encode(copy)).resourceLogs
  assert.deepEqual(object(after.resource.attributes), object(before.resource.attributes))
  const [wanted] = before.scopeLogs[0].logRecords
  for (const written of after.scopeLogs[0].logRecords) {
    const { attributes, ...fields } = written
    const { attributes: wantedAttributes, ...wantedFields } = wanted
    assert.deepEqual(fields, wantedFields)
    for (const attribute of wantedAttributes) {
      assert.deepEqual(
        attributes.filter(({ key }: { key: string }) => key === attribute.key),
        [attribute],
      )
    }
  }
})

test('fields at their defaults, which a Collector writes, are not carried', () => {
  const { batch } = read(record({}, { body: {}, severityText: '', flags: 0, traceId: [] }))
  assert.equal(batch.has('carried'), false)
})

test('what another tool would write differently is still the value', () => {
  const { batch } = read(
    record({
      'source.address': '::FFFF:10.0.0.1',
      'flowspan.duration_us': { doubleValue: 12 },
      'flowspan.request_bytes': { intValue: 7 },
    }),
  )
  const log = JSON.parse(flowLog(batch)(0))
  assert.deepEqual([log.src, log.duration_us, log.request_bytes], ['10.0.0.1:0', 12, 7])
})

for (const [what, request, reason] of [
  ['without an event name', record({}, { eventName: '' }), 'it has no event name'],
  [
    'of an unknown event',
    record({}, { eventName: 'x'.repeat(200) }),
    `no row has the event name "${'x'.repeat(64)}"`,
  ],
  [
    'of an unknown state',
    record({ 'flowspan.state': 'asleep' }),
    'its flowspan.state is not known',
  ],
  [
    'with a role of another type',
    record({ 'flowspan.role': { intValue: 1 } }),
    'its flowspan.role is not known',
  ],
  [
    'over another transport',
    record({ 'network.transport': 'quic' }),
    'its network.transport is not known',
  ],
] as const) {
  test(`a record ${what} is no row, and leaves nothing behind`, () => {
    const { batch, rejected, reason: found } = read(request)
    assert.deepEqual([batch.rows, rejected, found], [0, 1, reason])
    batch.addRow()
    assert.deepEqual(allCells(batch), [{}])
  })
}
