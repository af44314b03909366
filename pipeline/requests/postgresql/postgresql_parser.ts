/**
 * Pairs what a client asks for with ReadyForQuery, which ends the answer to each of them:
 *
 *     simple     Query                                    ─▶ … ReadyForQuery
 *     extended   Parse? (Bind Execute)* … Sync            ─▶ … ReadyForQuery
 *
 * So an exchange is a simple query, which may hold several statements, or all that goes with one
 * Sync, which may be a batch; it is named after its first statement.
 */
import type { Exchange } from '../exchange.ts'
import type { Exchanges } from '../exchanges.ts'
import { type FrameSink, Frames } from '../frames.ts'
import { ANSWERS_BYTES, Order } from '../order.ts'
import { type Opening, type Parser, runOf } from '../parser.ts'
import type { Piece } from '../piece.ts'
import { type Remembered, remembered } from '../remembered.ts'
import type { Shared } from '../shared.ts'
import { STANDARD, statementOf } from '../sql.ts'
import { type Prepared, Statements, UNKNOWN_STATEMENT } from '../statements.ts'
import { TlsParser } from '../tls/tls_parser.ts'
import {
  behindString,
  bodyBytes,
  CANCEL_REQUEST,
  cString,
  databaseOf,
  GSS_REQUEST,
  HEADER_BYTES,
  isStartupVersion,
  SSL_REQUEST,
  STARTUP_BYTES_MAX,
  STARTUP_HEADER_BYTES,
  sqlState,
} from './messages.ts'
import { endsReady, isWholeRequest } from './runs.ts'

const QUERY_BYTES_MAX = 4096
const NAME_BYTES_MAX = 256
const ERROR_BYTES_MAX = 1024
const NAMESPACE_MAX = 63 // NAMEDATALEN

const CALL: Prepared = { statement: { method: 'CALL', target: '', query: '' }, truncated: false }

export class PostgresqlParser implements Parser, FrameSink {
  readonly #exchanges: Exchanges
  readonly #shared: Shared
  readonly #client: Frames
  readonly #server: Frames
  readonly #statements = new Statements<string>()
  readonly #order: Order
  #remembered: Remembered | undefined
  #namespace = ''
  /** The next of the client is a startup; the server answers a request for encryption by a byte. */
  #starting: boolean
  #encrypting = false
  /** Reads the hellos once both ends have agreed on TLS. */
  #tls: TlsParser | undefined
  /** Answers to a startup, which is no exchange. */
  #unpaired = 0
  #torn = false
  /** What the client is asking for has an Execute in it. */
  #executes = false

