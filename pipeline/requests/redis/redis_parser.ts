/**
 * Pairs commands and replies in order. What a server sends unasked (messages of channels, pushes of
 * RESP3) answers nothing, save that the first confirmation of a subscription answers it.
 */
import type { Exchange } from '../exchange.ts'
import type { AnswerStart, Exchanges } from '../exchanges.ts'
import { Order } from '../order.ts'
import type { Parser } from '../parser.ts'
import type { Piece } from '../piece.ts'
import { type Remembered, remembered } from '../remembered.ts'
import type { Shared } from '../shared.ts'
import { commandOf } from './commands.ts'
import { RespReader, type RespSink } from './resp_reader.ts'

const PUSH = 0x3e // '>'
const ERRORS = [0x2d, 0x21] // '-' and '!'
/** The kinds of messages that a subscriber gets unasked, and those that confirm. */
const MESSAGES = ['message', 'pmessage', 'smessage']
const CONFIRMATION = /^[ps]?(un)?subscribe$/
const SUBSCRIPTION = /^[PS]?(UN)?SUBSCRIBE$/
/** From here on the connection is something else: a stream of commands, or no replies. */
const LAST = ['MONITOR', 'PSYNC', 'SYNC', 'CLIENT REPLY']

/** What clients send to set a connection up, often all at once, without pipelining afterwards. */
const SETUP = /^(HELLO|AUTH|SELECT|READONLY|CLIENT( .*)?)$/

/** A reply that came before the end of its command. */
interface Early extends AnswerStart {
  readonly error: string
  readonly position: number
  readonly ns: number
}

/** As many as can be had. */
const REPLY_BYTES = 8192

export class RedisParser implements Parser, RespSink {
  readonly #exchanges: Exchanges
  readonly #shared: Shared
  readonly #commands = new RespReader(true, this)
  readonly #replies = new RespReader(false, this)
  readonly #order: Order
  #remembered: Remembered
  /** The database that the connection has selected; the empty string: not known. */
  #namespace: string
  /** The reply that is coming in answers nobody that is known yet. */
  #undecided = false
  #subscribed = false
  /**
   * Bytes were missing: which reply answers which command is sure again once all commands since
   * have been answered, to nobody's surprise, and the client goes on.
   */
  #torn = false
  /** The framing of a reply was lost. */
  #missed = false
  /** To the command that is coming in, whose rest was not seen, or comes late. */
  #early: Early | undefined

