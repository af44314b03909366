/**
 * One direction of a connection, cut into HTTP/1.x messages.
 *
 * The kernel gives pieces in stream order, each with its offset, its length, and as many of its
 * first bytes as were worth a copy:
 *
 *     offset            captured                        length
 *     │◀── known ──────▶│◀── only their number known ──▶│   and the last 8 bytes (tail)
 *
 * A body is followed by its framing, so its bytes need not be seen. Where framing needs bytes that
 * were not seen, the message goes on to a place that can be told without: the tail of a chunked
 * body, a piece that begins like the next message, the end of the connection. Nothing is guessed
 * inside a piece.
 *
 *        ┌─────────────────────── end of body ───────────────────────┐
 *        ▼                                                           │
 *     START ── first byte ──▶ HEAD ── blank line ──▶ LENGTH, CHUNKED, UNTIL_CLOSE
 *        │                     │                                     │ chunks not seen
 *        │ not HTTP, not seen  │ end not seen                        ▼
 *        └──────▶ LOST         └───────▶ UNFRAMED            CHUNKED_LOST
 *                   └── a piece that begins like a message ──┴────────┴──▶ START
 *
 * STOPPED is for good: a tunnel, an upgrade, another protocol.
 */

import type { Piece } from '../piece.ts'
import { StreamReader } from '../stream_reader.ts'
import { Chunks, endsChunked } from './chunks.ts'
import { BODY, type Body } from './framing.ts'
import { Head } from './head.ts'
import { HEAD_BYTES_MAX, HeadBuffer } from './head_buffer.ts'
import { type HeadRange, INCOMPLETE, INVALID, readHead } from './head_reader.ts'
import { FIRST_HEADS, KnownHeads } from './known_heads.ts'
import { beginsMessage, hasKnownMethod, isMessageStart, isOtherProtocol } from './message_start.ts'
import type { Http1Shared } from './shared.ts'

const START = 0
const HEAD = 1
const LENGTH = 2
const CHUNKED = 3
const UNTIL_CLOSE = 4
const UNFRAMED = 5
const CHUNKED_LOST = 6
const LOST = 7
const STOPPED = 8

/** Is told what the stream finds. `stream.position` is behind the byte that told it. */
export interface MessageSink {
  /** A head is complete, or cut (`stream.cut`). Answers how the body is framed. */
  head(stream: Http1Stream, head: Head): Body
  /** The message whose head was told has ended. */
  end(stream: Http1Stream): void
}

/** Heads are read one after the other, so one object will do. */
const scratch = new Head()
const range: HeadRange = { at: 0, to: 0, request: false, cut: false }

export class Http1Stream extends StreamReader {
  readonly isRequest: boolean
  /** Of the message that has begun: its head was not seen whole; bytes of it were not seen. */
  cut = false
  desynchronised = false
  /** Framing was lost before this message: it may answer another request than the next. */
  resynchronised = false
  /** Pieces of no HTTP, where nothing else was seen from the connection's beginning on. */
  otherPieces = 0
  readonly #sink: MessageSink
  readonly #shared: Http1Shared
  #state = START
  #left = 0
  #chunks: Chunks | undefined
  /** Heads were read in this direction. */
  #spoken = false
  /** Pieces are missing since the last message began. */
  #torn = false
  /** No byte of the message's body has come. */
  #isUntouched = false
  readonly #buffer: HeadBuffer
  /** From its second head on: most connections have one message, or many. */
  #heads: KnownHeads | undefined

  constructor(request: boolean, sink: MessageSink, shared: Http1Shared) {
    super()
    this.isRequest = request
    this.#sink = sink
    this.#shared = shared
    this.#buffer = new HeadBuffer(shared)
  }

  /** The end of the open message can only be told by what comes after it. */
  get unframed(): boolean {
    return this.#state === UNFRAMED || this.#state === CHUNKED_LOST
  }

  get stopped(): boolean {
    return this.#state === STOPPED
  }

  /** Parser.wantedFrom: the end of a body, unless the body may never come. */
  get wantedFrom(): number {
    return this.#state === LENGTH && !this.#isUntouched ? this.behind(this.#left) : 0
  }

