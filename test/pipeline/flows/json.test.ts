import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FlowBatch, STRIDE } from '../../../pipeline/flows/batch.ts'
import { flowLog } from '../../../pipeline/flows/json.ts'
import {
  CLOSE_REASON,
  COLUMN_GROUPS,
  type ColumnSpec,
  type GroupName,
  KIND,
  LINK_METHOD,
  ROLE,
  STATE,
} from '../../../pipeline/flows/schema.ts'

const V4 = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]

function time(seconds: string, nanos: bigint): [number, number] {
  const ns = BigInt(Date.parse(seconds)) * 1_000_000n + nanos
  return [Number(ns & 0xffffffffn), Number(ns >> 32n)]
}

function closedConnection(): FlowBatch {
  const batch = new FlowBatch(1)
  const row = batch.addRow()
  const { base } = batch
  base.kind[row] = KIND.connection
  base.state[row] = STATE.closed
  base.role[row] = ROLE.client
  base.flow_id.set([0x89abcdef, 0x01234567])
  base.src_address.set([...V4, 10, 1, 1, 1])
  base.src_port[row] = 8080
  base.dst_address.set([...V4, 10, 1, 2, 3])
  base.dst_port[row] = 80
  base.pid[row] = 7
  base.comm[row] = batch.strings.intern('cu"rl')
  base.cgroup_id.set([1, 0x80000000])
  base.start.set(time('2026-11-24T02:50:57Z', 137_045_505n))
  base.end.set(time('2026-11-24T02:50:57Z', 137_045_506n))
  base.close_reason[row] = CLOSE_REASON.fin
  base.connect_us[row] = Number.NaN
  base.bytes_sent[row] = 1000
  base.bytes_received[row] = 280
  base.srtt_us[row] = 12_300
  return batch
}

test('`flowLog` writes a connection with its ends, times, totals and nothing that is not known', () => {
  assert.equal(
    flowLog(closedConnection())(0),
    '{"kind":"connection","state":"closed","role":"client","transport":"tcp",' +
      '"flow_id":"0123456789abcdef",' +
      '"src":"10.1.1.1:8080","dst":"10.1.2.3:80","pid":7,"comm":"cu\\"rl",' +
      '"cgroup_id":9223372036854775809,' +
      '"start":"2026-11-24T02:50:57.137045505Z","end":"2026-11-24T02:50:57.137045506Z",' +
      '"bytes":1280,"latency_ms":12.3,"close_reason":"fin","bytes_sent":1000,' +
      '"bytes_received":280,"segments_sent":0,"segments_received":0,"retransmits":0,' +
      '"syn_retries":0,"lost":0,"srtt_us":12300}',
  )
})

test('`flowLog` writes an exchange with its duration, its cause at offset 0, and joined columns', () => {
  const batch = new FlowBatch(1)
  const row = batch.addRow()
  const { base } = batch
  const stitch = batch.add('stitch')
  const k8s = batch.add('k8s')
  base.kind[row] = KIND.exchange
  base.src_address[15] = 1
  base.dst_address[15] = 2
  base.dst_port[row] = 443
  base.protocol[row] = batch.strings.intern('http')
  base.status[row] = 204
  base.request_bytes[row] = 100
  base.response_bytes[row] = 20
  base.duration_us[row] = 1500
  base.srtt_us[row] = 40
  base.cause_flow_id.set([5, 0])
  base.cause_method[row] = LINK_METHOD.thread
  stitch.trace_id.set([4, 3, 2, 1])
  stitch.span_id.set([2, 1])
  k8s.dst_service_name[row] = batch.strings.intern('api')
  const log = JSON.parse(flowLog(batch)(0))
  assert.deepEqual(
    [log.src, log.dst, log.bytes, log.latency_ms, log.status, log.protocol, log.srtt_us],
    ['[::1]:0', '[::2]:443', 120, 1.5, 204, 'http', 40],
  )
  assert.deepEqual([log.cause_flow_id, log.cause_offset], ['0000000000000005', 0])
  assert.equal(log.cause_method, 'thread')
  assert.equal(log.trace_id, '00000001000000020000000300000004')
  assert.equal(log.span_id, '0000000100000002')
  assert.equal(log.dst_service_name, 'api')
  for (const key of ['parent_span_id', 'link_method', 'bytes_sent', 'src_service_name', 'start']) {
    assert.ok(!(key in log), key)
  }
})

test('`flowLog` leaves an unknown offset of a cause out, and other values that are NaN', () => {
  const batch = new FlowBatch(1)
  const row = batch.addRow()
  batch.base.kind[row] = KIND.exchange
  batch.base.cause_offset[row] = Number.NaN
  batch.base.request_bytes[row] = Number.NaN
  const log = JSON.parse(flowLog(batch)(0))
  for (const key of ['cause_offset', 'request_bytes', 'bytes']) assert.ok(!(key in log), key)
})

test('`flowLog` writes one line of valid JSON for any row, with the keys of the schema only', () => {
  const known = new Set(['src', 'dst', 'bytes', 'latency_ms'])
  for (const columns of Object.values(COLUMN_GROUPS)) {
    for (const name of Object.keys(columns)) known.add(name)
  }
  fc.assert(
    fc.property(fc.infiniteStream(fc.nat(0xffffffff)), fc.string(), (numbers, text) => {
      const batch = new FlowBatch(2)
      batch.addRow()
      batch.addRow()
      batch.strings.intern(text)
      for (const group of Object.keys(COLUMN_GROUPS) as GroupName[]) {
        const columns = batch.add(group) as unknown as Record<string, Uint32Array>
        for (const [name, spec] of Object.entries(COLUMN_GROUPS[group]) as [string, ColumnSpec][]) {
          for (let i = 0; i < 2 * STRIDE[spec.type]; i++) {
            const value = numbers.next().value as number
            const column = columns[name] as Uint32Array
            column[i] = spec.type === 'enum' ? value % (spec.values?.length ?? 1) : value
          }
        }
      }
      for (const row of [0, 1]) {
        const line = flowLog(batch)(row)
        assert.ok(!line.includes('\n'))
        for (const key of Object.keys(JSON.parse(line))) assert.ok(known.has(key), key)
      }
    }),
    { numRuns: 300 },
  )
})