  constructor(exchanges: Exchanges, shared: Shared, before?: Remembered) {
    this.#exchanges = exchanges
    this.#shared = shared
    this.#order = new Order(exchanges, {
      answers: this.#replies,
      giveUp: () => exchanges.finish(this.lastNs),
      isQuick: true,
      pipelines: before?.pipelines,
    })
    this.#namespace = '0'
    this.#remembered = before ?? remembered('redis')
    if (before === undefined) return
    this.#commands.lose()
    this.#replies.lose()
    this.#missed = false
  }

  get remembered(): Remembered {
    const { pipelines } = this.#order
    if (pipelines !== this.#remembered.pipelines) {
      this.#remembered = remembered('redis', { pipelines })
    }
    return this.#remembered
  }

  get requestPosition(): number {
    return this.#commands.position
  }

  get responsePosition(): number {
    return this.#replies.position
  }

  get lastNs(): number {
    return Math.max(this.#commands.lastNs, this.#replies.lastNs)
  }

  feed(piece: Piece, fromClient: boolean): void {
    this.#order.piece(piece.timeNs)
    if (fromClient) {
      if (this.#commands.isLost && isCommand(piece)) this.#commands.resume(piece.offset)
      if (this.#exchanges.waiting === 0) this.#turns()
      this.#commands.feed(piece)
      return
    }
    this.#order.answered()
    const { isLost, position } = this.#replies
    if (isLost && this.#order.isNext(piece.offset, position)) this.#replies.resume(piece.offset)
    else if (isLost) this.#exchanges.finish(piece.timeNs)
    this.#replies.feed(piece)
  }

  sweep(): void {}

  /** Its reply may still come, and would be taken for the next one's. */
  abandoned(): void {
    this.#replies.lose()
  }

  finish(): void {
    this.#forgetEarly()
  }

  wantedFrom(fromClient: boolean): number {
    return (fromClient ? this.#commands : this.#replies).wantedFrom
  }

  /** Replies of many short values are long, and each of them is part of the framing. */
  wantedBytes(fromClient: boolean): number {
    return fromClient || !this.#missed ? 0 : REPLY_BYTES
  }

  begin(reader: RespReader): void {
    if (!reader.isClient) this.#undecided = true
  }

  end(reader: RespReader): void {
    if (reader.isClient) this.#command(reader)
    else this.#reply(reader)
  }

  /** The client asks for the first time since all that it had asked was answered, or given up. */
  #turns(): void {
    if (!this.#replies.isLost && !this.#commands.isLost) this.#torn = false
  }

  lost(reader: RespReader): void {
    this.#forgetEarly()
    this.#torn = true
    this.#order.missed()
    this.#shared.count('redis_desynchronised')
    if (reader.isClient) {
      // A SELECT may be among what is missing.
      this.#namespace = ''
      if (this.#order.isDoubtful) this.#replies.lose()
      return
    }
    this.#missed = true
    this.#exchanges.finish(this.lastNs)
  }

  #command(reader: RespReader): void {
    // An empty line, an empty array: no command.
    if (reader.texts.length === 0) {
      this.#forgetEarly()
      return
    }
    const command = commandOf(reader.texts, this.#shared.query)
    // Half a name is none: it would be another command's.
    if (command === undefined || reader.cutText === 1) {
      reader.lose()
      return
    }
    if (command.method === 'SELECT') this.#namespace = reader.texts[1]?.slice(0, 16) ?? ''
    if (!SETUP.test(command.method)) this.#order.begins()
    const exchange = this.#exchanges.begin(reader, {
      protocol: 'redis',
      ...command,
      namespace: this.#namespace,
      truncated: reader.cutText > 0,
    })
    if (this.#torn) exchange.desynchronised = true
    this.#exchanges.requestEnd(exchange, { position: reader.position, ns: reader.lastNs })
    const early = this.#early
    this.#early = undefined
    if (early !== undefined) this.#answer(exchange, early)
    // Nobody knows which reply will be its own.
    else if (this.#replies.isLost && this.#order.pipelines) this.#exchanges.abandon(exchange)
    if (SUBSCRIPTION.test(command.method)) this.#subscribed = true
    if (LAST.includes(command.method)) this.#commands.stop()
  }

  #reply(reader: RespReader): void {
    if (!this.#undecided) return
    this.#undecided = false
    const kind = reader.texts[0] ?? ''
    const oldest = this.#exchanges.oldest
    if (this.#isUnasked(reader, kind, oldest)) return
    const error = ERRORS.includes(reader.type) ? errorOf(kind) : ''
    if (oldest === undefined && this.#early === undefined && this.#commands.isWithin) {
      const { startOffset, startNs, startTid, position, lastNs } = reader
      this.#early = { startOffset, startNs, startTid, error, position, ns: lastNs }
      return
    }
    if (oldest === undefined) {
      this.#exchanges.orphanResponse()
      // Whom it was meant for may have been given another's.
      if (this.#torn) reader.lose()
      return
    }
    const { startOffset, startNs, startTid, position, lastNs } = reader
    this.#answer(oldest, { startOffset, startNs, startTid, error, position, ns: lastNs })
  }

  #answer(exchange: Exchange, reply: Early): void {
    exchange.error ||= reply.error
    this.#exchanges.answer(exchange, reply)
    this.#exchanges.responseEnd(exchange, reply)
    if (LAST.includes(exchange.method)) this.#replies.stop()
  }

  #forgetEarly(): void {
    if (this.#early !== undefined) this.#exchanges.orphanResponse()
    this.#early = undefined
  }

  #isUnasked(reader: RespReader, kind: string, oldest: Exchange | undefined): boolean {
    if (!this.#subscribed) return reader.type === PUSH
    if (MESSAGES.includes(kind)) return true
    // A subscription to several channels is confirmed for each: the first one answers.
    if (CONFIRMATION.test(kind)) return oldest === undefined || !SUBSCRIPTION.test(oldest.method)
    return reader.type === PUSH
  }
}

/** `WRONGTYPE Operation against a key …`: the first word is the code. */
function errorOf(text: string): string {
  return /^[A-Z][A-Z0-9_-]{0,31}/.exec(text)?.[0] ?? 'ERR'
}

/** Whether a piece begins with a command beyond doubt: `*3\r\n$3\r\n`. */
function isCommand({ bytes, at, captured }: Piece): boolean {
  return /^\*\d{1,7}\r\n\$\d{1,9}\r\n/.test(
    bytes.toString('latin1', at, at + Math.min(captured, 24)),
  )
}
