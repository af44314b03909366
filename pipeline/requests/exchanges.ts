/**
 * Pairs the requests and responses of a connection, in order (RFC 9112 §9.3.2), into exchanges.
 *
 * An exchange begins with the first byte of its request and ends with the last byte of its
 * response, as this host's kernel saw them written or read. Sizes are differences of stream
 * offsets, so bodies count whose bytes were never copied.
 */
import { ROLE } from '../flows/schema.ts'
import type { Causes } from './causes.ts'
import type { Connection } from './connection.ts'
import { BODY, type Body, requestBody, responseBody } from './http1/framing.ts'
import type { Head } from './http1/head.ts'
import type { Piece } from './http1/piece.ts'
import type { Http1Shared } from './http1/shared.ts'
import { Http1Stream, type MessageSink } from './http1/stream.ts'
import { authorityOf, pathOf, type QueryPolicy } from './http1/target.ts'
import type { OpenExchanges } from './open_exchanges.ts'

export class Exchange {
  readonly connection: Connection
  readonly method: string
  readonly target: string
  readonly host: string
  readonly version: string
  /** traceparent as Head.trace has it. */
  readonly trace: Uint32Array | undefined
  readonly requestOffset: number
  readonly startNs: number
  /** Who wrote the request, or has read of it last. */
  readonly pid: number
  tid: number
  /** The request that made the process send this one, and how that is known: causes.ts. */
  cause: Exchange | undefined
  causeMethod = 0
  causeConfidence = Number.NaN
  /** When it began, in terms of losses of pieces. */
  readonly lossEpoch: number
  readonly retransmitsBefore: number

  status = 0
  requestBytes = 0
  responseBytes = 0
  responseOffset = 0
  requestEndNs = 0
  responseStartNs = 0
  endNs = 0
  requestDone = false
  responseDone = false
  truncated = false
  desynchronised = false

  /** causes.ts: place among the thread's and the process's open requests, and when last read. */
  threadSlot = -1
  processSlot = -1
  readOrder = 0
  /** causes.ts: calls surely in its name, those without an answer, since when there are any. */
  calls = 0
  awaited = 0
  awaitsSinceNs = 0
  /** Its cause is known well enough to count it there, and it does in `awaited`. */
  isSure = false
  isAwaited = false
  /** open_exchanges.ts: neighbours in order of begin. */
  previous: Exchange | undefined
  next: Exchange | undefined
  announced = false
  open = true

  constructor(
    connection: Connection,
    request: { stream: Http1Stream; head: Head; query: QueryPolicy; lossEpoch: number },
  ) {
    const { stream, head } = request
    this.connection = connection
    this.method = head.method
    this.target = pathOf(head.target, request.query)
    this.host = authorityOf(head.target) || head.host
    this.version = head.version
    this.trace = head.traces === 1 ? head.trace.slice() : undefined
    this.requestOffset = stream.startOffset
    this.startNs = stream.startNs
    this.pid = stream.startPid
    this.tid = stream.startTid
    this.lossEpoch = request.lossEpoch
    this.retransmitsBefore = stream.startRetransmits
    this.truncated = stream.cut
  }
}

/** What the pairings of all connections share. */
export interface ExchangeContext {
  readonly http1: Http1Shared
  readonly causes: Causes
  readonly open: OpenExchanges
  readonly query: QueryPolicy
  readonly pipelinedMax: number
  /** The one that an exchange begins in: `Exchange.lossEpoch`. */
  lossEpoch(): number
  /** The exchange has ended. */
  ended(exchange: Exchange): void
  /** A response came to which no request was seen. */
  orphanResponse(): void
}

export class Pairing implements MessageSink {
  readonly requests: Http1Stream
  readonly responses: Http1Stream
  readonly #connection: Connection
  readonly #context: ExchangeContext
  /** Exchanges without an end, oldest first. */
  #waiting: Exchange[] = []
  /** Of those, the one whose request or response is coming in. */
  #asking: Exchange | undefined
  #answering: Exchange | undefined
  #first = true

  constructor(connection: Connection, context: ExchangeContext) {
    this.#connection = connection
    this.#context = context
    this.requests = new Http1Stream(true, this, context.http1)
    this.responses = new Http1Stream(false, this, context.http1)
  }

  get waiting(): number {
    return this.#waiting.length
  }