  constructor(exchanges: Exchanges, shared: Shared, { isOlder, remembered: before }: Opening) {
    this.#exchanges = exchanges
    this.#shared = shared
    this.#client = new Frames(true, { sink: this, shared })
    this.#server = new Frames(false, { sink: this, shared })
    this.#order = new Order(exchanges, {
      answers: this.#server,
      giveUp: () => this.#giveUp(),
      isQuick: false,
      pipelines: before?.pipelines,
    })
    this.#starting = !isOlder
    this.#remembered = before
    this.#namespace = before?.name ?? ''
    if (!isOlder) return
    this.#client.lose()
    this.#server.lose()
  }

  /** Once it has started, and speaks in the clear. */
  get remembered(): Remembered | undefined {
    if (this.#starting) return undefined
    const { pipelines } = this.#order
    if (this.#remembered?.pipelines !== pipelines) {
      this.#remembered = remembered('postgresql', { pipelines, name: this.#namespace })
    }
    return this.#remembered
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

  feed(piece: Piece, fromClient: boolean): void {
    if (this.#tls === undefined) this.#feed(piece, fromClient)
    this.#tls?.feed(piece, fromClient)
  }

  #feed(piece: Piece, fromClient: boolean): void {
    const { bytes, length, tailEnd } = piece
    if (fromClient) {
      if (this.#client.isLost && isWholeRequest(runOf(piece))) this.#client.resume(piece.offset)
      this.#client.feed(piece)
      return
    }
    this.#order.answered()
    if (this.#isNext(piece)) this.#server.resume(piece.offset)
    const wasLost = this.#server.isLost
    if (wasLost) this.#giveUp()
    this.#server.feed(piece)
    // What was asked before is over where ReadyForQuery stands last, unless more was asked.
    if (!wasLost || this.#order.pipelines) return
    if (endsReady(bytes, { from: tailEnd - length, to: tailEnd })) this.#server.resume()
  }

  /** A piece that answers the one request that is open, which was sent since the loss. */
  #isNext({ offset }: Piece): boolean {
    const { isLost, position } = this.#server
    if (!isLost || this.#unpaired > 0 || !this.#order.isNext(offset, position)) return false
    return this.#exchanges.oldest?.requestDone === true
  }

  sweep(): void {}

  /** The ReadyForQuery that ends it would be taken for the next one's. */
  abandoned(): void {
    this.#server.lose()
  }

  finish(): void {
    this.#client.stop()
    this.#server.stop()
    this.#tls?.finish()
  }

  wantedFrom(fromClient: boolean): number {
    if (this.#tls !== undefined) return this.#tls.wantedFrom()
    return (fromClient ? this.#client : this.#server).wantedFrom
  }

  wantedBytes(fromClient: boolean): number {
    if (this.#tls !== undefined) return 0
    if (fromClient) return HEADER_BYTES + QUERY_BYTES_MAX
    return this.#order.pipelines ? ANSWERS_BYTES : 0
  }

  headerBytes({ isClient }: Frames): number {
    if (isClient) return this.#starting ? STARTUP_HEADER_BYTES : HEADER_BYTES
    return this.#encrypting ? 1 : HEADER_BYTES
  }

  bodyBytes({ isClient, header }: Frames): number {
    if (isClient && this.#starting) {
      const length = header.readInt32BE(0)
      return length <= STARTUP_BYTES_MAX ? length - STARTUP_HEADER_BYTES : -1
    }
    if (!isClient && this.#encrypting) return 0
    return bodyBytes(header, isClient)
  }

  wanted({ isClient, header }: Frames): number {
    if (isClient && this.#starting) return STARTUP_BYTES_MAX
    switch (typeOf(header)) {
      case 'Q':
      case 'P':
        return isClient ? QUERY_BYTES_MAX : 0
      case 'B':
      case 'F':
        return isClient ? NAME_BYTES_MAX : 0
      case 'E':
        return isClient ? 0 : ERROR_BYTES_MAX
      default:
        return 0
    }
  }

  frame(frames: Frames): void {
    if (!frames.isClient) this.#answer(frames)
    else if (this.#starting) this.#startup(frames)
    else this.#ask(frames)
  }

  ended(frames: Frames): void {
    const type = typeOf(frames.header)
    if (type === 'Q' || type === 'F' || type === 'S') this.#asked(frames)
  }

  lost(frames: Frames): void {
    this.#torn = true
    this.#order.missed()
    this.#shared.count('postgresql_desynchronised')
    const { asking } = this.#exchanges
    if (asking !== undefined) asking.desynchronised = true
    if (asking?.responseDone) this.#exchanges.close(asking)
    if (!frames.isClient) this.#giveUp()
    else if (this.#order.isDoubtful) this.#server.lose()
  }

  /** Exchanges whose end was missed. */
  #giveUp(): void {
    this.#unpaired = 0
    this.#exchanges.finish(this.lastNs)
  }

  #startup({ header, body }: Frames): void {
    const version = header.readInt32BE(4)
    if (version === SSL_REQUEST || version === GSS_REQUEST) this.#encrypting = true
    else if (isStartupVersion(version)) {
      this.#starting = false
      this.#unpaired++
      this.#namespace = databaseOf(body).slice(0, NAMESPACE_MAX)
    } else {
      // A cancellation says nothing more; anything else is not understood.
      if (version !== CANCEL_REQUEST) this.#shared.count('postgresql_desynchronised')
      this.#client.stop()
      this.#server.stop()
    }
  }

  #ask(frames: Frames): void {
    switch (typeOf(frames.header)) {
      case 'Q':
        this.#name(this.#begin(frames), this.#statementIn(frames, 0))
        this.#asked(frames)
        break
      case 'P':
        this.#parse(frames)
        break
      case 'B':
        this.#name(this.#begin(frames), this.#bound(frames))
        break
      case 'F':
        this.#name(this.#begin(frames), CALL)
        this.#asked(frames)
        break
      case 'S':
        this.#sync(this.#begin(frames))
        this.#asked(frames)
        break
      case 'X':
        break
      case 'E':
        this.#begin(frames)
        this.#executes = true
        break
      case 'D':
      case 'C':
        this.#begin(frames)
        break
    }
  }

  /** What was prepared or described, and not executed. */
  #sync(exchange: Exchange): void {
    if (!this.#executes && exchange.method !== '') exchange.method = 'PREPARE'
  }

  #parse(frames: Frames): void {
    const { body } = frames
    const prepared = this.#statementIn(frames, behindString(body, 0))
    // Half a name may be another's.
    if (body.includes(0)) this.#statements.set(cString(body), prepared)
    this.#name(this.#begin(frames), prepared)
  }

  #statementIn({ body, cut }: Frames, at: number): Prepared {
    const statement = statementOf(cString(body, at), STANDARD)
    const isTold = this.#shared.query !== 'drop'
    return { statement: isTold ? statement : { ...statement, query: '' }, truncated: cut }
  }

  /** Half a name may be another's. */
  #bound({ body, cut }: Frames): Prepared {
    if (cut) return UNKNOWN_STATEMENT
    return this.#statements.get(cString(body, behindString(body, 0))) ?? UNKNOWN_STATEMENT
  }

  /** The exchange that messages up to a Sync belong to. */
  #begin(frames: Frames): Exchange {
    const { asking } = this.#exchanges
    if (asking !== undefined) return asking
    this.#order.begins()
    const exchange = this.#exchanges.begin(frames, {
      protocol: 'postgresql',
      version: '3',
      method: '',
      namespace: this.#namespace,
    })
    this.#executes = false
    if (this.#torn) exchange.desynchronised = true
    this.#torn = false
    return exchange
  }

  /** Its first statement names it. */
  #name(exchange: Exchange, { statement, truncated }: Prepared): void {
    if (exchange.method !== '') return
    const { method, target, query } = statement
    exchange.method = method
    exchange.target = target
    exchange.query = query
    if (truncated) exchange.truncated = true
  }

  #asked({ isAhead, position, lastNs }: Frames): void {
    const { asking } = this.#exchanges
    if (asking === undefined || isAhead) return
    this.#exchanges.requestEnd(asking, { position, ns: lastNs })
    // Nobody knows which answer will be its own.
    if (this.#server.isLost && this.#order.pipelines) this.#exchanges.abandon(asking)
  }

  #answer(frames: Frames): void {
    if (this.#encrypting) {
      this.#encryption(frames)
      return
    }
    const type = typeOf(frames.header)
    if (this.#unpaired > 0) {
      if (type === 'Z') this.#unpaired--
      return
    }
    // Notices, notifications and parameters are sent at any time.
    if (type === 'N' || type === 'A' || type === 'S') return
    // What is coming in is answered already: its rest was not seen, or the server gives up.
    if (this.#exchanges.waiting === 0 && !this.#starting) this.#client.tell()
    const { oldest } = this.#exchanges
    if (oldest === undefined || oldest.responseDone) {
      if (type === 'Z') this.#exchanges.orphanResponse()
      return
    }
    if (this.#exchanges.answering !== oldest) this.#exchanges.answer(oldest, frames)
    if (type === 'E') oldest.error ||= sqlState(frames.body) || 'unknown'
    if (type !== 'Z') return
    // Sync alone.
    oldest.method ||= 'SYNC'
    const end = { position: frames.position, ns: frames.lastNs }
    this.#exchanges.responseEnd(oldest, end)
  }

  /** `S`: what follows is TLS. `N`: the client starts in the clear, or gives up. */
  #encryption({ header }: Frames): void {
    this.#encrypting = false
    if (header[0] === 0x4e) return
    const at = { request: this.#client.position, response: this.#server.position }
    if (header[0] === 0x53) this.#tls = new TlsParser(this.#exchanges, this.#shared, at)
    this.#client.stop()
    this.#server.stop()
  }
}

function typeOf(header: Buffer): string {
  return String.fromCharCode(header[0] as number)
}
