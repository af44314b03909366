/**
 * Pairs the requests and responses of HTTP/2 (RFC 9113 §8.1) by their streams; gRPC is HTTP/2 whose
 * responses end with fields that tell how the call went.
 *
 *     client   HEADERS ─ DATA … END_STREAM               a stream is an exchange; its frames stand
 *     server   (1xx) HEADERS ─ DATA … HEADERS END_STREAM  among those of others
 */
import type { Exchange } from '../exchange.ts'
import type { Exchanges } from '../exchanges.ts'
import type { Parser } from '../parser.ts'
import type { Piece } from '../piece.ts'
import { type Remembered, remembered } from '../remembered.ts'
import type { Shared } from '../shared.ts'
import { pathAt } from '../target.ts'
import { MadeOf } from '../texts.ts'
import { traceWords } from '../traceparent.ts'
import { type Block, Direction, type Http2Sink } from './direction.ts'
import type { Fields } from './fields.ts'
import { FLAG, FRAME_HEADER_BYTES, type FrameHeader } from './frame_types.ts'
import {
  grpcError,
  grpcStatusOfHttp,
  grpcStatusOfReset,
  http2Error,
  NO_ERROR,
  REFUSED_STREAM,
} from './grpc.ts'

/** A request of HTTP/1 that is answered in HTTP/2 (RFC 7540 §3.2): its stream is the first. */
export interface Upgraded {
  readonly exchange: Exchange
  /** Where both directions begin to speak HTTP/2. */
  readonly request: number
  readonly response: number
}

interface Stream {
  readonly id: number
  readonly exchange: Exchange
  grpcTimeoutNs: number
  /** The header fields of the response have come; the next ones are trailers. */
  answered: boolean
  /** :status, and grpc-status where there is one. */
  httpStatus: number
  grpcStatus: number
  /** Fields may have been there that could not be read. */
  isUnsure: boolean
}

/** Of data; one object is filled again for each. */
const frame = { bytes: 0, endsStream: false }

/** Of paths. */
const METHODS = new MadeOf(methodOf)

/** Remembered.words: what streams were. */
const HAS_GRPC = 1
const HAS_OTHER = 2

export class Http2Parser implements Parser, Http2Sink {
  readonly #exchanges: Exchanges
  readonly #shared: Shared
  readonly #requests: Direction
  readonly #responses: Direction
  readonly #streams = new Map<number, Stream>()
  /** The stream that was looked for last, if it is open: most frames are of it again. */
  #latest: Stream | undefined
  /** What streams of the connection were, as far as their content types were read. */
  #hasGrpc = false
  #hasOther = false
  /** The highest stream of the client so far. */
  #lastStream = 0
  #piece: Piece | undefined
  #touched: Exchange | undefined
  #touchedSeveral = false
  #remembered = remembered('http2')

  constructor(exchanges: Exchanges, shared: Shared, upgraded?: Upgraded) {
    this.#exchanges = exchanges
    this.#shared = shared
    this.#requests = new Direction(true, { sink: this, shared })
    this.#responses = new Direction(false, { sink: this, shared })
    if (upgraded !== undefined) this.#upgrade(upgraded)
  }

  /** What comes next is amidst a connection, of which this was known. */
  resume(before: Remembered): void {
    this.#remembered = before
    const [streams] = before.words
    this.#hasGrpc = (streams & HAS_GRPC) !== 0
    this.#hasOther = (streams & HAS_OTHER) !== 0
    this.#requests.lose()
    this.#responses.lose()
  }

