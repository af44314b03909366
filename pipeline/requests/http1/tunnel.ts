/**
 * What goes through a tunnel that CONNECT has opened (RFC 9110 §9.3.6), told by the first byte of
 * the client: TLS, of which the hellos are read, or HTTP/1. Anything else is nobody's.
 */
import type { Exchanges } from '../exchanges.ts'
import type { Parser } from '../parser.ts'
import type { Piece } from '../piece.ts'
import type { Shared } from '../shared.ts'
import { RECORD } from '../tls/hello_reader.ts'
import { TlsParser, type TlsStart } from '../tls/tls_parser.ts'

export interface TunnelSettings {
  readonly exchanges: Exchanges
  readonly shared: Shared
  /** Where both directions of the tunnel begin. */
  readonly start: TlsStart
  /** Reads HTTP/1 from there on. */
  openHttp(): Parser
}

export class Tunnel {
  /** Reads what goes through it; undefined: not known yet, or nobody. */
  inner: Parser | undefined
  readonly #of: TunnelSettings
  #isNobodys = false

  constructor(of: TunnelSettings) {
    this.#of = of
  }

  feed(piece: Piece, fromClient: boolean): void {
    if (this.inner === undefined) this.#tell(piece, fromClient)
    this.inner?.feed(piece, fromClient)
  }

  /** See Parser. */
  wantedFrom(fromClient: boolean): number {
    if (this.#isNobodys) return Number.POSITIVE_INFINITY
    return this.inner?.wantedFrom?.(fromClient) ?? 0
  }

  #tell(piece: Piece, fromClient: boolean): void {
    const { exchanges, shared, start } = this.#of
    const at = fromClient ? start.request : start.response
    const skip = Math.max(0, at - piece.offset)
    if (this.#isNobodys || skip >= piece.length) return
    const first = skip < piece.captured ? (piece.bytes[piece.at + skip] as number) : -1
    // A server that speaks first speaks neither.
    if (!fromClient || piece.offset > at) this.#isNobodys = true
    else if (first === RECORD.handshake) this.inner = new TlsParser(exchanges, shared, start)
    else if (isCapital(first)) this.inner = this.#of.openHttp()
    else this.#isNobodys = true
  }
}

function isCapital(byte: number): boolean {
  return byte >= 0x41 && byte <= 0x5a
}
