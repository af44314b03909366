/**
 * Pairs commands and replies, which come in order.
 *
 * A meta command that is quiet may be answered or not, so it is part of the exchange of the next
 * one that is not quiet, whose reply is told by what it alone has in it: MN, its key or its opaque.
 * A command without a reply is an exchange without a response.
 */
import type { Exchange } from '../exchange.ts'
import type { Exchanges } from '../exchanges.ts'
import { Order } from '../order.ts'
import type { Parser } from '../parser.ts'
import type { Piece } from '../piece.ts'
import { type Remembered, remembered } from '../remembered.ts'
import type { Shared } from '../shared.ts'
import { COMMAND_LINE, type Command, commandOf, errorOf, replyBlockOf } from './commands.ts'
import { LineReader, type LineSink } from './line_reader.ts'

interface Asked {
  readonly exchange: Exchange
  /** The last one of it. */
  readonly command: Command
  /** There are quiet ones before. */
  readonly isBatch: boolean
  started: boolean
}

/** How the last reply to several keys ends. */
const VALUES_END = '\r\nEND\r\n'

export class MemcachedParser implements Parser, LineSink {
  readonly #exchanges: Exchanges
  readonly #shared: Shared
  readonly #client = new LineReader(true, this)
  readonly #server = new LineReader(false, this)
  readonly #asked: Asked[] = []
  readonly #order: Order
  #remembered: Remembered
  /** Of the line that is coming in. */
  #command: Command | undefined
  /** What is being asked has quiet ones in it. */
  #isBatch = false
  /** The reply that is coming in ends the answer. */
  #isLast = false
  /** Looks for the end of the only answer in the last bytes of pieces. */
  #seeking = false
  #torn = false

