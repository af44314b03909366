/**
 * Finds out what a connection speaks, by the first bytes of both ends.
 *
 * Pieces are kept until one protocol says yes, or all say no and it is taken for HTTP/1, which
 * finds its place in the middle of a stream too; they are then given to its parser as they came.
 */
import type { Exchanges } from './exchanges.ts'
import { Http1Parser } from './http1/http1_parser.ts'
import { isMessageStart, isRequestStart } from './http1/message_start.ts'
import type { Parser, Protocol } from './parser.ts'
import { Piece } from './piece.ts'
import { PROTOCOLS } from './protocols.ts'
import type { Shared } from './shared.ts'

/** What is looked at of each end, and so what is kept. */
export const DETECT_BYTES_MAX = 512
const PIECES_MAX = 64

/** The first bytes that were seen of one end, without a gap. */
class Beginning {
  readonly fromClient: boolean
  readonly bytes: Buffer = Buffer.allocUnsafe(DETECT_BYTES_MAX)
  length = 0
  /** Bytes without a gap, as many as were sent, known or not. */
  sent = 0
  /** Protocols that one cannot rule out by them. */
  possible: readonly Protocol[] = PROTOCOLS
  /** Where in the stream they begin. */
  #from = -1
  /** Nothing more can be added: a gap, bytes that were not captured, or enough. */
  complete = false

  constructor(fromClient: boolean) {
    this.fromClient = fromClient
  }

  /** The connection is older than what is seen of it. */
  get isOlder(): boolean {
    return this.#from > 0
  }

  add(piece: Piece): void {
    if (this.#from < 0) this.#from = piece.offset
    const offset = piece.offset - this.#from
    if (offset <= this.sent) this.sent = Math.max(this.sent, offset + piece.length)
    if (this.complete || offset + piece.length <= this.length) return
    if (offset > this.length) {
      this.complete = true
      return
    }
    const from = piece.at + this.length - offset
    const to = piece.at + Math.min(piece.captured, piece.length)
    if (from < to) this.length += piece.bytes.copy(this.bytes, this.length, from, to)
    this.complete = this.length === DETECT_BYTES_MAX || piece.captured < piece.length
  }
}

export class Undecided implements Parser {
  requestPosition = 0
  responsePosition = 0
  lastNs = 0
  readonly #exchanges: Exchanges
  readonly #shared: Shared
  readonly #decided: (parser: Parser) => void
  readonly #pieces: { readonly piece: Piece; readonly fromClient: boolean }[] = []
  #client: Beginning | undefined
  #server: Beginning | undefined
  #isClientLast = false

  constructor(exchanges: Exchanges, of: { shared: Shared; decided: (parser: Parser) => void }) {
    this.#exchanges = exchanges
    this.#shared = of.shared
    this.#decided = of.decided
  }

  feed(piece: Piece, fromClient: boolean): void {
    if (PROTOCOLS.length === 0 || (fromClient && this.#isHttp1(piece))) {
      this.#become(new Http1Parser(this.#exchanges, this.#shared)).feed(piece, fromClient)
      return
    }
    const beginning = this.#beginning(fromClient)
    beginning.add(piece)
    const verdict = this.#judge(beginning)
    if (verdict === 'more' && this.#keep(piece, fromClient)) {
      if (fromClient) this.requestPosition = piece.offset + piece.length
      else this.responsePosition = piece.offset + piece.length
      this.lastNs = piece.timeNs
      return
    }
    const parser = typeof verdict === 'string' ? undefined : verdict
    this.#replay(parser ?? new Http1Parser(this.#exchanges, this.#shared))
    this.#parser?.feed(piece, fromClient)
  }

  sweep(): void {}

  abandoned(): void {}

  finish(): void {
    this.#release()
  }

  #parser: Parser | undefined

  /** Most connections begin with what is beyond doubt: nobody is asked, and nothing kept. */
  #isHttp1({ bytes, at, captured, length }: Piece): boolean {
    if (this.#client !== undefined || this.#server !== undefined) return false
    return isRequestStart(bytes, at, at + Math.min(captured, length))
  }

  /**
   * What an end began with; of an older connection, where that says nothing, what it begins with
   * after the other end has said something.
   */
  #beginning(fromClient: boolean): Beginning {
    const isTurn = this.#isClientLast !== fromClient
    this.#isClientLast = fromClient
    const before = fromClient ? this.#client : this.#server
    const isSpent = before?.isOlder && before.possible.length === 0
    if (before !== undefined && !(isSpent && isTurn)) return before
    const beginning = new Beginning(fromClient)
    if (fromClient) this.#client = beginning
    else this.#server = beginning
    return beginning
  }

  /** The parser of the protocol that says yes; `no` when none can any more. */
  #judge(beginning: Beginning): Parser | 'more' | 'no' {
    const { bytes, length, sent, fromClient } = beginning
    const port = this.#exchanges.connection.dstPort
    const first = { bytes, at: 0, to: length, end: sent, fromClient, port }
    const possible: Protocol[] = []
    for (const protocol of beginning.possible) {
      const verdict = protocol.detect(first)
      if (verdict === 'yes' || verdict === 'older') {
        return protocol.open(this.#exchanges, this.#shared, { isOlder: verdict === 'older' })
      }
      if (verdict === 'more' && !beginning.complete) possible.push(protocol)
    }
    beginning.possible = possible
    if (possible.length > 0) return 'more'
    const other = beginning === this.#client ? this.#server : this.#client
    if (other !== undefined) return other.possible.length > 0 ? 'more' : 'no'
    // One end's silence rules nothing out, unless what the other has said does: it cannot where
    // that was not its beginning, and is no HTTP/1.
    const isHttp = isMessageStart(bytes, 0, length, fromClient)
    return beginning.isOlder && !isHttp ? 'more' : 'no'
  }

  #keep(piece: Piece, fromClient: boolean): boolean {
    const captured = Math.min(piece.captured, piece.length)
    const tail = 8
    if (this.#pieces.length >= PIECES_MAX || !this.#shared.keep(captured + tail)) return false
    const copy = Object.assign(new Piece(), piece)
    copy.bytes = Buffer.alloc(captured + tail)
    piece.bytes.copy(copy.bytes, 0, piece.at, piece.at + captured)
    piece.bytes.copy(copy.bytes, captured, Math.max(0, piece.tailEnd - tail), piece.tailEnd)
    copy.at = 0
    copy.captured = captured
    copy.tailEnd = captured + tail
    this.#pieces.push({ piece: copy, fromClient })
    return true
  }

  #become(parser: Parser): Parser {
    this.#parser = parser
    this.#decided(parser)
    return parser
  }

  #replay(parser: Parser): void {
    this.#become(parser)
    for (const { piece, fromClient } of this.#pieces) parser.feed(piece, fromClient)
    this.#release()
  }

  #release(): void {
    for (const { piece } of this.#pieces.splice(0)) this.#shared.release(piece.bytes.length)
  }
}
