/**
 * Pairs the commands of a client with the answers to them, which come in order; answer.ts finds
 * where each of them ends. The packets of a command and of its answer are numbered through, which
 * tells when one has lost one's place.
 *
 * Of long answers the kernel may hand over no more than the beginnings of pieces. An answer with
 * rows is then over where a piece ends like one, or when the client asks for something else.
 */
import type { Exchange } from '../exchange.ts'
import type { Exchanges } from '../exchanges.ts'
import { type FrameSink, Frames } from '../frames.ts'
import { ANSWERS_BYTES, Order } from '../order.ts'
import { type Opening, type Parser, runOf } from '../parser.ts'
import type { Piece } from '../piece.ts'
import type { Remembered } from '../remembered.ts'
import type { Shared } from '../shared.ts'
import { TlsParser } from '../tls/tls_parser.ts'
import { Answer, endsRows } from './answer.ts'
import { ClientPackets, commandOf } from './client_packets.ts'
import { COM_STMT_CLOSE, type Command, QUERY_BYTES_MAX } from './commands.ts'
import { meaningOf } from './meaning.ts'
import { HEADER_BYTES, PACKET_BYTES_MAX } from './packets.ts'
import { isHeader, isWholeRequest } from './runs.ts'
import { Session } from './session.ts'

