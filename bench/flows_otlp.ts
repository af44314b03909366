/**
 * What flow rows cost over OTLP: bytes a row, and rows written and read a CPU second, next to
 * protobufjs with the official definitions, in one process on one core.
 *
 * Rows as an agent sends them: both ends of requests between pods, with causes. Each figure is the
 * best of several rounds: noise only ever slows.
 */
import { gzipSync } from 'node:zlib'
import { FlowBatch } from '../pipeline/flows/batch.ts'
import { flowLog } from '../pipeline/flows/json.ts'
import { Origin } from '../pipeline/flows/origin.ts'
import { decodeFlows } from '../pipeline/flows/otlp/decode.ts'
import { FlowsEncoder } from '../pipeline/flows/otlp/encode.ts'
import { CLOSE_REASON, KIND, LINK_METHOD, ROLE, STATE } from '../pipeline/flows/schema.ts'
import { checkRequest } from '../pipeline/otlp/check.ts'
import { fromNumber, wallClockNs } from '../pipeline/u64.ts'
import { requestType } from '../test/proto/otlp.ts'
import { describeMachine } from './machine.ts'

const ROUNDS = 15
const ROWS = 1000
const REQUESTS = 10
/** Connections that requests share. */
const CONNECTIONS = 50

const START = new Uint32Array(2)
wallClockNs(START, 0)

function endpoints(batch: FlowBatch, row: number, connection: number): void {
  const { base, strings } = batch
  base.flow_id.set([Math.imul(connection, 0x9e3779b1), Math.imul(connection, 0x85ebca6b)], 2 * row)
  for (const [column, last] of [
    [base.src_address, connection % 200],
    [base.dst_address, 7],
  ] as const) {
    column.set([0xff, 0xff, 10, 244, 3, last], 16 * row + 10)
  }
  base.src_port[row] = 32_768 + connection
  base.dst_port[row] = 8080
  const isServer = row % 2 === 1
  base.role[row] = isServer ? ROLE.server : ROLE.client
  base.pid[row] = 40_000 + (isServer ? 0 : connection % 7)
  base.comm[row] = strings.intern(isServer ? 'orders' : 'nginx')
  base.netns[row] = 4_026_532_800 + (isServer ? 1 : 2)
  base.cgroup_id.set([23_456 + (isServer ? 1 : 2), 0], 2 * row)
  base.srtt_us[row] = 40 + ((row * 7) % 300)
  base.min_rtt_us[row] = 20 + (connection % 17)
  base.connect_us[row] = isServer ? Number.NaN : 100 + connection
}

function times(batch: FlowBatch, row: number, durationUs: number): void {
  const { start, end } = batch.base
  const [lo, hi] = START as unknown as [number, number]
  fromNumber(start, 2 * row, hi * 2 ** 32 + lo + row * 1_234_567)
  fromNumber(end, 2 * row, hi * 2 ** 32 + lo + row * 1_234_567 + durationUs * 1000)
}

function exchanges(): FlowBatch {
  const batch = new FlowBatch(ROWS)
  for (let i = 0; i < ROWS; i++) {
    const row = batch.addRow()
    const { base, strings } = batch
    endpoints(batch, row, (row >> 1) % CONNECTIONS)
    base.kind[row] = KIND.exchange
    base.state[row] = STATE.closed
    const duration = 900 + ((row * 7919) % 100_000) + 0.125
    times(batch, row, duration)
    base.duration_us[row] = duration
    base.ttfb_us[row] = duration - 77.25
    base.protocol[row] = strings.intern('http')
    base.protocol_version[row] = strings.intern('1.1')
    base.method[row] = strings.intern(row % 5 === 0 ? 'POST' : 'GET')
    base.target[row] = strings.intern(`/orders/${(row * 31) % 700}?page=REDACTED`)
    base.host[row] = strings.intern('orders.shop.svc.cluster.local')
    base.status[row] = row % 40 === 0 ? 404 : 200
    base.request_bytes[row] = 240 + (row % 30)
    base.response_bytes[row] = 800 + ((row * 13) % 5000)
    base.request_offset[row] = 300 * row
    const hasCause = row % 2 === 0
    base.cause_offset[row] = hasCause ? 250 * row : Number.NaN
    base.cause_confidence[row] = hasCause ? 0.9 : Number.NaN
    if (!hasCause) continue
    base.cause_method[row] = LINK_METHOD.thread
    base.cause_flow_id.set([row * 77, Math.imul(row, 0x27d4eb2f)], 2 * row)
  }
  new Origin({ id: '', name: '', node: 'worker-1' }).stamp(batch)
  return batch
}

