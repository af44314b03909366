/** DNS over UDP (RFC 1035 §4.2.1): each datagram is a message. */
import type { DatagramProtocol, Ports } from '../datagrams.ts'
import type { Exchange } from '../exchange.ts'
import type { Exchanges } from '../exchanges.ts'
import type { Parser } from '../parser.ts'
import type { Piece } from '../piece.ts'
import type { Shared } from '../shared.ts'
import { StreamReader } from '../stream_reader.ts'
import { lookupId } from './lookup_id.ts'
import { Lookups } from './lookups.ts'
import { DnsMessage } from './message.ts'
import { DNS_PORT, isLikeDns } from './ports.ts'

export class DnsDatagrams implements DatagramProtocol {
  /** What `read` has read, for the parser that is fed next. */
  readonly message = new DnsMessage()

  /**
   * At its own port what looks like DNS is taken for it. Elsewhere (a resolver in a pod behind a
   * Service, Docker's) only what is DNS to the last byte is.
   */
  read(piece: Piece, { local, remote }: Ports): 'request' | 'response' | undefined {
    const isAtHome = local === DNS_PORT || remote === DNS_PORT
    if (!isAtHome && (isLikeDns(local) || isLikeDns(remote))) return undefined
    const { message } = this
    if (!message.read(piece.bytes, piece)) return undefined
    if (!isAtHome) {
      if (!message.isExact || !message.hasQuestion) return undefined
      if (!message.isResponse && message.answers > 0) return undefined
    }
    return message.isResponse ? 'response' : 'request'
  }

  open(exchanges: Exchanges, shared: Shared): Parser {
    return new DnsDatagramParser(exchanges, { shared, message: this.message })
  }
}

class DnsDatagramParser extends StreamReader implements Parser {
  readonly #exchanges: Exchanges
  readonly #shared: Shared
  readonly #message: DnsMessage
  readonly #lookups: Lookups
  #touched: Exchange | undefined

  constructor(exchanges: Exchanges, of: { shared: Shared; message: DnsMessage }) {
    super()
    this.#exchanges = exchanges
    this.#shared = of.shared
    this.#message = of.message
    this.#lookups = new Lookups(exchanges, of.shared)
  }

  get requestPosition(): number {
    return 0
  }

  get responsePosition(): number {
    return 0
  }

  /** See DnsParser. */
  touched(): Exchange | undefined {
    return this.#touched
  }

  feed(piece: Piece, fromClient: boolean): void {
    this.#touched = undefined
    this.lastNs = piece.timeNs
    this.markStart(piece, 0)
    const sent = { start: this, bytes: piece.length, ns: piece.timeNs }
    if (!fromClient) {
      this.#lookups.answer(this.#message, sent)
      return
    }
    const id = lookupId(this.#message, piece, {
      client: this.#exchanges.connection,
      unixNs: this.#shared.unixNs(piece.timeNs),
    })
    this.#touched = this.#lookups.ask(this.#message, sent, id)
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
  }
}