export class MysqlParser implements Parser, FrameSink {
  readonly #exchanges: Exchanges
  readonly #shared: Shared
  readonly #client: Frames
  readonly #server: Frames
  readonly #session = new Session()
  readonly #order: Order
  #remembered: Remembered | undefined
  /** Without an end, oldest first: those of the exchanges, or the login. */
  readonly #answers: Answer[] = []
  readonly #packets = new ClientPackets()
  /** The server's last packet was as long as one can be. */
  #serverContinues = false
  #isContinuation = false
  /** The answer that the server's packet is for. */
  #answering: Answer | undefined
  /** Looks for the end of the only answer in the last bytes of pieces. */
  #seeking = false
  #torn = false
  /** Both ends have not agreed on anything that hides what follows. */
  #isRead = true
  /** Reads the hellos once the client has asked for TLS. */
  #tls: TlsParser | undefined

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
    this.#remembered = before
    if (before !== undefined) this.#session.resume(before)
    if (isOlder) {
      this.#client.lose()
      this.#server.lose()
    } else this.#answers.push(new Answer({ kind: 'login' }))
  }

  /** Once both ends have agreed on what is spoken, in the clear. */
  get remembered(): Remembered | undefined {
    if (!this.#isRead) return undefined
    this.#remembered = this.#session.remembered(this.#remembered, this.#order.pipelines)
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
    // A client that asks for TLS does not wait for an answer: its hello may be in the same piece.
    this.#tls?.feed(piece, fromClient)
  }

  #feed(piece: Piece, fromClient: boolean): void {
    if (fromClient) {
      if (this.#client.isLost && this.#isPlain(piece)) this.#client.resume(piece.offset)
      this.#client.feed(piece)
      return
    }
    this.#order.answered()
    if (this.#server.isLost && !this.#seeking) {
      const isAsked = this.#answers[0]?.started === false
      const isNext = isAsked && this.#order.isNext(piece.offset, this.#server.position)
      if (isNext) this.#server.resume(piece.offset)
      else this.#giveUp()
    }
    this.#server.feed(piece)
    if (this.#seeking && this.#isEnd(piece)) this.#found()
  }

  sweep(): void {}

  /** What is left of its answer would be taken for the next one's. */
  abandoned(exchange: Exchange): void {
    const at = this.#answers.findIndex(({ asked }) => asked.exchange === exchange)
    if (at >= 0) this.#answers.splice(at, 1)
    if (this.#seeking) this.#giveUp()
    else this.#server.lose()
  }

  finish(): void {
    if (this.#seeking) this.#overtaken()
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
    if (fromClient) return HEADER_BYTES + 1 + QUERY_BYTES_MAX
    return this.#order.pipelines ? ANSWERS_BYTES : 0
  }

  headerBytes({ isClient, isBetween }: Frames): number {
    if (!isClient) return HEADER_BYTES
    if (isBetween) this.#packets.begins(this.#answers[0])
    return this.#packets.headerBytes
  }

  bodyBytes({ isClient, header }: Frames): number {
    if (isClient) return this.#packets.bodyBytes(header, this.#answers[0])
    return this.#serverBytes(header.readUIntLE(0, 3), header[3] as number)
  }

  wanted({ isClient, header }: Frames): number {
    if (isClient) return this.#packets.wanted(header, this.#answers[0])
    return this.#isContinuation ? 0 : (this.#answering?.wanted ?? 0)
  }

  frame(frames: Frames): void {
    if (frames.isClient) this.#said(frames)
    else this.#answered(frames)
  }

  ended({ isClient }: Frames): void {
    const { asking } = this.#exchanges
    if (isClient && asking !== undefined && !this.#packets.continues) this.#requestEnd(asking)
  }

  lost(frames: Frames): void {
    if (frames.isClient) {
      this.#packets.lost()
      this.#session.missed()
    } else {
      this.#serverContinues = false
      const [head] = this.#answers
      if (this.#answers.length === 1 && (head?.isResultSet || head?.isPrepared)) {
        this.#seeking = true
        return
      }
    }
    this.#torn = true
    this.#order.missed()
    this.#shared.count('mysql_desynchronised')
    const { asking } = this.#exchanges
    if (asking !== undefined) asking.desynchronised = true
    if (asking?.responseDone) this.#exchanges.close(asking)
    if (!frames.isClient) this.#giveUp()
    else if (this.#order.isDoubtful) this.#server.lose()
  }

  #serverBytes(length: number, sequence: number): number {
    this.#isContinuation = this.#serverContinues
    if (!this.#isContinuation) {
      if (this.#answers.length === 0) this.#tell(sequence)
      this.#answering = this.#answers[0]
    }
    const answer = this.#answering
    if (answer !== undefined && !answer.isOfLogin) {
      if (sequence !== answer.sequence && !this.#isEarly(answer, sequence)) return -1
    }
    if (answer !== undefined) answer.sequence = (sequence + 1) & 0xff
    this.#serverContinues = length === PACKET_BYTES_MAX
    return length
  }

  /** The answer to a command that has not been seen to its end. */
  #tell(sequence: number): void {
    if (sequence !== 1 || !this.#packets.isCommand || this.#exchanges.waiting > 0) return
    const kind = commandOf(this.#client.header)?.kind
    if (kind !== 'silent' && kind !== 'stream') this.#client.tell()
  }

  /** A command that is too long is refused after any of its packets. */
  #isEarly({ asked, started }: Answer, sequence: number): boolean {
    if (started || asked.exchange !== this.#exchanges.asking) return false
    return this.#packets.isAnswer(sequence)
  }

  #said(frames: Frames): void {
    if (this.#packets.isCommand) this.#command(frames)
    else if (this.#packets.isContinuation) this.#continued()
    else this.#dialogue(frames)
  }

  #command(frames: Frames): void {
    const code = frames.header[HEADER_BYTES] as number
    const command = commandOf(frames.header) as Command
    if (this.#seeking) this.#overtaken()
    if (command.kind === 'stream') {
      this.finish()
      return
    }
    if (command.kind === 'silent') {
      if (code === COM_STMT_CLOSE) this.#session.closed(frames.body)
      return
    }
    this.#begin(command, frames)
  }

  #begin(command: Command, frames: Frames): void {
    const code = frames.header[HEADER_BYTES] as number
    this.#order.begins()
    const meaning = meaningOf(code, { message: frames, command, session: this.#session })
    const { method, target, query } = meaning.named
    const exchange = this.#exchanges.begin(frames, {
      protocol: 'mysql',
      version: '10',
      method,
      target,
      query: this.#shared.query === 'drop' ? '' : query,
      namespace: this.#session.database,
      truncated: meaning.truncated,
    })
    if (this.#torn) exchange.desynchronised = true
    this.#torn = false
    const answer = new Answer({ kind: command.kind, exchange, ...meaning.asked })
    answer.sequence = this.#packets.next
    this.#answers.push(answer)
    if (!this.#packets.continues && !frames.isAhead) this.#requestEnd(exchange)
    // Nobody knows which answer will be its own.
    if (this.#server.isLost && this.#order.pipelines) this.#exchanges.abandon(exchange)
  }

  #requestEnd(exchange: Exchange): void {
    const { position, lastNs } = this.#client
    this.#exchanges.requestEnd(exchange, { position, ns: lastNs })
  }

  #continued(): void {
    const newest = this.#answers.at(-1)
    const { asking } = this.#exchanges
    if (asking === undefined) return
    const isUnanswered = newest?.asked.exchange === asking && !newest.started
    if (isUnanswered) newest.sequence = this.#packets.next
    if (!this.#packets.continues) this.#requestEnd(asking)
  }

  /** What a client says while the server has not answered: its login, or a file. */
  #dialogue({ body, bodyLength }: Frames): void {
    const [head] = this.#answers
    if (head === undefined) return
    head.sequence = this.#packets.next
    const { exchange } = head.asked
    if (exchange === undefined) this.#login(body)
    else if (head.asked.kind !== 'login') {
      this.#requestEnd(exchange)
      if (bodyLength === 0) head.fileEnded()
    }
  }

  #login(body: Buffer): void {
    const unread = this.#session.login(body)
    if (unread === undefined) return
    this.#isRead = false
    this.#shared.count(`mysql_${unread}`)
    const at = { request: this.#client.position, response: this.#server.position }
    this.finish()
    if (unread === 'encrypted') this.#tls = new TlsParser(this.#exchanges, this.#shared, at)
  }

  #answered(frames: Frames): void {
    const answer = this.#answering
    if (this.#isContinuation) return
    if (answer === undefined) {
      if (frames.header[3] === 1) this.#exchanges.orphanResponse()
      return
    }
    if (answer !== this.#answers[0]) return
    const { exchange } = answer.asked
    if (exchange === undefined && !answer.started && this.#session.greeted(frames.body)) return
    if (exchange !== undefined && !answer.started) this.#exchanges.answer(exchange, frames)
    const { capabilities } = this.#session
    if (answer.take(frames.body, { length: frames.bodyLength, capabilities })) this.#end(answer)
  }

  /** The oldest answer has come to its end. */
  #end(answer: Answer): void {
    this.#answers.shift()
    this.#session.answered(answer)
    const { exchange } = answer.asked
    if (exchange === undefined) return
    if (answer.errorCode !== 0) exchange.error = `${answer.errorCode}`
    const { position, lastNs } = this.#server
    this.#exchanges.responseEnd(exchange, { position, ns: lastNs })
  }

  #isEnd({ bytes, tailEnd, length }: Piece): boolean {
    const { capabilities } = this.#session
    const isResultSet = this.#answers[0]?.isResultSet ?? false
    return isResultSet && endsRows(bytes, { end: tailEnd, length, capabilities })
  }

  #found(): void {
    this.#seeking = false
    this.#end(this.#answers[0] as Answer)
    this.#server.resume()
  }

  /** The client goes on, so what was sought is over; rows may have ended with an error. */
  #overtaken(): void {
    const [head] = this.#answers
    this.#seeking = false
    if (head?.isPrepared) this.#end(head)
    else this.#giveUp()
  }

  /** Exchanges whose end was missed. */
  #giveUp(): void {
    this.#seeking = false
    this.#answers.splice(0)
    this.#answering = undefined
    this.#session.torn()
    this.#exchanges.finish(this.lastNs)
  }

  /** Whether a client that was lost begins anew here, and nothing is open that it may belong to. */
  #isPlain(piece: Piece): boolean {
    if (this.#answers.length > 0 && !this.#seeking) return false
    const run = runOf(piece)
    return isWholeRequest(run) || isHeader(run)
  }
}
