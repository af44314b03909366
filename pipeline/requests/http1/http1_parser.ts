/** Pairs the requests and responses of a connection in order (RFC 9112 §9.3.2). */
import type { Exchange } from '../exchange.ts'
import type { Exchanges } from '../exchanges.ts'
import type { Parser } from '../parser.ts'
import type { Shared } from '../shared.ts'
import { BODY, type Body, requestBody, responseBody } from './framing.ts'
import type { Head } from './head.ts'
import type { Piece } from './piece.ts'
import { Http1Stream, type MessageSink } from './stream.ts'
import { authorityOf, pathOf } from './target.ts'

/** As many pieces of no HTTP, from a connection's beginning on, and it speaks something else. */
const OTHER_PIECES_MAX = 8

export class Http1Parser implements Parser, MessageSink {
  readonly #requests: Http1Stream
  readonly #responses: Http1Stream
  readonly #exchanges: Exchanges
  readonly #shared: Shared

  constructor(exchanges: Exchanges, shared: Shared) {
    this.#exchanges = exchanges
    this.#shared = shared
    this.#requests = new Http1Stream(true, this, shared.http1)
    this.#responses = new Http1Stream(false, this, shared.http1)
  }

  get requestPosition(): number {
    return this.#requests.position
  }

  get responsePosition(): number {
    return this.#responses.position
  }

  get lastNs(): number {
    return Math.max(this.#requests.lastNs, this.#responses.lastNs)
  }

  feed(piece: Piece, fromClient: boolean): void {
    if (fromClient) this.#requests.feed(piece)
    else this.#responses.feed(piece)
  }

  sweep(silentNs: number): void {
    if (this.#responses.lastNs < silentNs) this.#responses.endUnframed()
  }

  abandoned(): void {
    this.#responses.resynchronised = true
  }

  finish(): void {
    this.#requests.finish()
    this.#responses.finish()
  }

  /** A tunnel, or what was taken for HTTP for want of anything better. */
  wantedFrom(): number {
    const [requests, responses] = [this.#requests, this.#responses]
    const isOver = requests.stopped && responses.stopped
    const isOther = requests.otherPieces + responses.otherPieces >= OTHER_PIECES_MAX
    return isOver || isOther ? Number.POSITIVE_INFINITY : 0
  }

  head(stream: Http1Stream, head: Head): Body {
    return stream.isRequest ? this.#request(stream, head) : this.#response(stream, head)
  }

  end(stream: Http1Stream): void {
    const exchange = stream.isRequest ? this.#exchanges.asking : this.#exchanges.answering
    if (exchange === undefined) return
    if (stream.desynchronised) exchange.desynchronised = true
    const at = { position: stream.position, ns: stream.lastNs }
    if (stream.isRequest) this.#exchanges.requestEnd(exchange, at)
    else this.#exchanges.responseEnd(exchange, at)
  }

  #request(stream: Http1Stream, head: Head): Body {
    // Without pipelining, a new request says that the response before it is over.
    if (this.#exchanges.waiting === 1) this.#responses.endUnframed()
    this.#exchanges.begin(stream, {
      protocol: 'http',
      version: head.version,
      method: head.method,
      target: pathOf(head.target, this.#shared.query),
      host: authorityOf(head.target) || head.host,
      trace: head.traces === 1 ? head.trace.slice() : undefined,
      truncated: stream.cut,
    })
    return requestBody(head)
  }

  #response(stream: Http1Stream, head: Head): Body {
    // Interim responses go before the one that answers (RFC 9110 §15.2).
    if (head.status < 200 && head.status !== 101) return BODY.none
    if (stream.resynchronised) this.#dropUnanswered()
    const exchange = this.#exchanges.oldest
    if (exchange === undefined || exchange.responseDone) {
      this.#exchanges.orphanResponse()
      return BODY.unknown
    }
    if (exchange === this.#exchanges.asking) this.#requests.endUnframed()
    exchange.status = head.status
    if (stream.cut) exchange.truncated = true
    this.#exchanges.answer(exchange, stream)
    const body = responseBody(head, exchange.method)
    if (body === BODY.tunnel) {
      if (exchange === this.#exchanges.asking) this.end(this.#requests)
      this.#requests.stop()
    }
    return body
  }

  /**
   * Responses were missed. Without pipelining the next one answers the newest request; with it
   * nobody can tell, so that one is marked too.
   */
  #dropUnanswered(): void {
    if (this.#exchanges.waiting < 2) return
    const newest = this.#exchanges.newest as Exchange
    newest.desynchronised = true
    this.#exchanges.abandonAllButNewest()
  }
}
