/**
 * What a protocol is to the search for requests: one folder, and one row in protocols.ts.
 *
 *     pieces of both directions ─▶ Parser ─▶ Exchanges.begin, .requestEnd, .answer, .responseEnd
 *
 * A parser is made for each connection that speaks its protocol, and reads both directions. Pieces
 * come in stream order of each direction; a piece may be any part of a message, or several, and of
 * its bytes the last ones, or all, may be unknown (`captured < length`); between two pieces bytes
 * may be missing (`offset` jumps). A parser never throws, never loops without taking bytes, and
 * keeps no more than a bounded number of bytes, which it counts in what its connections share.
 */
import type { Exchange } from './exchange.ts'
import type { Exchanges } from './exchanges.ts'
import type { Piece } from './piece.ts'
import type { Remembered } from './remembered.ts'
import type { Shared } from './shared.ts'

export interface Parser {
  /** The next piece of what the client, or the server, has sent. */
  feed(piece: Piece, fromClient: boolean): void

  /** Positions behind the last byte looked at. */
  readonly requestPosition: number
  readonly responsePosition: number

  /**
   * The exchange that the last piece had bytes of; undefined: none, or several. Only for parsers
   * whose exchanges are multiplexed: of others, it is the one that is open.
   */
  touched?(): Exchange | undefined

  /** When the last piece of either direction came. */
  readonly lastNs: number

  /** Nothing has come since `silentNs`: ends messages whose end only silence tells. */
  sweep(silentNs: number): void

  /** Nothing has ended the exchange for long: ends it if nothing will come of it any more. */
  expire?(exchange: Exchange, nowNs: number): void

  /** The exchange was given up: whatever comes of it later must not be taken for another's. */
  abandoned(exchange: Exchange): void

  /** The connection has ended: ends messages that last until then. */
  finish(): void

  /** What another parser would need to go on from here, if the protocol can resume. */
  readonly remembered?: Remembered | undefined

  /**
   * What is wanted next of a direction, for the kernel, which then need not copy the rest. Asked
   * after each piece, so it must cost next to nothing; what comes may be more than that. Bytes
   * before the position are only counted; 0: all are wanted; Infinity: none, for good.
   */
  wantedFrom?(fromClient: boolean): number
  /** Of a piece that is not copied whole as many as that, if it is more than anyway. */
  wantedBytes?(fromClient: boolean): number
}

/**
 * `older`: yes, but not from the connection's beginning on; `more`: what is there may be the
 * beginning, and too little to tell.
 */
export type Verdict = 'yes' | 'older' | 'no' | 'more'

/** The first bytes that were seen of one end: `bytes[at … to)`. */
export interface FirstBytes {
  readonly bytes: Buffer
  readonly at: number
  readonly to: number
  /** Where a piece ends; beyond `to` where its bytes are not known, or too many to be kept. */
  readonly end: number
  readonly fromClient: boolean
  /** The server's port: a hint, for protocols whose bytes alone leave a doubt. */
  readonly port: number
}

/** `bytes[at … to)` are known of what goes on up to `end`. */
export type Run = Pick<FirstBytes, 'bytes' | 'at' | 'to' | 'end'>

export function runOf({ bytes, at, captured, length }: Piece): Run {
  return { bytes, at, to: at + Math.min(captured, length), end: at + length }
}

/** How a parser begins. */
export interface Opening {
  /** As `detect` has said: in the midst of what is spoken. */
  readonly isOlder: boolean
  /** By whoever has followed the connection before, where that is known. */
  readonly remembered?: Remembered
}

export interface Protocol {
  readonly name: string
  /**
   * Whether a connection that begins so speaks the protocol. Asked for each end's first bytes,
   * with more of them each time, up to DETECT_BYTES_MAX. `yes` must be beyond doubt, for no other
   * protocol is asked any more; when all say `no` the connection is taken for HTTP/1. Nobody is
   * asked where a client begins with a whole request line of HTTP/1: to that all must say `no`.
   */
  detect(first: FirstBytes): Verdict
  open(exchanges: Exchanges, shared: Shared, opening: Opening): Parser
  /**
   * Goes on in the midst of a connection that is known to speak it, as after missing bytes: nobody
   * knows what was open. Without it, and without what is remembered, the next bytes must tell.
   */
  resume?(exchanges: Exchanges, of: { shared: Shared; remembered: Remembered }): Parser
}
