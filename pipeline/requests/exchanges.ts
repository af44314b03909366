/**
 * The exchanges of one connection, as its parser finds them: begun, answered, ended.
 *
 * An exchange begins with the first byte of its request and ends with the last byte of its
 * response, as this host's kernel saw them written or read. Sizes are differences of stream
 * offsets, so bodies count whose bytes were never copied; where messages of several exchanges stand
 * among each other (`multiplexed`), the parser counts what belongs to each.
 *
 *     begin ─▶ requestEnd ─▶ answer ─▶ responseEnd        an answer may begin before the request
 *                                                         has ended; `close` comes after both ends
 */
import { ROLE, TRANSPORT } from '../flows/schema.ts'
import type { Causes } from './causes.ts'
import type { Connection } from './connection.ts'
import { beginExchange, type Exchange, type Request, type Start } from './exchange.ts'
import type { OpenExchanges } from './open_exchanges.ts'
import type { Parser } from './parser.ts'

export interface Limits {
  /** Exchanges of one connection without an end. */
  readonly pipelinedMax: number
}

/** What the exchanges of all connections share. */
export interface ExchangeContext {
  readonly causes: Causes
  readonly open: OpenExchanges
  /** The receiver's, which another config may change. */
  readonly limits: Limits
  /** The one that an exchange begins in: `Exchange.lossEpoch`. */
  lossEpoch(): number
  /** The one that now goes on: where it is another, records were lost since. */
  currentEpoch(): number
  /** The exchange has ended. */
  ended(exchange: Exchange): void
  /** A response came to which no request was seen. */
  orphanResponse(): void
}

/** Where an answer began. */
export interface AnswerStart {
  readonly startOffset: number
  readonly startNs: number
  readonly startTid: number
}

/** What is known of requests without an answer when their connection has ended. */
export interface Unanswered {
  /** As `error.type` names how it ended. */
  readonly error: string
  /** Since then no byte of the answers' direction was missed. */
  readonly sinceNs: number
}

function isUnanswered(exchange: Exchange, { sinceNs }: Unanswered): boolean {
  const { requestDone, responseStartNs, desynchronised, startNs } = exchange
  return requestDone && responseStartNs === 0 && !desynchronised && startNs > sinceNs
}

export class Exchanges {
  readonly connection: Connection
  /** The one whose request is coming in, and the one whose response is, unless multiplexed. */
  asking: Exchange | undefined
  answering: Exchange | undefined
  readonly #isServer: boolean
  readonly #context: ExchangeContext
  readonly #parser: () => Parser
  /** Those without an end, oldest first. */
  readonly #waiting: Exchange[] = []
  /** What is sent next is what its connection was made for. */
  #first: boolean

  constructor(connection: Connection, of: { context: ExchangeContext; parser: () => Parser }) {
    this.connection = connection
    this.#isServer = connection.role === ROLE.server
    this.#context = of.context
    this.#parser = of.parser
    this.#first = connection.transport === TRANSPORT.tcp
  }

  get waiting(): number {
    return this.#waiting.length
  }

  get oldest(): Exchange | undefined {
    return this.#waiting[0]
  }

  get newest(): Exchange | undefined {
    return this.#waiting.at(-1)
  }

  /** The one exchange without an end; undefined: none, or several at once. */
  get only(): Exchange | undefined {
    return this.#waiting.length === 1 ? this.#waiting[0] : undefined
  }

