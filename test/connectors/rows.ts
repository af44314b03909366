/** Rows with all that a connector reads, by hand; and its surroundings. */
import pino from 'pino'
import type { Consumer, Settings, Signal } from '../../pipeline/component.ts'
import { FlowBatch } from '../../pipeline/flows/batch.ts'
import {
  CLOSE_REASON,
  type CloseReason,
  KIND,
  ROLE,
  STATE,
  TRANSPORT,
  UNFINISHED,
  type UnfinishedReason,
} from '../../pipeline/flows/schema.ts'
import { Ledger } from '../../pipeline/ledger.ts'
import type { OtlpBatch } from '../../pipeline/otlp/batch.ts'
import { OK, type Outcome } from '../../pipeline/outcome.ts'
import { settingsOf } from '../pipeline/surroundings.ts'

export interface EndText {
  readonly service_name?: string
  readonly k8s_namespace?: string
  readonly k8s_pod?: string
  readonly k8s_pod_uid?: string
  readonly k8s_workload_kind?: string
  readonly k8s_workload?: string
  readonly k8s_replicaset?: string
  readonly k8s_node?: string
  readonly k8s_service?: string
  readonly zone?: string
}

export interface FlowRow {
  readonly kind?: 'exchange' | 'connection' | 'listener' | 'episode'
  readonly state?: 'open' | 'interim' | 'closed'
  readonly role: 'client' | 'server'
  readonly transport?: 'tcp' | 'udp'
  readonly flow?: number
  readonly offset?: number
  readonly src?: readonly number[]
  readonly dst?: readonly number[]
  readonly comm?: string
  readonly protocol?: string
  readonly method?: string
  readonly target?: string
  readonly query?: string
  readonly namespace?: string
  readonly error?: string
  readonly answers?: string
  readonly host?: string
  readonly partition?: string
  readonly messages?: number
  readonly clientId?: string
  readonly waitMaxMs?: number
  readonly port?: number
  readonly version?: string
  readonly status?: number
  readonly durationUs?: number
  readonly connectUs?: number
  readonly srttUs?: number
  readonly retransmits?: number
  /** Of the request, with its head. */
  readonly bytes?: number
  readonly responseBytes?: number
  readonly sent?: number
  readonly received?: number
  /** Since the row before; else all. */
  readonly sentDelta?: number
  readonly reason?: CloseReason
  readonly marks?: readonly (
    | 'answer_truncated'
    | 'truncated'
    | 'desynchronised'
    | 'lossy'
    | 'flow_id_local'
  )[]
  readonly unfinished?: UnfinishedReason
  readonly source?: EndText
  readonly destination?: EndText
}

export const IPV4 = (a: number, b: number, c: number, d: number): readonly number[] => [
  ...Array(10).fill(0),
  0xff,
  0xff,
  a,
  b,
  c,
  d,
]

/** 2026-01-01T00:00:00Z in nanoseconds, as halves. */
export const START = halves(1_767_225_600_000_000_000n)

export function halves(value: bigint): [number, number] {
  return [Number(value & 0xffffffffn), Number(value >> 32n)]
}

export function flowBatch(...rows: FlowRow[]): FlowBatch {
  const batch = new FlowBatch(rows.length)
  for (const row of rows) addFlowRow(batch, row)
  return batch
}

export function addFlowRow(batch: FlowBatch, row: FlowRow): number {
  const { base } = batch
  const at = batch.addRow()
  const text = (value = '') => batch.strings.intern(value)
  base.kind[at] = KIND[row.kind ?? 'exchange']
  base.state[at] = STATE[row.state ?? 'closed']
  base.role[at] = ROLE[row.role]
  base.transport[at] = TRANSPORT[row.transport ?? 'tcp']
  base.flow_id.set([row.flow ?? 7, 9], at * 2)
  base.src_address.set(row.src ?? IPV4(10, 0, 0, 1), at * 16)
  base.dst_address.set(row.dst ?? IPV4(10, 0, 0, 2), at * 16)
  base.src_port[at] = 40_000
  base.dst_port[at] = row.port ?? 8080
  base.pid[at] = 4242
  base.comm[at] = text(row.comm ?? 'app')
  base.start.set(START, at * 2)
  const durationNs = BigInt(row.durationUs ?? 1500) * 1000n
  base.end.set(halves(1_767_225_600_000_000_000n + durationNs), at * 2)
  base.close_reason[at] = CLOSE_REASON[row.reason ?? 'none']
  base.connect_us[at] = row.connectUs ?? Number.NaN
  base.bytes_sent[at] = row.sent ?? 0
  base.bytes_received[at] = row.received ?? 0
  base.retransmits[at] = row.retransmits ?? 0
  base.bytes_sent_delta[at] = row.sentDelta ?? row.sent ?? 0
  base.bytes_received_delta[at] = row.received ?? 0
  base.retransmits_delta[at] = row.retransmits ?? 0
  base.srtt_us[at] = row.srttUs ?? 0
  base.min_rtt_us[at] = row.srttUs ?? 0
  base.protocol[at] = text(row.protocol ?? 'http')
  base.protocol_version[at] = text(row.version ?? '1.1')
  base.method[at] = text(row.method ?? 'GET')
  base.target[at] = text(row.target ?? '/cart')
  base.query[at] = text(row.query)
  base.namespace[at] = text(row.namespace)
  base.error[at] = text(row.error)
  base.answers[at] = text(row.answers)
  base.host[at] = text(row.host ?? 'api')
  base.partition[at] = text(row.partition)
  base.messages[at] = row.messages ?? 0
  base.client_id[at] = text(row.clientId)
  base.wait_max_ms[at] = row.waitMaxMs ?? 0
  base.status[at] = row.status ?? 200
  base.request_bytes[at] = row.bytes ?? 120
  base.response_bytes[at] = row.responseBytes ?? 4096
  base.duration_us[at] = row.durationUs ?? 1500
  base.request_offset[at] = row.offset ?? 0
  base.cause_offset[at] = Number.NaN
  base.cause_confidence[at] = Number.NaN
  base.unfinished[at] = UNFINISHED[row.unfinished ?? 'none']
  for (const mark of row.marks ?? []) base[mark][at] = 1
  writeEnd(batch, at, ['src', row.source])
  writeEnd(batch, at, ['dst', row.destination])
  return at
}

function writeEnd(
  batch: FlowBatch,
  row: number,
  [side, end]: ['src' | 'dst', EndText | undefined],
): void {
  if (end === undefined) return
  const k8s = batch.add('k8s')
  for (const [name, value] of Object.entries(end)) {
    k8s[`${side}_${name as keyof EndText}`][row] = batch.strings.intern(value)
  }
}

/** What stands around a connector: settings, and a consumer that keeps what it gets. */
export class Surroundings {
  readonly ledger = new Ledger(pino({ level: 'silent' }))
  readonly settings: Settings = settingsOf({ ledger: this.ledger, version: '1.2.3' })
  readonly got: OtlpBatch[] = []
  answer: () => Outcome | Promise<Outcome> = () => OK

  readonly next: Consumer<Exclude<Signal, 'flows'>> = {
    mutates: false,
    consume: (batch) => {
      const answer = this.answer()
      if (!(answer instanceof Promise) && answer.kind === 'ok') this.got.push(batch)
      return answer
    },
  }
}
