/**
 * The requests of all connections of one receiver: what their conversations share, which exchanges
 * are open, and what is counted. Whoever feeds it knows the connections; it makes the rows.
 */
import type { Ledger } from '../ledger.ts'
import { Causes } from './causes.ts'
import type { Connection } from './connection.ts'
import { Conversation } from './conversation.ts'
import { Datagrams, type Way } from './datagrams.ts'
import type { Exchange } from './exchange.ts'
import type { ExchangeContext } from './exchanges.ts'
import { OpenExchanges } from './open_exchanges.ts'
import type { Piece } from './piece.ts'
import type { RowWriter } from './rows.ts'
import { Shared } from './shared.ts'
import type { QueryPolicy } from './target.ts'

/** A message whose end cannot be told is over when nothing has come for so long. */
const UNFRAMED_SILENCE_NS = 1e9

export interface TrackerConfig {
  readonly query: QueryPolicy
  /** A DNS query without an answer is given up after it. */
  readonly dnsTimeoutNs: number
  /** Exchanges of one connection without an end. */
  readonly pipelinedMax: number
  /** Exchanges without an end, in all connections. */
  readonly exchangesMax: number
  /** An exchange that lasts longer gets a row while it is open. */
  readonly openAfterNs: number
  /** And another so long after each, as long as it is open; 0: none. */
  readonly openAgainNs: number
}

export interface TrackerSettings {
  readonly ledger: Ledger
  readonly rows: RowWriter
  /** The one that an exchange begins in: Exchange.lossEpoch. */
  lossEpoch(): number
  /** Pieces were lost among those that are handled now. */
  losing(): boolean
  /** Whether pieces say which thread read or wrote them. */
  readonly threadsKnown: boolean
}

export class RequestTracker {
  #config: TrackerConfig
  readonly #ledger: Ledger
  readonly #rows: RowWriter
  readonly #open = new OpenExchanges()
  readonly #causes: Causes
  readonly #limits: { pipelinedMax: number }
  readonly #shared: Shared
  readonly #context: ExchangeContext
  readonly #datagrams: Datagrams
  readonly #noted = new Map<string, number>()

  constructor(config: TrackerConfig, settings: TrackerSettings) {
    this.#config = config
    this.#ledger = settings.ledger
    this.#rows = settings.rows
    this.#causes = new Causes(settings)
    this.#limits = { pipelinedMax: config.pipelinedMax }
    this.#shared = new Shared(() => this.#config, { clock: settings.rows.clock })
    this.#context = {
      causes: this.#causes,
      open: this.#open,
      limits: this.#limits,
      lossEpoch: settings.lossEpoch,
      currentEpoch: () => this.#rows.lossEpoch,
      ended: (exchange) => this.#exchangeRow(exchange),
      orphanResponse: () => this.#ledger.note('responses_without_request', 1),
    }
    this.#datagrams = new Datagrams(this.#context, this.#shared)
  }

  /** From now on; what has begun goes on. */
  reconfigure(config: TrackerConfig): void {
    this.#config = config
    this.#limits.pipelinedMax = config.pipelinedMax
  }

  /** What goes on on the connection, from its first piece on. */
  conversationOf(connection: Connection): Conversation {
    connection.conversation ??= new Conversation(connection, {
      context: this.#context,
      shared: this.#shared,
      remembered: connection.remembered,
    })
    return connection.conversation
  }

  /**
   * A datagram, of whoever speaks with whom: `piece` as of a stream, without an offset. False: of
   * no protocol that is read.
   */
  datagram(way: Way, piece: Piece): boolean {
    const isRead = this.#datagrams.feed(way, piece)
    if (isRead) this.bound()
    return isRead
  }

  /** After a piece was fed: keeps the number of open exchanges within its bound. */
  bound(): void {
    while (this.#open.size > this.#config.exchangesMax) {
      const { oldest } = this.#open
      if (oldest === undefined) return
      this.#ledger.note('exchanges_abandoned', 1)
      oldest.connection.conversation?.abandon(oldest)
    }
  }

  /** Exchanges without an end. */
  get unfinished(): number {
    return this.#open.size
  }

  /** Announces exchanges that last, and ends those whose end nothing else will tell. */
  sweep(nowNs: number): void {
    const silentNs = nowNs - UNFRAMED_SILENCE_NS
    const { openAfterNs, openAgainNs } = this.#config
    this.#open.visit(silentNs, (exchange) => {
      const { conversation } = exchange.connection
      conversation?.sweep(silentNs)
      conversation?.expire(exchange, nowNs)
      if (exchange.open) this.#announceAgain(exchange, { nowNs, openAgainNs })
    })
    this.#open.announce({ beforeNs: nowNs - openAfterNs, nowNs }, (exchange) =>
      this.#exchangeRow(exchange),
    )
    this.#noteCounts()
  }

  /** Whoever waits for its end can tell by it that there will be one. */
  #announceAgain(exchange: Exchange, at: { nowNs: number; openAgainNs: number }): void {
    const { announcedNs } = exchange
    if (announcedNs === 0 || at.openAgainNs === 0) return
    if (at.nowNs - announcedNs < at.openAgainNs) return
    exchange.announcedNs = at.nowNs
    this.#exchangeRow(exchange)
  }

  /**
   * The end, at `nowNs`. Exchanges that go on without us end here, and say so: others may have
   * named them as their parents, so each must be told of.
   * @param why a code of UNFINISHED
   */
  stop(nowNs: number, why: number): void {
    const unfinished = this.#open.size
    if (unfinished > 0) this.#ledger.note('exchanges_unfinished', unfinished)
    this.#open.visit(Number.POSITIVE_INFINITY, (exchange) => {
      exchange.unfinished = why
      exchange.endNs = Math.max(nowNs, exchange.startNs)
    })
    for (;;) {
      const { oldest } = this.#open
      if (oldest === undefined) break
      oldest.connection.conversation?.abandon(oldest)
    }
    this.#noteCounts()
  }

  /** What is kept at this moment; every figure is bounded. */
  memory(): {
    headBytes: number
    openExchanges: number
    openRequests: number
    datagramEnds: number
  } {
    return {
      headBytes: this.#shared.http1.headBytes + this.#shared.keptBytes,
      openExchanges: this.#open.size,
      openRequests: this.#causes.size,
      datagramEnds: this.#datagrams.size,
    }
  }

  /** An exchange row is new in the books: its pieces were used up. */
  #exchangeRow(exchange: Exchange): void {
    this.#ledger.in++
    this.#rows.exchange(exchange)
  }

  #noteCounts(): void {
    const { http1, counts } = this.#shared
    this.#noteUpTo('stream_gaps', http1.gaps)
    this.#noteUpTo('stream_gap_bytes', http1.gapBytes)
    this.#noteUpTo('stream_repeated_bytes', http1.repeatedBytes)
    this.#noteUpTo('http_heads_cut', http1.headsCut)
    this.#noteUpTo('http_heads_invalid', http1.headsInvalid)
    this.#noteUpTo('http_desynchronised', http1.desynchronised)
    for (const [name, total] of counts) this.#noteUpTo(name, total)
    this.#noteUpTo('causes_crowded', this.#causes.crowded)
    this.#noteUpTo('processes_forgotten', this.#causes.forgotten)
  }

  #noteUpTo(name: string, total: number): void {
    const noted = this.#noted.get(name) ?? 0
    if (total === noted) return
    this.#ledger.note(name, total - noted)
    this.#noted.set(name, total)
  }
}