  get remembered(): Remembered {
    const streams = (this.#hasGrpc ? HAS_GRPC : 0) | (this.#hasOther ? HAS_OTHER : 0)
    if (streams !== this.#remembered.words[0]) {
      this.#remembered = remembered('http2', { words: [streams, 0] })
    }
    return this.#remembered
  }

  get requestPosition(): number {
    return this.#requests.frames.position
  }

  get responsePosition(): number {
    return this.#responses.frames.position
  }

  get lastNs(): number {
    return Math.max(this.#requests.frames.lastNs, this.#responses.frames.lastNs)
  }

  touched(): Exchange | undefined {
    return this.#touchedSeveral ? undefined : this.#touched
  }

  feed(piece: Piece, fromClient: boolean): void {
    this.#touched = undefined
    this.#touchedSeveral = false
    this.#piece = piece
    if (fromClient) this.#requests.feed(piece)
    else this.#responses.feed(piece)
    this.#piece = undefined
  }

  sweep(): void {}

  abandoned(exchange: Exchange): void {
    for (const stream of this.#streams.values()) {
      if (stream.exchange === exchange) this.#forget(stream)
    }
  }

  finish(): void {
    this.#requests.finish()
    this.#responses.finish()
    this.#streams.clear()
    this.#latest = undefined
  }

  wantedFrom(fromClient: boolean): number {
    return (fromClient ? this.#requests : this.#responses).frames.wantedFrom
  }

  isOpen(id: number): boolean {
    return this.#streams.has(id)
  }

  touch(id: number): void {
    const stream = this.#find(id)
    if (stream !== undefined) this.#touch(stream.exchange)
  }

  block(direction: Direction, block: Block): void {
    const stream = this.#find(block.stream)
    if (direction.isClient) {
      if (stream === undefined) this.#request(block)
      else this.#requestGoesOn(stream, block)
    } else if (stream !== undefined) this.#response(stream, block)
    else if (block.fields.status >= 200 && block.stream % 2 === 1) {
      this.#exchanges.orphanResponse()
    }
  }

  data(direction: Direction, header: FrameHeader): void {
    const stream = this.#find(header.stream)
    if (stream === undefined) return
    frame.bytes = FRAME_HEADER_BYTES + header.length
    frame.endsStream = header.has(FLAG.endStream)
    if (direction.isClient) this.#requestGoesOn(stream, frame)
    else {
      stream.exchange.responseBytes += frame.bytes
      if (frame.endsStream) this.#responseEnds(stream)
    }
  }

  reset(direction: Direction, id: number, code: number): void {
    const stream = this.#find(id)
    if (stream !== undefined) this.#fails(stream, { code, byClient: direction.isClient })
  }

  goaway(direction: Direction, lastStream: number): void {
    if (direction.isClient) return
    for (const stream of this.#streams.values()) {
      if (stream.id > lastStream) this.#fails(stream, { code: REFUSED_STREAM, byClient: false })
    }
  }

  /** Whose frames are missing may have ended among them. */
  lost(direction: Direction): void {
    for (const stream of this.#streams.values()) {
      const { exchange } = stream
      if (direction.isClient ? exchange.requestDone : exchange.responseDone) continue
      this.#forget(stream)
      exchange.desynchronised = true
      exchange.endNs ||= this.lastNs
      this.#exchanges.close(exchange)
    }
  }

  #upgrade({ exchange, request, response }: Upgraded): void {
    this.#requests.frames.position = request
    this.#responses.frames.position = response
    exchange.multiplexed = true
    exchange.version = '2'
    this.#open(1, { exchange, grpcTimeoutNs: 0 })
  }

  #find(id: number): Stream | undefined {
    if (this.#latest?.id !== id) this.#latest = this.#streams.get(id)
    return this.#latest
  }

  #forget(stream: Stream): void {
    this.#streams.delete(stream.id)
    if (this.#latest === stream) this.#latest = undefined
  }

  #open(id: number, { exchange, grpcTimeoutNs }: Pick<Stream, 'exchange' | 'grpcTimeoutNs'>) {
    this.#lastStream = id
    const stream: Stream = {
      id,
      exchange,
      grpcTimeoutNs,
      answered: false,
      httpStatus: 0,
      grpcStatus: -1,
      isUnsure: false,
    }
    this.#streams.set(id, stream)
    this.#latest = stream
    this.#touch(exchange)
    return stream
  }

  #request({ stream: id, fields, isCut, bytes, endsStream }: Block): void {
    // Of a stream that has ended, or that the server opens: no request. Trailers begin none.
    if (id <= this.#lastStream || id % 2 === 0 || !fields.isRequest) return
    const isGrpc = this.#isGrpc(fields, isCut)
    const path = pathAt(fields.pathPlace, fields.path, this.#shared.query)
    const exchange = this.#exchanges.begin(this.#requests, {
      protocol: isGrpc ? 'grpc' : 'http',
      version: '2',
      method: isGrpc ? METHODS.of(path, fields.pathPlace) : fields.method,
      target: path,
      host: fields.authority || fields.host,
      trace: fields.traces === 1 ? traceWords(fields.trace) : undefined,
      truncated: isCut || !isWhole(fields),
      multiplexed: true,
    })
    const stream = this.#open(id, { exchange, grpcTimeoutNs: fields.grpcTimeoutNs })
    exchange.requestBytes = bytes
    if (endsStream) this.#requestEnds(stream)
  }

