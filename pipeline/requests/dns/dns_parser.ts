/**
 * DNS over TCP (RFC 7766): messages behind their lengths, as many at once as either end likes,
 * answered in any order.
 *
 *     stream ::= (length:u16 message{length})*
 */
import type { Exchange } from '../exchange.ts'
import type { Exchanges } from '../exchanges.ts'
import { type FrameSink, Frames } from '../frames.ts'
import type { Parser } from '../parser.ts'
import type { Piece } from '../piece.ts'
import type { Shared } from '../shared.ts'
import { Lookups, type Sent } from './lookups.ts'
import { DnsMessage, HEADER_BYTES } from './message.ts'

const LENGTH_BYTES = 2
/** More than that is not looked at: what a message asks and how it went stands first. */
const WANTED_BYTES_MAX = 1232

const message = new DnsMessage()

export class DnsParser implements Parser, FrameSink {
  readonly #shared: Shared
  readonly #lookups: Lookups
  readonly #client: Frames
  readonly #server: Frames
  #touched: Exchange | undefined

  constructor(exchanges: Exchanges, shared: Shared) {
    this.#shared = shared
    this.#lookups = new Lookups(exchanges, shared)
    this.#client = new Frames(true, { sink: this, shared })
    this.#server = new Frames(false, { sink: this, shared })
  }

  get requestPosition(): number {
    return this.#client.position
  }

  get responsePosition(): number {
    return this.#server.position
  }

  get lastNs(): number {
    return Math.max(this.#client.lastNs, this.#server.lastNs)
  }

  /** An answer may be awaited by many, so it says nothing of whom its reader turns to. */
  touched(): Exchange | undefined {
    return this.#touched
  }

  feed(piece: Piece, fromClient: boolean): void {
    this.#touched = undefined
    const frames = fromClient ? this.#client : this.#server
    if (frames.isLost && isWhole(piece)) frames.resume(piece.offset)
    frames.feed(piece)
  }

  sweep(): void {}

  expire(exchange: Exchange, nowNs: number): void {
    this.#lookups.expire(exchange, nowNs)
  }

  abandoned(exchange: Exchange): void {
    this.#lookups.abandoned(exchange)
  }

  finish(): void {
    this.#lookups.finish()
    this.#client.stop()
    this.#server.stop()
  }

  wantedFrom(fromClient: boolean): number {
    return (fromClient ? this.#client : this.#server).wantedFrom
  }

  wantedBytes(): number {
    return LENGTH_BYTES + WANTED_BYTES_MAX
  }

  headerBytes(): number {
    return LENGTH_BYTES
  }

  bodyBytes({ header }: Frames): number {
    const length = header.readUInt16BE(0)
    return length >= HEADER_BYTES ? length : -1
  }

  wanted(): number {
    return WANTED_BYTES_MAX
  }

  frame(frames: Frames): void {
    const { body, bodyLength, isClient, lastNs } = frames
    if (frames.cut && body.length < HEADER_BYTES) {
      frames.lose()
      return
    }
    const of = { at: 0, captured: body.length, length: bodyLength }
    if (!message.read(body, of) || message.isResponse === isClient) {
      frames.lose()
      return
    }
    const sent: Sent = { start: frames, bytes: LENGTH_BYTES + bodyLength, ns: lastNs }
    if (isClient) this.#touched = this.#lookups.ask(message, sent)
    else this.#lookups.answer(message, sent)
  }

  lost(): void {
    this.#shared.count('dns_desynchronised')
    this.#lookups.torn = true
    this.#lookups.lost(this.lastNs)
  }
}

/** Nothing but one message, behind a gap. */
function isWhole({ bytes, at, captured, length }: Piece): boolean {
  if (captured < length || length < LENGTH_BYTES + HEADER_BYTES) return false
  if (bytes.readUInt16BE(at) !== length - LENGTH_BYTES) return false
  const body = { at: at + LENGTH_BYTES, captured: length - LENGTH_BYTES }
  return message.read(bytes, { ...body, length: body.captured }) && message.isExact
}
