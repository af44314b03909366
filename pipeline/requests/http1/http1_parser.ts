/** Pairs the requests and responses of a connection in order (RFC 9112 §9.3.2). */
import type { Exchange } from '../exchange.ts'
import type { Exchanges } from '../exchanges.ts'
import { Http2Parser } from '../http2/http2_parser.ts'
import type { Parser } from '../parser.ts'
import type { Piece } from '../piece.ts'
import type { Shared } from '../shared.ts'
import { authorityIn, pathIn } from '../target.ts'
import type { TlsStart } from '../tls/tls_parser.ts'
import { traceWords } from '../traceparent.ts'
import { BODY, type Body, requestBody, responseBody } from './framing.ts'
import type { Head } from './head.ts'
import { Http1Stream, type MessageSink } from './stream.ts'
import { Tunnel } from './tunnel.ts'

/** As many pieces of no HTTP, from a connection's beginning on, and it speaks something else. */
const OTHER_PIECES_MAX = 8

export class Http1Parser implements Parser, MessageSink {
  readonly #requests: Http1Stream
  readonly #responses: Http1Stream
  readonly #exchanges: Exchanges
  readonly #shared: Shared
  /** The request that is coming in waits for leave to send its body. */
  #expects = false
  #tunnel: Tunnel | undefined
  /** Once the connection speaks HTTP/2. */
  touched?: () => Exchange | undefined
  /** Requests were seen that did not wait for the response before them. */
  #pipelines = false
  /**
   * Messages are missing of a connection that pipelines: which response answers which request is
   * known again once a request follows a response that followed a request.
   */
  #isInDoubt = false
  #hasAnswered = false

  /** @param start where the directions begin to speak HTTP */
  constructor(exchanges: Exchanges, shared: Shared, start?: TlsStart) {
    this.#exchanges = exchanges
    this.#shared = shared
    this.#requests = new Http1Stream(true, this, shared.http1)
    this.#responses = new Http1Stream(false, this, shared.http1)
    this.#requests.position = start?.request ?? 0
    this.#responses.position = start?.response ?? 0
  }

  get requestPosition(): number {
    return this.#tunnel?.inner?.requestPosition ?? this.#requests.position
  }

  get responsePosition(): number {
    return this.#tunnel?.inner?.responsePosition ?? this.#responses.position
  }

