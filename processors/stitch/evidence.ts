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
import { type RequestKey, spanId } from '../../pipeline/flows/ids.ts'
import { KIND, LINK_METHOD, ROLE } from '../../pipeline/flows/schema.ts'

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
  /** How the awaited span was found, and how sure that is. */
  method: number
  confidence: number
  /** The awaited span. */
  span: Uint32Array
  /** Whether to wait if nothing was seen of that span yet. */
  expect: boolean
}

const key: RequestKey = { flowLo: 0, flowHi: 0, offset: 0 }

export function newEvidence(): Evidence {
  return { edge: EDGE.none, method: 0, confidence: 0, span: new Uint32Array(2), expect: false }
}

export function hasTraceparent(base: Columns<'base'>, row: number): boolean {
  const { wire_trace_id: trace, wire_span_id: span } = base
  const at = row * 4
  return (
    ((trace[at] as number) |
      (trace[at + 1] as number) |
      (trace[at + 2] as number) |
      (trace[at + 3] as number)) !==
      0 && ((span[row * 2] as number) | (span[row * 2 + 1] as number)) !== 0
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

/**
 * Reads what an exchange row says of its parent into `out`.
 * @param clientKnown whether the client's end of the row's flow is seen here
 */
export function readEvidence(
  out: Evidence,
  base: Columns<'base'>,
  about: { row: number; confidenceMin: number; clientKnown: boolean },
): void {
  out.edge = EDGE.none
  if (base.role[about.row] === ROLE.server) readServer(out, base, about)
  else readClient(out, base, about)
}

function readServer(
  out: Evidence,
  base: Columns<'base'>,
  { row, clientKnown }: { row: number; clientKnown: boolean },
): void {
  // An id made from addresses, ports and start: the other end has another one.
  if (base.flow_id_local[row] === 1) return
  key.flowLo = base.flow_id[row * 2] as number
  key.flowHi = base.flow_id[row * 2 + 1] as number
  key.offset = base.request_offset[row] as number
  spanId(out.span, 0, key, ROLE.client)
  out.edge = EDGE.parent
  out.method = LINK_METHOD.identity
  out.confidence = 1
  out.expect = clientKnown
}

function readClient(
  out: Evidence,
  base: Columns<'base'>,
  { row, confidenceMin }: { row: number; confidenceMin: number },
): void {
  key.flowLo = base.cause_flow_id[row * 2] as number
  key.flowHi = base.cause_flow_id[row * 2 + 1] as number
  key.offset = base.cause_offset[row] as number
  if ((key.flowLo === 0 && key.flowHi === 0) || Number.isNaN(key.offset)) return
  const confidence = base.cause_confidence[row] as number
  const sure = confidence >= confidenceMin
  const header = hasTraceparent(base, row)
  if (header && !sure) return
  spanId(out.span, 0, key, ROLE.server)
  out.edge = header ? EDGE.forwarder : sure ? EDGE.parent : EDGE.candidate
  out.method = base.cause_method[row] as number
  out.confidence = confidence
  out.expect = true
}