function connections(): FlowBatch {
  const batch = new FlowBatch(ROWS)
  for (let i = 0; i < ROWS; i++) {
    const row = batch.addRow()
    const { base } = batch
    endpoints(batch, row, row >> 1)
    base.kind[row] = KIND.connection
    base.state[row] = row % 4 < 2 ? STATE.open : STATE.closed
    times(batch, row, 5_000_000 + row)
    base.isn_client[row] = Math.imul(row, 0x9e3779b1)
    base.isn_server[row] = Math.imul(row, 0x85ebca6b)
    if (base.state[row] === STATE.open) {
      base.end.fill(0, 2 * row, 2 * row + 2)
      continue
    }
    base.close_reason[row] = CLOSE_REASON.fin
    base.bytes_sent[row] = 14_000 + row
    base.bytes_received[row] = 230_000 + 7 * row
    base.segments_sent[row] = 80 + (row % 50)
    base.segments_received[row] = 120 + (row % 70)
    base.rttvar_us[row] = 10 + (row % 90)
  }
  new Origin({ id: '', name: '', node: 'worker-1' }).stamp(batch)
  return batch
}

/** As they are when k8s_attributes has joined both ends. */
function joined(batch: FlowBatch): FlowBatch {
  const { strings } = batch
  const k8s = batch.add('k8s')
  for (let row = 0; row < batch.rows; row++) {
    for (const [end, name] of [
      ['src', 'frontend'],
      ['dst', 'orders'],
    ] as const) {
      const pod = `${name}-5d8f7c9b4-x2x7${end === 'src' ? (row >> 1) % 20 : 0}`
      k8s[`${end}_service_name`][row] = strings.intern(name)
      k8s[`${end}_k8s_namespace`][row] = strings.intern('shop')
      k8s[`${end}_k8s_pod`][row] = strings.intern(pod)
      k8s[`${end}_k8s_pod_uid`][row] = strings.intern(`${pod}-8a51-4e0e-b6f2-8d0fb2b1a6a1`)
      k8s[`${end}_k8s_workload_kind`][row] = strings.intern('Deployment')
      k8s[`${end}_k8s_workload`][row] = strings.intern(name)
      k8s[`${end}_k8s_replicaset`][row] = strings.intern(`${name}-5d8f7c9b4`)
      k8s[`${end}_k8s_node`][row] = strings.intern('worker-1')
      k8s[`${end}_k8s_service`][row] = strings.intern(name)
    }
  }
  return batch
}

function measure(name: string, run: () => unknown): void {
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < ROUNDS; round++) {
    const before = process.cpuUsage()
    for (let i = 0; i < REQUESTS; i++) run()
    const { user, system } = process.cpuUsage(before)
    best = Math.min(best, user + system)
  }
  const rate = ((ROWS * REQUESTS) / best) * 1000
  console.log(`  ${name.padEnd(36)} ${rate.toFixed(0).padStart(6)} thousand rows/CPU s`)
}

const encoder = new FlowsEncoder('0.1.0')
const type = requestType('logs')
console.log(describeMachine())
for (const [what, batch] of [
  ['exchanges', exchanges()],
  ['exchanges, both ends joined', joined(exchanges())],
  ['connections', connections()],
] as const) {
  const { bytes } = encoder.encode(batch)
  const line = flowLog(batch)
  const json = Array.from({ length: ROWS }, (_, row) => line(row)).join('\n')
  const each = (length: number) => Math.round(length / ROWS)
  console.log(
    `${what}: ${each(bytes.length)} bytes a row, ${each(gzipSync(bytes).length)} with gzip` +
      ` (flow log: ${each(json.length)}, ${each(gzipSync(json).length)})`,
  )
  const decoded = type.decode(bytes)
  measure('encode', () => encoder.encode(batch))
  measure('protobufjs encode (objects made before)', () => type.encode(decoded).finish())
  measure('check and decode', () => {
    checkRequest('logs', bytes)
    return decodeFlows(bytes, ROWS)
  })
  measure('decode', () => decodeFlows(bytes, ROWS))
  measure('protobufjs decode (to objects)', () => type.decode(bytes))
}