  feed(piece: Piece): void {
    const end = piece.offset + piece.length
    if (end <= this.position || this.#state === STOPPED) {
      if (this.#state !== STOPPED) this.#shared.repeatedBytes += piece.length
      return
    }
    // What was missed of a body of which nothing was wanted is not missed.
    if (piece.offset > this.position && piece.offset <= this.wantedFrom) {
      this.#unknown(piece.offset - this.position)
    } else if (piece.offset > this.position) {
      this.#gap(piece.offset - this.position)
    }
    const repeated = this.position - piece.offset
    this.#shared.repeatedBytes += repeated
    const from = piece.at + repeated
    const to = piece.at + Math.min(piece.captured, piece.length)
    if (this.#state >= UNFRAMED && repeated === 0 && from < to) this.#resynchronise(piece, from, to)
    this.lastNs = piece.timeNs
    if (from < to) this.#known(piece, from, to)
    this.#unknown(end - this.position)
    if (this.#state === CHUNKED_LOST && endsChunked(piece)) this.#end()
    if (this.#state === LOST && !this.#spoken) this.otherPieces++
  }

  /** What the other direction, or time, tells: an unframed message is over. */
  endUnframed(): void {
    if (!this.unframed) return
    this.#end()
    this.#state = LOST
  }

  /** Nobody has sent any of the body, and it may never come: the next message may, instead. */
  doubtBody(): void {
    if (!this.#isUntouched || (this.#state !== LENGTH && this.#state !== CHUNKED)) return
    this.#chunks = undefined
    this.#state = UNFRAMED
  }

  /** The connection has ended. `isCutShort`: a body that had not been sent whole is marked. */
  finish({ isCutShort }: { isCutShort: boolean }): void {
    const state = this.#state
    this.#release()
    const isBody = state === LENGTH || state === CHUNKED || state === CHUNKED_LOST
    if (isBody && isCutShort) this.desynchronised = true
    if (state >= LENGTH && state <= CHUNKED_LOST) this.#sink.end(this)
    this.#state = STOPPED
  }

  /** No more messages in this direction. */
  stop(): void {
    this.#release()
    this.#state = STOPPED
  }

  #known(piece: Piece, from: number, to: number): void {
    let at = from
    while (at < to) {
      const before = at
      switch (this.#state) {
        case START:
          at = this.#wholeHead(piece, at, to)
          if (at !== before) continue // it has moved the position, for the sink to see
          at = this.#start(piece, at, to)
          break
        case HEAD:
          at = this.#head(piece.bytes, at, to)
          continue // as above
        case LENGTH:
          at += Math.min(this.#left, to - at)
          break
        case CHUNKED:
          at = (this.#chunks as Chunks).take(piece.bytes, at, to)
          break
        default:
          at = to
      }
      this.position += at - before
      this.#afterBody(at - before)
    }
  }

  #unknown(count: number): void {
    let left = count
    while (left > 0) {
      if (this.#state === HEAD) this.#cutHead()
      if (this.#state === START) this.#lose()
      let step = left
      if (this.#state === LENGTH) step = Math.min(this.#left, left)
      else if (this.#state === CHUNKED && !this.#chunks?.skip(left)) this.#loseChunks()
      this.position += step
      this.#afterBody(step)
      left -= step
    }
  }

  #afterBody(count: number): void {
    if (count > 0) this.#isUntouched = false
    if (this.#state === LENGTH) {
      this.#left -= count
      if (this.#left === 0) this.#end()
    } else if (this.#state === CHUNKED) {
      if (this.#chunks?.done) this.#end()
      else if (this.#chunks?.failed) this.#loseChunks()
    }
  }

  /** Most heads come whole, and are read at once; `from`: not this one. */
  #wholeHead(piece: Piece, from: number, to: number): number {
    const { bytes } = piece
    this.cut = false
    const end = this.#read(bytes, from, to)
    if (end < 0) return from
    // As beginsMessage() has it: no target begins with what is not ASCII.
    if (this.isRequest && (bytes[from + scratch.method.length + 1] as number) >= 127) return from
    this.#begins(piece, this.position)
    return this.#headRead(end, from, from)
  }

  #start(piece: Piece, from: number, to: number): number {
    const { bytes } = piece
    let at = from
    // RFC 9112 §2.2: empty lines before a request line are ignored.
    while (at < to && (bytes[at] === 13 || bytes[at] === 10)) at++
    if (at === to) return at
    if (!beginsMessage(bytes, at, to, this.isRequest)) {
      this.#lose()
      if (isOtherProtocol(bytes, at, to)) {
        this.#state = STOPPED
        if (!this.#spoken) this.otherPieces = Number.POSITIVE_INFINITY
      }
      return at
    }
    this.#begins(piece, this.position + at - from)
    this.#state = HEAD
    return at
  }

  /** A message begins at `offset` of the stream. */
  #begins(piece: Piece, offset: number): void {
    this.markStart(piece, offset)
    this.cut = false
    this.desynchronised = false
    this.#torn = false
  }

  /** Returns the index behind what it took, and has moved the position as far. */
  #head(bytes: Buffer, from: number, to: number): number {
    const buffer = this.#buffer
    const before = buffer.length
    if (before === 0) {
      const end = this.#read(bytes, from, to)
      if (end !== INCOMPLETE) return this.#headRead(end, from, from)
    }
    const count = buffer.keep(bytes, from, to)
    // Read only once it is whole: a head that comes byte by byte costs no more than its bytes.
    if (buffer.ends(before)) {
      const end = this.#read(buffer.bytes, 0, buffer.length)
      if (end !== INCOMPLETE) return this.#headRead(end, before, from)
    }
    this.position += count
    if (count < to - from || buffer.length === HEAD_BYTES_MAX) this.#cutHead()
    return from + count
  }

  /** The end of the head is not seen: what is there of it must do. */
  #cutHead(): void {
    this.cut = true
    this.#shared.headsCut++
    const end = this.#read(this.#buffer.bytes, 0, this.#buffer.length)
    if (end === INVALID) this.#notHead()
    else this.#begin()
  }

  #read(bytes: Buffer, at: number, to: number): number {
    range.at = at
    range.to = to
    range.request = this.isRequest
    range.cut = this.cut
    if (this.cut) return readHead(scratch, bytes, range)
    const side = this.isRequest ? 'request' : 'response'
    if (this.#spoken) this.#heads ??= new KnownHeads(side)
    return (this.#heads ?? FIRST_HEADS[side]).read(scratch, bytes, range)
  }

  /** A head was read up to `end`, of which what stood before `start` had been taken already. */
  #headRead(end: number, start: number, from: number): number {
    if (end === INVALID) {
      this.#notHead()
      return from
    }
    this.position += end - start
    this.#begin()
    return from + end - start
  }

  #notHead(): void {
    this.#shared.headsInvalid++
    this.#lose()
  }

  /** The head is in `scratch`, and the position behind it. */
  #begin(): void {
    this.#buffer.release()
    this.#spoken = true
    this.otherPieces = Number.NEGATIVE_INFINITY
    this.#left = scratch.contentLength
    this.#state = UNFRAMED // until its framing is known the message is open
    const body = this.#sink.head(this, scratch)
    this.resynchronised = false
    // A cut head may have had more to say on framing.
    if (!this.stopped) this.#enter(this.cut && body !== BODY.tunnel ? BODY.unknown : body)
  }

  #enter(body: Body): void {
    this.#isUntouched = true
    switch (body) {
      case BODY.none:
        this.#end()
        break
      case BODY.length:
        this.#state = LENGTH
        if (this.#left === 0) this.#end()
        break
      case BODY.chunked:
        this.#chunks = new Chunks()
        this.#state = CHUNKED
        break
      case BODY.untilClose:
        this.#state = UNTIL_CLOSE
        break
      case BODY.tunnel:
        this.#end()
        this.#state = STOPPED
        break
      case BODY.unknown:
        this.#state = UNFRAMED
        break
    }
  }

  #end(): void {
    this.#chunks = undefined
    this.#state = START
    this.#sink.end(this)
  }

  /** A piece begins like a message: one that is open has ended before, if there is no doubt. */
  #resynchronise(piece: Piece, from: number, to: number): void {
    const begins = this.unframed ? isMessageStart : beginsMessage
    if (!begins(piece.bytes, from, to, this.isRequest)) return
    // A request line whose beginning was missed begins with a token too: `ST / HTTP/1.1`.
    if (this.#torn && this.isRequest && !hasKnownMethod(piece.bytes, from, to)) return
    if (this.unframed) this.#end()
    if (!this.stopped) this.#state = START
  }

  #gap(count: number): void {
    if (this.position === 0) this.otherPieces = Number.NEGATIVE_INFINITY
    this.#shared.gaps++
    this.#shared.gapBytes += count
    this.desynchronised = true
    this.#torn = true
    this.#unknown(count)
    // What is missing may be messages, as nobody knows where they would begin and end.
    if (this.#state >= UNFRAMED) this.resynchronised = true
  }

  #lose(): void {
    this.#release()
    if (this.#spoken) this.#shared.desynchronised++
    this.#state = LOST
    this.resynchronised = true
  }

  #loseChunks(): void {
    this.#chunks = undefined
    this.#state = CHUNKED_LOST
  }

  #release(): void {
    this.#buffer.release()
    this.#chunks = undefined
  }
}