  /** Connections carry calls or other requests, hardly ever both: where it cannot be read. */
  #isGrpc(fields: Fields, isCut: boolean): boolean {
    if (!fields.hasContentType && (isCut || fields.unknown > 0)) {
      return this.#hasGrpc && !this.#hasOther && fields.method === 'POST'
    }
    if (fields.isGrpc) this.#hasGrpc = true
    else this.#hasOther = true
    return fields.isGrpc
  }

  /** Of a frame of data, or of a block. */
  #requestGoesOn(stream: Stream, { bytes, endsStream }: typeof frame): void {
    if (stream.exchange.requestDone) return
    stream.exchange.requestBytes += bytes
    if (this.#piece !== undefined) this.#exchanges.requestGoesOn(stream.exchange, this.#piece.tid)
    if (endsStream) this.#requestEnds(stream)
  }

  #requestEnds(stream: Stream): void {
    const { exchange } = stream
    const { position, lastNs } = this.#requests.frames
    this.#exchanges.requestEnd(exchange, { position, ns: lastNs })
    if (!exchange.open) this.#forget(stream)
  }

  #response(stream: Stream, { fields, isCut, bytes, endsStream }: Block): void {
    const { exchange } = stream
    // Interim responses go before the one that answers (RFC 9110 §15.2).
    if (!stream.answered && fields.status >= 100 && fields.status < 200) return
    if (isCut || fields.unknown > 0) stream.isUnsure = true
    if (fields.isGrpc && exchange.truncated && exchange.protocol === 'http') {
      becomesGrpc(exchange)
      this.#hasGrpc = true
    }
    if (!stream.answered) {
      stream.answered = true
      stream.httpStatus = fields.status
      if (fields.status === 0) exchange.desynchronised = true
      if (exchange.protocol === 'http') exchange.status = fields.status
      this.#exchanges.answer(exchange, this.#responses)
    }
    if (fields.grpcStatus >= 0) stream.grpcStatus = fields.grpcStatus
    exchange.responseBytes += bytes
    if (endsStream) this.#responseEnds(stream)
  }

  #responseEnds(stream: Stream): void {
    const { exchange } = stream
    const { position, lastNs: ns } = this.#responses.frames
    if (exchange.protocol === 'grpc') {
      this.#grpcEnds(stream)
      // The call is over, whatever the client meant to send.
      if (!exchange.requestDone) this.#exchanges.requestEnd(exchange, { position, ns })
    }
    this.#exchanges.responseEnd(exchange, { position, ns })
    if (!exchange.open) this.#forget(stream)
  }

  #grpcEnds({ exchange, grpcStatus, httpStatus, isUnsure }: Stream): void {
    if (grpcStatus < 0 && isUnsure) {
      exchange.desynchronised = true
      return
    }
    exchange.status = grpcStatus < 0 ? grpcStatusOfHttp(httpStatus) : grpcStatus
    exchange.error = grpcError(exchange.status)
  }

  /** The stream was reset: by the server after its whole response, that is no failure (§8.1). */
  #fails(stream: Stream, { code, byClient }: { code: number; byClient: boolean }): void {
    const { exchange } = stream
    this.#forget(stream)
    const ns = this.lastNs
    if (!exchange.responseDone) {
      const lastedNs = ns - exchange.startNs
      if (exchange.protocol === 'grpc') {
        const of = { byClient, lastedNs, timeoutNs: stream.grpcTimeoutNs }
        exchange.status = grpcStatusOfReset(code, of)
        exchange.error = grpcError(exchange.status)
      } else if (code !== NO_ERROR) exchange.error = http2Error(code)
      exchange.endNs = ns
    }
    this.#exchanges.close(exchange)
  }

  #touch(exchange: Exchange): void {
    if (this.#touched === undefined) this.#touched = exchange
    else if (this.#touched !== exchange) this.#touchedSeveral = true
  }
}

/** Method and path are always there; a content type that is not may stand in an unknown field. */
function isWhole({ method, path, hasContentType, unknown }: Fields): boolean {
  if (method === '' || (path === '' && method !== 'CONNECT')) return false
  return hasContentType || unknown === 0
}

/** Of `/package.Service/Method`. */
function methodOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** Its request's content type could not be read, its response's can. */
function becomesGrpc(exchange: Exchange): void {
  exchange.protocol = 'grpc'
  exchange.method = methodOf(exchange.target)
  exchange.status = 0
}
