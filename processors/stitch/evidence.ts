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

/**
 * The row that is being taken: the ids of its request, and what it says of its parent. One for all
 * rows, as there is no time for an object each.
 */
export class Evidence {
  /** Of the row's request. */
  readonly hash = new RequestHash()
  readonly flow = new Int32Array(2)
  /** The row's span. */
  readonly id = new Int32Array(2)
  /** The number of its request. */
  number = 0
  /** A cause less sure than this is a candidate. */
  confidenceMin = 0
  edge: number = EDGE.none
  /** How the awaited span was found, as in a record. */
  method = 0
  /** The awaited span, the CLIENT's of its request, and that request's number. */
  readonly span = new Int32Array(2)
  readonly caller = new Int32Array(2)
  request = 0
  readonly #key: RequestKey = { flowLo: 0, flowHi: 0, offset: 0 }
  readonly #cause = new RequestHash()

  /** Of which request a row is. */
  ofRequest(base: Columns<'base'>, row: number): void {
    const { flow } = this
    const key = this.#key
    flow[0] = base.flow_id[row * 2] as number
    flow[1] = base.flow_id[row * 2 + 1] as number
    key.flowLo = flow[0] as number
    key.flowHi = flow[1] as number
    key.offset = base.request_offset[row] as number
    this.hash.of(key)
    this.number = this.hash.number
  }

  /** Of which span, once it is known of which request. */
  ofSpan(base: Columns<'base'>, row: number): void {
    this.hash.spanId(this.id, 0, base.role[row] as number)
  }

  /** What it says of its parent. */
  read(base: Columns<'base'>, row: number): void {
    this.edge = EDGE.none
    this.method = 0
    if (base.role[row] === ROLE.server) this.#readServer(base, row)
    else this.#readClient(base, row)
  }

  #readServer(base: Columns<'base'>, row: number): void {
    // An id made from addresses, ports and start: the other end has another one.
    if (base.flow_id_local[row] === 1) return
    const { span, caller } = this
    this.hash.spanId(span, 0, ROLE.client)
    caller[0] = span[0] as number
    caller[1] = span[1] as number
    this.request = this.number
    this.edge = EDGE.parent
    this.method = LINK_METHOD.identity
  }

  #readClient(base: Columns<'base'>, row: number): void {
    const flow = base.cause_flow_id
    const lo = (flow[row * 2] as number) | 0
    const hi = (flow[row * 2 + 1] as number) | 0
    if ((lo | hi) === 0) return
    const offset = base.cause_offset[row] as number
    if (Number.isNaN(offset)) return
    const sure = (base.cause_confidence[row] as number) >= this.confidenceMin
    const header = hasTraceparent(base, row)
    if (header && !sure) return
    const key = this.#key
    const cause = this.#cause
    key.flowLo = lo
    key.flowHi = hi
    key.offset = offset
    cause.of(key)
    cause.spanId(this.span, 0, ROLE.server)
    cause.spanId(this.caller, 0, ROLE.client)
    this.request = cause.number
    this.edge = header ? EDGE.forwarder : sure ? EDGE.parent : EDGE.candidate
    this.method = (base.cause_method[row] as number) | FLAG.cause
  }
}