  /** A request has begun, and what it asks for is known. */
  begin(start: Start, request: Request): Exchange {
    const context = this.#context
    const { causes, open, limits } = context
    if (this.#waiting.length >= limits.pipelinedMax) this.abandon(this.oldest as Exchange)
    const of = { start, request, lossEpoch: context.lossEpoch() }
    const exchange = beginExchange(this.connection, of)
    this.#waiting.push(exchange)
    if (!exchange.multiplexed) this.asking = exchange
    if (this.#isServer) causes.received(exchange)
    else causes.find(exchange, { first: this.#first, sleeps: start.startSleeps })
    this.#first = false
    open.add(exchange)
    return exchange
  }

  /** More of a multiplexed request was read or written, by this thread. */
  requestGoesOn(exchange: Exchange, tid: number): void {
    if (this.#isServer) this.#context.causes.readBy(exchange, tid)
  }

  /** The last byte of the request stands before `position` of its stream. */
  requestEnd(exchange: Exchange, { position, ns }: { position: number; ns: number }): void {
    if (this.asking === exchange) this.asking = undefined
    exchange.requestDone = true
    if (!exchange.multiplexed) exchange.requestBytes = position - exchange.requestOffset
    exchange.requestEndNs = ns
    if (exchange.responseDone) this.close(exchange)
  }

  /** The first byte of the response has come. */
  answer(exchange: Exchange, start: AnswerStart): void {
    if (!exchange.multiplexed) this.answering = exchange
    exchange.responseStartNs = start.startNs
    exchange.responseOffset = start.startOffset
    const { causes } = this.#context
    if (this.#isServer) causes.answering(exchange, start.startTid)
    else causes.returned(exchange, start.startTid)
  }

  /** The last byte of the response stands before `position` of its stream. */
  responseEnd(exchange: Exchange, { position, ns }: { position: number; ns: number }): void {
    if (this.answering === exchange) this.answering = undefined
    exchange.responseDone = true
    if (!exchange.multiplexed) exchange.responseBytes = position - exchange.responseOffset
    exchange.endNs = ns
    if (exchange.requestDone) this.close(exchange)
  }

  /** A response came to which no request was seen. */
  orphanResponse(): void {
    this.#context.orphanResponse()
  }

  /** Gives an exchange up: whatever comes of it later is not paired with it. */
  abandon(exchange: Exchange): void {
    exchange.desynchronised = true
    exchange.endNs ||= this.#parser().lastNs
    this.#parser().abandoned(exchange)
    this.close(exchange)
  }

  /** The kernel lost records since it began. */
  isLossy(exchange: Exchange): boolean {
    return exchange.lossEpoch !== this.#context.currentEpoch()
  }

  abandonAll(): void {
    for (const exchange of [...this.#waiting]) this.abandon(exchange)
  }

  /** Gives up all but the newest: responses to them were missed. */
  abandonAllButNewest(): void {
    for (const exchange of this.#waiting.slice(0, -1)) this.abandon(exchange)
  }

  /**
   * No end of what is open will be seen any more, be it that the connection has ended or that bytes
   * are missing: exchanges without an end get this one, and are marked. Not so requests to which
   * surely no answer came, all of what was said since being known: these have an error. Nor those
   * whose answer was known to its end before the connection's.
   */
  finish(endNs: number, unanswered?: Unanswered): void {
    for (let exchange = this.oldest; exchange !== undefined; exchange = this.oldest) {
      if (unanswered !== undefined && isUnanswered(exchange, unanswered)) {
        exchange.error ||= unanswered.error
      } else {
        // Who is refused need not send the rest of the request.
        const isRefused = unanswered !== undefined && exchange.responseDone
        exchange.desynchronised ||= !isRefused
      }
      if (exchange.endNs === 0) exchange.endNs = Math.max(endNs, exchange.startNs)
      this.close(exchange)
    }
  }

  close(exchange: Exchange): void {
    if (!exchange.open) return
    this.#measureOpenEnds(exchange)
    this.#remove(exchange)
    if (this.asking === exchange) this.asking = undefined
    if (this.answering === exchange) this.answering = undefined
    exchange.open = false
    this.#context.causes.answered(exchange)
    this.#context.open.delete(exchange)
    this.#context.ended(exchange)
  }

  #remove(exchange: Exchange): void {
    const waiting = this.#waiting
    if (waiting.length === 1 && waiting[0] === exchange) {
      waiting.pop()
      return
    }
    const at = waiting.indexOf(exchange)
    if (at === 0) waiting.shift()
    else if (at > 0) waiting.splice(at, 1)
  }

  /** Sizes of what has no end: as much as was seen. */
  #measureOpenEnds(exchange: Exchange): void {
    if (!exchange.requestDone && exchange === this.asking) {
      exchange.requestBytes = this.#parser().requestPosition - exchange.requestOffset
    }
    if (!exchange.responseDone && exchange === this.answering) {
      exchange.responseBytes = this.#parser().responsePosition - exchange.responseOffset
    }
  }
}
