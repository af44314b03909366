/** What goes on on one connection: its parser, its exchanges, and who turns to which of them. */
import { CLOSE_REASON, ROLE } from '../flows/schema.ts'
import type { Causes } from './causes.ts'
import type { Connection } from './connection.ts'
import type { Exchange } from './exchange.ts'
import { type ExchangeContext, Exchanges } from './exchanges.ts'
import type { Parser } from './parser.ts'
import type { Piece } from './piece.ts'
import { PROTOCOLS } from './protocols.ts'
import type { Remembered } from './remembered.ts'
import type { Shared } from './shared.ts'
import { Undecided } from './undecided.ts'

export interface ConnectionEnd {
  /** A code of CLOSE_REASON. */
  readonly reason: number
  /** Bytes of the answers' direction in all, by what TCP counted. */
  readonly answered: number
}

export class Conversation {
  readonly #connection: Connection
  readonly #isClient: boolean
  readonly #causes: Causes
  readonly #exchanges: Exchanges
  #parser: Parser
  /** When bytes of the answers' direction were found missing last. */
  #missedNs = 0

  /**
   * @param of.open the parser, where what is spoken is known
   * @param of.remembered by whoever followed the connection before; else the first bytes tell
   */
  constructor(
    connection: Connection,
    of: {
      context: ExchangeContext
      shared: Shared
      remembered?: Remembered | undefined
      open?: (exchanges: Exchanges, shared: Shared) => Parser
    },
  ) {
    this.#connection = connection
    this.#isClient = connection.role === ROLE.client
    this.#causes = of.context.causes
    this.#exchanges = new Exchanges(connection, {
      context: of.context,
      parser: () => this.#parser,
    })
    this.#parser =
      of.open?.(this.#exchanges, of.shared) ??
      this.#resumed(of) ??
      new Undecided(this.#exchanges, {
        shared: of.shared,
        decided: (parser) => {
          this.#parser = parser
        },
      })
  }

  #resumed(of: { shared: Shared; remembered?: Remembered | undefined }): Parser | undefined {
    const { shared, remembered } = of
    if (remembered === undefined) return undefined
    const protocol = PROTOCOLS.find(({ name }) => name === remembered.protocol)
    return protocol?.resume?.(this.#exchanges, { shared, remembered })
  }

  /** See Parser. */
  get remembered(): Remembered | undefined {
    return this.#parser.remembered
  }

  /** Exchanges without an end. */
  get waiting(): number {
    return this.#exchanges.waiting
  }

  get requestPosition(): number {
    return this.#parser.requestPosition
  }

  get responsePosition(): number {
    return this.#parser.responsePosition
  }

  feed(piece: Piece): void {
    const isClient = this.#isClient
    const exchanges = this.#exchanges
    let to: Exchange | undefined
    if (piece.sent === isClient) {
      const before = exchanges.asking
      this.#parser.feed(piece, true)
      if (before !== undefined && !isClient) this.#causes.readBy(before, piece.tid)
      const asked = this.#touched(exchanges.only)
      to = isClient ? sureCause(asked) : asked
    } else {
      if (piece.offset > this.#parser.responsePosition) this.#missedNs = piece.timeNs
      const { only } = exchanges
      this.#parser.feed(piece, false)
      if (isClient) to = sureCause(this.#touched(only))
    }
    this.#causes.turned(piece, to, this.#connection)
  }

  /** Bytes came that nobody wanted, so that nobody knows who wrote or read them. */
  skip(piece: Piece): void {
    this.#parser.feed(piece, this.#isFromClient(piece.sent))
  }

  /** Whom a piece was of. `only`: the one that was open, as long as there can be one at a time. */
  #touched(only: Exchange | undefined): Exchange | undefined {
    return this.#parser.touched === undefined ? only : this.#parser.touched()
  }

  /** All bytes are wanted, of both directions, and of no piece more than of others. */
  get wantsAll(): boolean {
    if (this.wantedFrom(true) !== 0 || this.wantedFrom(false) !== 0) return false
    if (this.#parser.wantedBytes === undefined) return true
    return this.wantedBytes(true) === 0 && this.wantedBytes(false) === 0
  }

  /** See Parser; while an exchange is open, its bytes are counted at least. */
  wantedFrom(sent: boolean): number {
    const from = this.#parser.wantedFrom?.(this.#isFromClient(sent)) ?? 0
    return from === Number.POSITIVE_INFINITY && this.waiting > 0 ? 0 : from
  }

  wantedBytes(sent: boolean): number {
    return this.#parser.wantedBytes?.(this.#isFromClient(sent)) ?? 0
  }

  #isFromClient(sent: boolean): boolean {
    return sent === this.#isClient
  }

  /** Bytes that were peeked at before were taken now, by this thread. */
  taken(piece: Piece): void {
    const { newest, only } = this.#exchanges
    // Of several streams nobody can tell which one it was.
    if (newest === undefined || (newest.multiplexed && only === undefined)) return
    if (this.#connection.role !== ROLE.server) return
    this.#causes.readBy(newest, piece.tid)
    this.#causes.turned(piece, only, this.#connection)
  }

  /** Ends messages whose end only silence since `silentNs` tells. */
  sweep(silentNs: number): void {
    this.#parser.sweep(silentNs)
  }

  /** See Parser. */
  expire(exchange: Exchange, nowNs: number): void {
    this.#parser.expire?.(exchange, nowNs)
  }

  /** Gives an exchange up: whatever comes of it later is not paired with it. */
  abandon(exchange: Exchange): void {
    this.#exchanges.abandon(exchange)
  }

  /**
   * The connection has ended, at `endNs`; exchanges without an end get this one.
   * @param ended how, where that is known
   */
  finish(endNs: number, ended?: ConnectionEnd): void {
    const isWhole = ended !== undefined && this.responsePosition >= ended.answered
    this.#parser.finish()
    if (!isWhole) this.#exchanges.finish(endNs)
    else this.#exchanges.finish(endNs, { error: errorOf(ended), sinceNs: this.#missedNs })
  }
}

/** What a request failed of whose connection ended before its answer. */
function errorOf({ reason }: ConnectionEnd): string {
  if (reason === CLOSE_REASON.timeout) return 'timeout'
  const isReset = reason === CLOSE_REASON.rst_sent || reason === CLOSE_REASON.rst_received
  return isReset ? 'connection_reset' : 'connection_closed'
}

function sureCause(call: Exchange | undefined): Exchange | undefined {
  return call?.isSure ? call.cause : undefined
}