  get lastNs(): number {
    const lastNs = Math.max(this.#requests.lastNs, this.#responses.lastNs)
    return Math.max(this.#tunnel?.inner?.lastNs ?? 0, lastNs)
  }

  feed(piece: Piece, fromClient: boolean): void {
    if (this.#tunnel === undefined) {
      if (fromClient) this.#requests.feed(piece)
      else this.#responses.feed(piece)
    }
    // What follows the head that opens a tunnel may be in its piece.
    this.#tunnel?.feed(piece, fromClient)
  }

  sweep(silentNs: number): void {
    if (this.#responses.lastNs < silentNs) this.#responses.endUnframed()
    const isAnswered = this.#exchanges.asking?.responseDone
    if (isAnswered && this.#requests.lastNs < silentNs) this.#requests.endUnframed()
    this.#tunnel?.inner?.sweep(silentNs)
  }

  abandoned(exchange: Exchange): void {
    this.#responses.resynchronised = true
    this.#tunnel?.inner?.abandoned(exchange)
  }

  finish(): void {
    // Who has its answer need not have sent all of its request.
    this.#requests.finish({ isCutShort: this.#exchanges.asking?.responseDone !== true })
    this.#responses.finish({ isCutShort: true })
    this.#tunnel?.inner?.finish()
  }

  /** A tunnel, or what was taken for HTTP for want of anything better. */
  wantedFrom(fromClient: boolean): number {
    if (this.#tunnel !== undefined) return this.#tunnel.wantedFrom(fromClient)
    const stream = fromClient ? this.#requests : this.#responses
    if (stream.otherPieces < 0 && !stream.stopped) return stream.wantedFrom
    const other = fromClient ? this.#responses : this.#requests
    const isOver = stream.stopped && other.stopped
    const isOther = stream.otherPieces + other.otherPieces >= OTHER_PIECES_MAX
    return isOver || isOther ? Number.POSITIVE_INFINITY : stream.wantedFrom
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
    const before = this.#exchanges.newest
    if (before !== undefined && before.startNs === stream.startNs) this.#pipelines = true
    if (this.#hasAnswered) this.#isInDoubt = false
    this.#hasAnswered = false
    if (stream.resynchronised) this.#requestsMissed()
    this.#expects = head.expects
    const { bytes, targetAt, targetEnd } = head
    const exchange = this.#exchanges.begin(stream, {
      protocol: 'http',
      version: head.version,
      method: head.method,
      target: pathIn(bytes, this.#shared.query, targetAt, targetEnd),
      host: authorityIn(bytes, targetAt, targetEnd) || head.host,
      trace: head.traces === 1 ? traceWords(head.trace) : undefined,
      truncated: stream.cut,
    })
    this.#mark(exchange, head)
    if (this.#isInDoubt) this.#exchanges.abandon(exchange)
    return requestBody(head)
  }

  #response(stream: Http1Stream, head: Head): Body {
    // Interim responses go before the one that answers (RFC 9110 §15.2).
    if (head.status < 200 && head.status !== 101) return BODY.none
    this.#hasAnswered = true
    if (stream.resynchronised) this.#responsesMissed()
    else if (this.#exchanges.waiting > 1) this.#pipelines = true
    const exchange = this.#exchanges.oldest
    if (exchange === undefined || exchange.responseDone) {
      this.#exchanges.orphanResponse()
      return BODY.unknown
    }
    if (exchange === this.#exchanges.asking) {
      this.#requests.endUnframed()
      // RFC 9110 §10.1.1: the body may come now, or never.
      if (this.#expects) this.#requests.doubtBody()
    }
    if (head.status === 101 && head.upgradesToHttp2) return this.#upgrade(exchange, stream)
    exchange.status = head.status
    if (stream.cut) exchange.truncated = true
    this.#mark(exchange, head)
    this.#exchanges.answer(exchange, stream)
    const body = responseBody(head, exchange.method)
    if (body === BODY.tunnel) {
      if (exchange === this.#exchanges.asking) this.end(this.#requests)
      const start = { request: this.#requests.position, response: stream.position }
      this.#requests.stop()
      if (head.status !== 101) this.#tunnel = this.#opened(start)
    }
    return body
  }

  #opened(start: TlsStart): Tunnel {
    const [exchanges, shared] = [this.#exchanges, this.#shared]
    const openHttp = () => new Http1Parser(exchanges, shared, start)
    return new Tunnel({ exchanges, shared, start, openHttp })
  }

  /** What was asked is answered in HTTP/2; servers take it whole before they agree to that. */
  #upgrade(exchange: Exchange, stream: Http1Stream): Body {
    if (exchange === this.#exchanges.asking) this.end(this.#requests)
    const start = { request: this.#requests.position, response: stream.position }
    const inner = new Http2Parser(this.#exchanges, this.#shared, { exchange, ...start })
    this.#requests.stop()
    this.#tunnel = this.#opened(start)
    this.#tunnel.inner = inner
    this.touched = () => inner.touched()
    stream.stop()
    return BODY.tunnel
  }

  /** RFC 9112 §6.3: what asks for two framings may be an attempt to smuggle a message. */
  #mark(exchange: Exchange, head: Head): void {
    if (!head.isAmbiguous) return
    exchange.ambiguous = true
    this.#shared.count('http_ambiguous')
  }

  /** Whoever does not pipeline has had the responses to all before, so they are missing. */
  #requestsMissed(): void {
    this.#exchanges.abandonAll()
    this.#isInDoubt = this.#pipelines
  }

  /**
   * Without pipelining the next response answers the newest request, unless one that came after it
   * may be missing as well.
   */
  #responsesMissed(): void {
    const { newest } = this.#exchanges
    if (newest === undefined) return
    if (this.#pipelines || this.#exchanges.isLossy(newest)) {
      this.#exchanges.abandonAll()
      this.#isInDoubt = this.#pipelines
      this.#hasAnswered = false
      return
    }
    if (this.#exchanges.waiting < 2) return
    newest.desynchronised = true
    this.#exchanges.abandonAllButNewest()
  }
}
