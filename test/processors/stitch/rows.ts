/** Flow rows by hand, for tests of what stands behind a receiver. */
import { FlowBatch } from '../../../pipeline/flows/batch.ts'
import { KIND, LINK_METHOD, type LinkMethod, ROLE, STATE } from '../../../pipeline/flows/schema.ts'

export interface Cause {
  readonly flow: number
  readonly offset: number
  readonly confidence?: number
  readonly method?: LinkMethod
}

export interface Row {
  readonly kind?: 'exchange' | 'connection'
  readonly state?: 'open' | 'closed'
  readonly role: 'client' | 'server'
  /** Low half of the flow id; the high half is a function of it. */
  readonly flow: number
  readonly local?: boolean
  readonly offset?: number
  readonly cause?: Cause
  /** Low words of the trace id and span id on the wire. */
  readonly traceparent?: readonly [trace: number, span: number]
  /** The run of the agent that saw it, and its number there. */
  readonly identity?: readonly [run: string, sequence: number]
  /** Low half of when its agent handed it on; the high half is 1. With an identity. */
  readonly observed?: number
  /** What the clock of its host said, in seconds. */
  readonly startS?: number
  /** Says which row this is when it comes out. */
  readonly name?: string
}

const FLOW_HIGH = 0x9e3779b9

export function batchOf(rows: readonly Row[], capacity = rows.length): FlowBatch {
  const batch = new FlowBatch(Math.max(capacity, 1))
  for (const row of rows) addRow(batch, row)
  return batch
}

export function addRow(batch: FlowBatch, row: Row): number {
  const { base } = batch
  const at = batch.addRow()
  base.kind[at] = KIND[row.kind ?? 'exchange']
  base.state[at] = STATE[row.state ?? 'closed']
  base.role[at] = ROLE[row.role]
  base.flow_id.set([row.flow, FLOW_HIGH], at * 2)
  base.flow_id_local[at] = row.local ? 1 : 0
  base.request_offset[at] = row.offset ?? 0
  base.cause_offset[at] = Number.NaN
  base.cause_confidence[at] = Number.NaN
  base.method[at] = batch.strings.intern(row.name ?? '')
  if (row.cause !== undefined) {
    base.cause_flow_id.set([row.cause.flow, FLOW_HIGH], at * 2)
    base.cause_offset[at] = row.cause.offset
    base.cause_method[at] = LINK_METHOD[row.cause.method ?? 'thread']
    base.cause_confidence[at] = row.cause.confidence ?? 0.95
  }
  if (row.identity !== undefined) {
    const origin = batch.add('origin')
    origin.agent_id[at] = batch.strings.intern(row.identity[0])
    origin.sequence[at] = row.identity[1]
    origin.observed.set([row.observed ?? 0, 1], at * 2)
  }
  if (row.startS !== undefined) {
    const ns = BigInt(row.startS) * 1_000_000_000n
    base.start.set([Number(ns & 0xffffffffn), Number(ns >> 32n)], at * 2)
  }
  if (row.traceparent !== undefined) {
    base.wire_trace_id.set([row.traceparent[0], 2, 3, 4], at * 4)
    base.wire_span_id.set([row.traceparent[1], 5], at * 2)
    base.wire_trace_flags[at] = 1
  }
  return at
}