  constructor(exchanges: Exchanges, shared: Shared, before?: Remembered) {
    this.#exchanges = exchanges
    this.#shared = shared
    this.#order = new Order(exchanges, {
      answers: this.#server,
      giveUp: () => this.#giveUp(),
      isQuick: true,
      pipelines: before?.pipelines,
    })
    this.#remembered = before ?? remembered('memcached')
    if (before === undefined) return
    this.#client.lose()
    this.#server.lose()
  }

  get remembered(): Remembered {
    const { pipelines } = this.#order
    if (pipelines !== this.#remembered.pipelines) {
      this.#remembered = remembered('memcached', { pipelines })
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
    this.#order.piece(piece.timeNs)
    if (fromClient) {
      if (this.#client.isLost && this.#isPlain(piece)) this.#client.resume(piece.offset)
      this.#client.feed(piece)
      return
    }
    this.#order.answered()
    if (this.#server.isLost && !this.#seeking) {
      if (this.#isNext(piece)) this.#server.resume(piece.offset)
      else this.#giveUp()
    }
    this.#server.feed(piece)
    if (this.#seeking && endsValues(piece)) {
      this.#seeking = false
      this.#answered(this.#asked[0] as Asked)
      this.#server.resume()
    }
  }

  /** Whose the next reply is: it was asked since the loss. */
  #isNext({ offset }: Piece): boolean {
    return this.#asked.length > 0 && this.#order.isNext(offset, this.#server.position)
  }

  sweep(): void {}

  /** Its reply may still come, and would be taken for the next one's. */
  abandoned(exchange: Exchange): void {
    const at = this.#asked.findIndex((asked) => asked.exchange === exchange)
    if (at >= 0) this.#asked.splice(at, 1)
    if (this.#seeking) this.#giveUp()
    else this.#server.lose()
  }

  finish(): void {
    this.#client.stop()
    this.#server.stop()
  }

  wantedFrom(fromClient: boolean): number {
    return (fromClient ? this.#client : this.#server).wantedFrom
  }

  line(reader: LineReader): number {
    if (!reader.isClient) return this.#reply(reader)
    const command = commandOf(reader.text, this.#shared.query)
    this.#command = command
    if (command !== undefined) {
      if (this.#seeking) this.#giveUp()
      if (command.kind !== 'silent') this.#begin(reader, command)
      this.#ask(command)
      return command.block
    }
    // An empty line is answered with an error as others are, but no client sends one.
    reader.lose()
    return -1
  }

  end(reader: LineReader): void {
    if (reader.isClient) this.#commandEnd(reader)
    else if (this.#isLast) this.#answered(this.#asked[0] as Asked)
  }

  lost(reader: LineReader): void {
    if (!reader.isClient) {
      const [head] = this.#asked
      if (this.#asked.length === 1 && head?.started && head.command.kind === 'values') {
        this.#seeking = true
        return
      }
    }
    this.#torn = true
    this.#order.missed()
    this.#shared.count('memcached_desynchronised')
    const { asking } = this.#exchanges
    if (!reader.isClient) this.#giveUp()
    else {
      if (asking !== undefined) this.#missed(asking)
      if (this.#order.isDoubtful) this.#server.lose()
    }
  }

  /** Quiet ones that were sent before are part of it. */
  #begin(reader: LineReader, { method, target, query }: Command): void {
    if (this.#exchanges.asking !== undefined) return
    this.#order.begins()
    const exchange = this.#exchanges.begin(reader, { protocol: 'memcached', method, target, query })
    if (this.#torn) exchange.desynchronised = true
    this.#torn = false
    this.#isBatch = false
  }

  /**
   * From its line on: a value that is too large may be refused before its last byte, and where that
   * was not seen the reply comes first, too. Without a mark nobody can tell which is the last one.
   */
  #ask(command: Command): void {
    const { asking: exchange } = this.#exchanges
    const isBatch = this.#isBatch
    if (exchange === undefined || command.kind === 'silent' || command.kind === 'stream') return
    if (command.quiet || (isBatch && command.mark === '')) return
    if (command.noreply && !isBatch) return
    this.#asked.push({ exchange, command, isBatch, started: false })
  }

  #commandEnd({ position, lastNs }: LineReader): void {
    const command = this.#command
    const { asking: exchange } = this.#exchanges
    if (command === undefined || exchange === undefined) return
    if (command.kind === 'stream') {
      this.finish()
      return
    }
    if (command.quiet) {
      this.#isBatch = true
      return
    }
    this.#exchanges.requestEnd(exchange, { position, ns: lastNs })
    if (command.noreply && !this.#isBatch) {
      exchange.endNs = lastNs
      this.#exchanges.close(exchange)
      return
    }
    // Nobody can tell which of the replies is its own.
    if (this.#isBatch && command.mark === '') this.#server.lose()
    else if (this.#server.isLost && this.#order.pipelines) this.#exchanges.abandon(exchange)
  }

  /** Bytes of the block behind the reply's line. */
  #reply(reader: LineReader): number {
    this.#isLast = false
    const block = replyBlockOf(reader.text)
    const [head] = this.#asked
    if (Number.isNaN(block)) {
      reader.lose()
      return -1
    }
    if (head === undefined) {
      // Replies to quiet ones come before the last one of them is asked.
      if (this.#exchanges.asking === undefined) this.#exchanges.orphanResponse()
      return block
    }
    const error = errorOf(reader.text)
    if (error === '' && !fits(head, reader.text)) {
      reader.lose()
      return -1
    }
    if (!head.started) this.#exchanges.answer(head.exchange, reader)
    head.started = true
    if (error !== '') head.exchange.error ||= error
    this.#isLast = isLast(head, reader.text, error)
    return block
  }

  #answered({ exchange }: Asked): void {
    this.#asked.shift()
    const { position, lastNs } = this.#server
    this.#exchanges.responseEnd(exchange, { position, ns: lastNs })
  }

  /** Exchanges whose end was missed. */
  #giveUp(): void {
    this.#seeking = false
    this.#asked.splice(0)
    this.#exchanges.finish(this.lastNs)
  }

  #missed(exchange: Exchange): void {
    const at = this.#asked.findIndex((asked) => asked.exchange === exchange)
    if (at >= 0) this.#asked.splice(at, 1)
    exchange.desynchronised = true
    exchange.endNs ||= this.lastNs
    this.#exchanges.close(exchange)
  }

  /** Whether a client that was lost begins anew here, and nothing is open that it may belong to. */
  #isPlain({ bytes, at, captured, length }: Piece): boolean {
    if (this.#asked.length > 0 && !this.#seeking) return false
    const to = at + Math.min(captured, length, 320)
    return COMMAND_LINE.test(bytes.toString('latin1', at, to))
  }
}

/** Whether a reply can be one to what was asked. */
function fits({ command, isBatch }: Asked, line: string): boolean {
  const word = line.split(' ', 1)[0] ?? ''
  if (command.kind === 'values') return word === 'VALUE' || word === 'END'
  if (command.kind === 'meta' && isBatch) return /^(VA|HD|EN|NF|NS|EX|MN|ME)$/.test(word)
  return command.replies.test(word)
}

function isLast({ command, isBatch }: Asked, line: string, error: string): boolean {
  switch (command.kind) {
    case 'values':
      return error !== '' || line === 'END'
    case 'list':
      return error !== '' || /^(END|RESET|OK)$/.test(line)
    case 'meta':
      return !isBatch || line.split(/ +/).includes(command.mark)
    default:
      return true
  }
}

function endsValues({ bytes, tailEnd, length }: Piece): boolean {
  const at = tailEnd - VALUES_END.length
  return (
    length >= VALUES_END.length && at >= 0 && bytes.toString('latin1', at, tailEnd) === VALUES_END
  )
}