  feed(piece: Piece): void {
    const { causes } = this.#context
    const client = this.#connection.role === ROLE.client
    if (piece.sent !== client) {
      const answered = client ? this.#only : undefined
      this.responses.feed(piece)
      causes.turned(piece, sureCause(answered), this.#connection)
      return
    }
    const before = this.#asking
    this.requests.feed(piece)
    if (before !== undefined && !client) causes.readBy(before, piece.tid)
    const asked = this.#only
    causes.turned(piece, client ? sureCause(asked) : asked, this.#connection)
  }

  /** Bytes that were peeked at before were taken now, by this thread. */
  taken(piece: Piece): void {
    const newest = this.#waiting.at(-1)
    if (newest === undefined || this.#connection.role !== ROLE.server) return
    this.#context.causes.readBy(newest, piece.tid)
    this.#context.causes.turned(piece, this.#only, this.#connection)
  }

  /** The one exchange without an end; undefined: none, or pipelined ones. */
  get #only(): Exchange | undefined {
    return this.#waiting.length === 1 ? this.#waiting[0] : undefined
  }

  head(stream: Http1Stream, head: Head): Body {
    return stream.isRequest ? this.#request(stream, head) : this.#response(stream, head)
  }

  end(stream: Http1Stream): void {
    if (stream.isRequest) this.#requestEnd(stream)
    else this.#responseEnd(stream)
  }

  /** The connection has ended, at `endNs`; exchanges without an end get this one. */
  finish(endNs: number): void {
    this.requests.finish()
    this.responses.finish()
    while (this.#waiting.length > 0) {
      const exchange = this.#waiting[0] as Exchange
      exchange.desynchronised = true
      if (exchange.endNs === 0) exchange.endNs = Math.max(endNs, exchange.startNs)
      this.#close(exchange)
    }
  }

  /** Gives an exchange up: whatever comes of it later is not paired with it. */
  abandon(exchange: Exchange): void {
    exchange.desynchronised = true
    exchange.endNs ||= Math.max(this.requests.lastNs, this.responses.lastNs)
    this.responses.resynchronised = true
    this.#close(exchange)
  }

  #request(stream: Http1Stream, head: Head): Body {
    // Without pipelining, a new request says that the response before it is over.
    if (this.#waiting.length === 1) this.responses.endUnframed()
    if (this.#waiting.length >= this.#context.pipelinedMax) {
      this.abandon(this.#waiting[0] as Exchange)
    }
    const { causes, open, query } = this.#context
    const lossEpoch = this.#context.lossEpoch()
    const exchange = new Exchange(this.#connection, { stream, head, query, lossEpoch })
    this.#waiting.push(exchange)
    this.#asking = exchange
    if (this.#connection.role === ROLE.server) causes.received(exchange)
    else causes.find(exchange, { first: this.#first, sleeps: stream.startSleeps })
    this.#first = false
    open.add(exchange)
    return requestBody(head)
  }

  #requestEnd(stream: Http1Stream): void {
    const exchange = this.#asking
    if (exchange === undefined) return
    this.#asking = undefined
    exchange.requestDone = true
    exchange.requestBytes = stream.position - exchange.requestOffset
    exchange.requestEndNs = stream.lastNs
    if (stream.desynchronised) exchange.desynchronised = true
    if (exchange.responseDone) this.#close(exchange)
  }

  #response(stream: Http1Stream, head: Head): Body {
    // Interim responses go before the one that answers (RFC 9110 §15.2).
    if (head.status < 200 && head.status !== 101) return BODY.none
    if (stream.resynchronised) this.#dropUnanswered()
    const exchange = this.#waiting[0]
    if (exchange === undefined || exchange.responseDone) {
      this.#context.orphanResponse()
      return BODY.unknown
    }
    if (exchange === this.#asking) this.requests.endUnframed()
    this.#answering = exchange
    exchange.status = head.status
    exchange.responseStartNs = stream.startNs
    exchange.responseOffset = stream.startOffset
    if (stream.cut) exchange.truncated = true
    const { causes } = this.#context
    if (this.#connection.role === ROLE.server) causes.answering(exchange, stream.startTid)
    else causes.returned(exchange, stream.startTid)
    const body = responseBody(head, exchange.method)
    if (body === BODY.tunnel) {
      if (exchange === this.#asking) this.#requestEnd(this.requests)
      this.requests.stop()
    }
    return body
  }

  #responseEnd(stream: Http1Stream): void {
    const exchange = this.#answering
    if (exchange === undefined) return
    this.#answering = undefined
    exchange.responseDone = true
    exchange.responseBytes = stream.position - exchange.responseOffset
    exchange.endNs = stream.lastNs
    if (stream.desynchronised) exchange.desynchronised = true
    if (exchange.requestDone) this.#close(exchange)
  }

  /**
   * Responses were missed. Without pipelining the next one answers the newest request; with it
   * nobody can tell, so that one is marked too.
   */
  #dropUnanswered(): void {
    if (this.#waiting.length < 2) return
    const newest = this.#waiting.at(-1) as Exchange
    newest.desynchronised = true
    for (const exchange of this.#waiting.slice(0, -1)) this.abandon(exchange)
  }

  #close(exchange: Exchange): void {
    this.#measureOpenEnds(exchange)
    const at = this.#waiting.indexOf(exchange)
    if (at === 0) this.#waiting.shift()
    else if (at > 0) this.#waiting.splice(at, 1)
    if (this.#asking === exchange) this.#asking = undefined
    if (this.#answering === exchange) this.#answering = undefined
    exchange.open = false
    this.#context.causes.answered(exchange)
    this.#context.open.delete(exchange)
    this.#context.ended(exchange)
  }

  /** Sizes of what has no end: as much as was seen. */
  #measureOpenEnds(exchange: Exchange): void {
    if (!exchange.requestDone && exchange === this.#asking) {
      exchange.requestBytes = this.requests.position - exchange.requestOffset
    }
    if (!exchange.responseDone && exchange === this.#answering) {
      exchange.responseBytes = this.responses.position - exchange.responseOffset
    }
  }
}

function sureCause(call: Exchange | undefined): Exchange | undefined {
  return call?.isSure ? call.cause : undefined
}
