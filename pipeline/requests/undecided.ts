/**
 * Finds out what a connection speaks, by the first bytes of both ends.
 *
 * Pieces are kept until one protocol says yes, or all say no and it is taken for HTTP/1, which
 * finds its place in the middle of a stream too; they are then given to its parser as they came.
 */
import type { Exchanges } from './exchanges.ts'
import { Http1Parser } from './http1/http1_parser.ts'
import { Piece } from './http1/piece.ts'
import type { Parser, Protocol, Verdict } from './parser.ts'
import { PROTOCOLS } from './protocols.ts'
import type { Shared } from './shared.ts'

/** What is looked at of each end, and so what is kept. */
export const DETECT_BYTES_MAX = 512
const PIECES_MAX = 64

/** The first bytes that were seen of one end, without a gap. */
class Beginning {
  readonly fromClient: boolean
  readonly bytes: Buffer = Buffer.alloc(DETECT_BYTES_MAX)
  length = 0
  /** Protocols that one cannot rule out by them. */
  possible: readonly Protocol[] = PROTOCOLS
  /** Where in the stream they begin: beyond 0 when the connection is older than what is seen. */
  #from = -1
  /** Nothing more can be added: a gap, bytes that were not captured, or enough. */
  complete = false

  constructor(fromClient: boolean) {
    this.fromClient = fromClient
  }

  add(piece: Piece): void {
    if (this.#from < 0) this.#from = piece.offset
    const offset = piece.offset - this.#from
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

  constructor(exchanges: Exchanges, of: { shared: Shared; decided: (parser: Parser) => void }) {
    this.#exchanges = exchanges
    this.#shared = of.shared
    this.#decided = of.decided
  }

  feed(piece: Piece, fromClient: boolean): void {
    if (PROTOCOLS.length === 0) {
      this.#become(new Http1Parser(this.#exchanges, this.#shared)).feed(piece, fromClient)
      return
    }
    const beginning = this.#beginning(fromClient)
    beginning.add(piece)
    const verdict = this.#judge(beginning)
    const full = this.#pieces.length >= PIECES_MAX || !this.#keep(piece, fromClient)
    if (verdict === 'more' && !full) {
      if (fromClient) this.requestPosition = piece.offset + piece.length
      else this.responsePosition = piece.offset + piece.length
      this.lastNs = piece.timeNs
      return
    }
    const protocol = verdict === 'more' || verdict === 'no' ? undefined : verdict
    this.#replay(
      protocol?.open(this.#exchanges, this.#shared) ??
        new Http1Parser(this.#exchanges, this.#shared),
    )
    if (full) this.#parser?.feed(piece, fromClient)
  }

  sweep(): void {}

  abandoned(): void {}

  finish(): void {
    this.#release()
  }

  #parser: Parser | undefined

  #beginning(fromClient: boolean): Beginning {
    if (fromClient) {
      this.#client ??= new Beginning(true)
      return this.#client
    }
    this.#server ??= new Beginning(false)
    return this.#server
  }

  /** The protocol that says yes; `no` when none can any more. */
  #judge(beginning: Beginning): Protocol | Exclude<Verdict, 'yes'> {
    const { bytes, length, fromClient } = beginning
    const port = this.#exchanges.connection.dstPort
    const possible: Protocol[] = []
    for (const protocol of beginning.possible) {
      const verdict = protocol.detect({ bytes, at: 0, to: length, fromClient, port })
      if (verdict === 'yes') return protocol
      if (verdict === 'more' && !beginning.complete) possible.push(protocol)
    }
    beginning.possible = possible
    const others = beginning === this.#client ? this.#server : this.#client
    // One end's silence rules nothing out, unless what the other has said does.
    const left = possible.length > 0 || (others !== undefined && others.possible.length > 0)
    return left ? 'more' : 'no'
  }

  #keep(piece: Piece, fromClient: boolean): boolean {
    const captured = Math.min(piece.captured, piece.length)
    const tail = 8
    if (!this.#shared.keep(captured + tail)) return false
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
