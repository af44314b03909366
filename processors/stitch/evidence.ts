/**
 * What a row says of its parent: the rules of stitching, row by row.
 *
 * | row | says | asks for |
 * |---|---|---|
 * | SERVER | its flow has a pair of ISNs | the CLIENT span of the same request: `identity`, 1 |
 * | SERVER | a traceparent | nothing: the span it names, if there is no CLIENT span |
 * | CLIENT | a cause, sure enough | the SERVER span of the cause, by the cause's method |
 * | CLIENT | a cause, not sure enough | that span too, but for a span link |
 * | CLIENT | a traceparent | nothing: the span it names |
 * | CLIENT | a traceparent and a cause, sure enough | whether the cause came with the same header |
 *
 * The last is a proxy that forwards headers without having a span of its own (nginx, by default):
 * to believe the header would make siblings of the chain's spans.
 */
import type { Columns } from '../../pipeline/flows/batch.ts'
import { RequestHash, type RequestKey } from '../../pipeline/flows/ids.ts'
import { KIND, LINK_METHOD, ROLE } from '../../pipeline/flows/schema.ts'
import { FLAG } from './record.ts'

/** What the awaited span is to become. */
export const EDGE = {
  /** Nothing is awaited. */
  none: 0,
  parent: 1,
  /** The parent, if it came with the same traceparent; else the span that names is. */
  forwarder: 2,
  /** The target of a span link. */
  candidate: 3,
} as const

/** Reused for each row. */
export interface Evidence {
  edge: number
  /** How the awaited span was found, as in a record. */
  method: number
  /** The awaited span. */
  span: Uint32Array
  /** The number of its request. */
  request: number
}

const cause: RequestKey = { flowLo: 0, flowHi: 0, offset: 0 }
const causeHash = new RequestHash()

export function newEvidence(): Evidence {
  return { edge: EDGE.none, method: 0, span: new Uint32Array(2), request: 0 }
}

export function hasTraceparent(base: Columns<'base'>, row: number): boolean {
  const { wire_trace_id: trace, wire_span_id: span } = base
  // Mostly there is none, so half of it is looked at.
  if (((span[row * 2] as number) | (span[row * 2 + 1] as number)) === 0) return false
  const at = row * 4
  return (
    ((trace[at] as number) |
      (trace[at + 1] as number) |
      (trace[at + 2] as number) |
      (trace[at + 3] as number)) !==
    0
  )
}

/** A call that another request made its process send. */
export function isCaused(base: Columns<'base'>, row: number): boolean {
  const cause = base.cause_flow_id
  return (
    base.kind[row] === KIND.exchange &&
    base.role[row] === ROLE.client &&
    ((cause[row * 2] as number) | (cause[row * 2 + 1] as number)) !== 0
  )
}

/** Whether a row came with its span, so with all that another processor decided. */
export function isDecided(stitch: Columns<'stitch'>, row: number): boolean {
  const { span_id: span } = stitch
  return ((span[row * 2] as number) | (span[row * 2 + 1] as number)) !== 0
}

/** The row that is read, and what is known beside it. */
interface RowRead {
  readonly row: number
  readonly confidenceMin: number
  /** Of the row's request. */
  readonly hash: RequestHash
}

/** Reads what an exchange row says of its parent into `out`. */
export function readEvidence(out: Evidence, base: Columns<'base'>, read: RowRead): void {
  out.edge = EDGE.none
  if (base.role[read.row] === ROLE.server) readServer(out, base, read)
  else readClient(out, base, read)
}

function readServer(out: Evidence, base: Columns<'base'>, { row, hash }: RowRead) {
  // An id made from addresses, ports and start: the other end has another one.
  if (base.flow_id_local[row] === 1) return
  hash.spanId(out.span, 0, ROLE.client)
  out.request = hash.number
  out.edge = EDGE.parent
  out.method = LINK_METHOD.identity
}

function readClient(out: Evidence, base: Columns<'base'>, { row, confidenceMin }: RowRead): void {
  const flow = base.cause_flow_id
  cause.flowLo = flow[row * 2] as number
  cause.flowHi = flow[row * 2 + 1] as number
  if ((cause.flowLo | cause.flowHi) === 0) return
  cause.offset = base.cause_offset[row] as number
  if (Number.isNaN(cause.offset)) return
  const sure = (base.cause_confidence[row] as number) >= confidenceMin
  const header = hasTraceparent(base, row)
  if (header && !sure) return
  causeHash.of(cause)
  causeHash.spanId(out.span, 0, ROLE.server)
  out.request = causeHash.number
  out.edge = header ? EDGE.forwarder : sure ? EDGE.parent : EDGE.candidate
  out.method = (base.cause_method[row] as number) | FLAG.cause
}
