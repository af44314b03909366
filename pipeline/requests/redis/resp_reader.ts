/**
 * Cuts one direction of a connection into RESP values
 * (https://redis.io/docs/latest/develop/reference/protocol-spec/):
 *
 *     value ::= '+' line | '-' line | ':' line | '_' line | '#' line | ',' line | '(' line
 *             | '$' length CRLF byte{length} CRLF          also '!' and '='; length -1 is null
 *             | '*' count CRLF value{count}                also '~' and '>'; count -1 is null
 *             | '%' count CRLF value{2 count}              also '|', which goes before a value
 *             | word { ' ' word } CRLF                     inline, of clients only
 *
 * A body is followed by its length, so its bytes need not be known; a line must be. One value on
 * the top level is told by its first byte, its first texts, and its end.
 */
import type { Piece } from '../piece.ts'
import { PieceReader } from '../stream_reader.ts'

const CR = 13
const LF = 10

/** Levels of values within values; real ones have three or four. */
const DEPTH_MAX = 32
/** Bytes of a text that are kept, and texts of a value. */
const TEXT_BYTES_MAX = 256
const TEXTS_MAX = 3
/** A header is a type and a number. */
const HEADER_BYTES_MAX = 24
const LENGTH_MAX = 512 * 1024 * 1024
const COUNT_MAX = 1024 * 1024

const LINES = '+-:_#,('
const BODIES = '$!='
const LISTS = '*~>'
const MAPS = '%|'

const EXPECT = 0
const LINE = 1
const BODY = 2
const LOST = 3
const STOPPED = 4

export interface RespSink {
  /** The first byte of a value; `reader.start…` tell of it. */
  begin(reader: RespReader): void
  /** `reader.position` is behind the value's last byte. */
  end(reader: RespReader): void
  /** Framing is lost: what was open has no end. */
  lost(reader: RespReader): void
}

export class RespReader extends PieceReader {
  readonly isClient: boolean
  /** Of the value: its type's byte, and the first texts in it, in parts when they are long. */
  type = 0
  readonly texts: string[] = []
  /** The first of the texts that was not seen whole, counted from 1; 0: none. */
  cutText = 0
  readonly #sink: RespSink
  readonly #inline: boolean
  readonly #line = Buffer.alloc(TEXT_BYTES_MAX)
  #state = EXPECT
  #lineLength = 0
  #lineType = 0
  #bodyLeft = 0
  #textLeft = 0
  /** Values that are still to come, level by level. */
  readonly #left: number[] = []

  constructor(isClient: boolean, sink: RespSink) {
    super()
    this.isClient = isClient
    this.#inline = isClient
    this.#sink = sink
  }

  get isLost(): boolean {
    return this.#state === LOST
  }

  /** Of a value the beginning has been taken, and not the end. */
  get isWithin(): boolean {
    const isBegun = this.#state !== EXPECT || this.#left.length > 0
    return isBegun && !this.isLost && !this.isStopped
  }

  /** See Parser. */
  get wantedFrom(): number {
    if (this.#state === STOPPED) return Number.POSITIVE_INFINITY
    return this.#state === BODY && this.#textLeft === 0 ? this.behind(this.#bodyLeft) : 0
  }

  stop(): void {
    this.#state = STOPPED
  }

  /** From here on, or from `position` on, values are expected again. */
  resume(position = this.position): void {
    if (this.#state !== LOST) return
    this.position = Math.max(position, this.position)
    this.#reset()
  }

  lose(): void {
    if (this.#state === LOST || this.#state === STOPPED) return
    this.#state = LOST
    this.#sink.lost(this)
  }

  protected get isStopped(): boolean {
    return this.#state === STOPPED
  }

  protected known(piece: Piece, from: number, to: number): void {
    const { bytes } = piece
    let at = from
    while (at < to) {
      if (this.#state === LOST || this.#state === STOPPED) {
        this.position += to - at
        return
      }
      const before = at
      if (this.#state === EXPECT) this.#expect(piece, bytes[at] as number)
      if (this.#state === LINE) at = this.#takeLine(bytes, at, to)
      else if (this.#state === BODY) at = this.#takeBody(bytes, at, to)
      this.position += at - before
      this.#afterTaken()
    }
  }

  /** Bytes that nobody has seen: harmless within a body. */
  protected unknown(count: number): void {
    if (this.#state === BODY && count <= this.#bodyLeft) {
      this.#bodyLeft -= count
      if (this.#textLeft > 0) this.cutText ||= this.texts.length
      this.#textLeft = 0
      this.position += count
      this.#afterTaken()
      return
    }
    this.position += count
    this.lose()
  }

  #expect(piece: Piece, type: number): void {
    if (this.#left.length === 0) {
      this.type = type
      this.texts.length = 0
      this.cutText = 0
      this.markStart(piece, this.position)
      this.#sink.begin(this)
    }
    if (this.#state !== EXPECT) return
    this.#lineType = type
    this.#lineLength = 0
    this.#state = LINE
  }

  /** Up to and with the line feed; keeps the beginning. */
  #takeLine(bytes: Buffer, from: number, to: number): number {
    const lf = bytes.indexOf(LF, from)
    const end = lf < 0 || lf >= to ? to : lf + 1
    const room = Math.min(end - from, TEXT_BYTES_MAX - this.#lineLength)
    bytes.copy(this.#line, this.#lineLength, from, from + room)
    this.#lineLength += room
    if (end !== lf + 1) return end
    this.#state = EXPECT
    this.#lineEnds = true
    return end
  }

  #takeBody(bytes: Buffer, from: number, to: number): number {
    const count = Math.min(this.#bodyLeft, to - from)
    const text = Math.min(this.#textLeft, count)
    if (text > 0) {
      const last = this.texts.length - 1
      this.texts[last] += bytes.toString('latin1', from, from + text)
      this.#textLeft -= text
    }
    this.#bodyLeft -= count
    return from + count
  }

  #lineEnds = false

  /** The position is behind what was taken: what it meant. */
  #afterTaken(): void {
    if (this.#state === BODY) {
      if (this.#bodyLeft === 0) {
        this.#state = EXPECT
        this.#valueEnds()
      }
    } else if (this.#lineEnds) {
      this.#lineEnds = false
      this.#lineRead()
    }
  }

  #lineRead(): void {
    const type = String.fromCharCode(this.#lineType)
    let length = this.#lineLength
    while (length > 0 && isLineEnd(this.#line[length - 1] as number)) length--
    if (LINES.includes(type)) {
      this.#keepText(this.#line.toString('latin1', 1, length))
      this.#valueEnds()
    } else if (BODIES.includes(type)) this.#bodyBegins(this.#number(length))
    else if (LISTS.includes(type)) this.#listBegins(type, this.#number(length))
    else if (MAPS.includes(type)) this.#listBegins(type, 2 * this.#number(length))
    else if (this.#inline && this.#left.length === 0) {
      const words = this.#line.toString('latin1', 0, length).trim().split(/\s+/, TEXTS_MAX)
      for (const word of words) this.#keepText(word)
      this.#valueEnds()
    } else this.lose()
  }

  /** NaN: no number. */
  #number(length: number): number {
    if (length < 2 || length > HEADER_BYTES_MAX) return Number.NaN
    const text = this.#line.toString('latin1', 1, length)
    return /^-?\d+$/.test(text) ? Number(text) : Number.NaN
  }

  #bodyBegins(length: number): void {
    if (length === -1) {
      this.#keepText('')
      this.#valueEnds()
    } else if (length >= 0 && length <= LENGTH_MAX) {
      this.#bodyLeft = length + 2
      this.#textLeft = this.texts.length < TEXTS_MAX ? Math.min(length, TEXT_BYTES_MAX) : 0
      this.#keepText('')
      this.#state = BODY
    } else this.lose()
  }

  #listBegins(type: string, count: number): void {
    if (!(count >= -2 && count <= COUNT_MAX) || this.#left.length >= DEPTH_MAX) this.lose()
    else if (type === '|') {
      // An attribute goes before the value that it belongs to, and counts as part of it.
      this.#left.push(count + 1)
    } else if (count <= 0) this.#valueEnds()
    else this.#left.push(count)
  }

  #keepText(text: string): void {
    if (this.texts.length < TEXTS_MAX) this.texts.push(text)
  }

  #valueEnds(): void {
    for (;;) {
      const level = this.#left.length - 1
      if (level < 0) break
      const left = (this.#left[level] as number) - 1
      this.#left[level] = left
      if (left > 0) return
      this.#left.pop()
    }
    this.#sink.end(this)
  }

  #reset(): void {
    this.#left.length = 0
    this.#lineLength = 0
    this.#lineEnds = false
    this.#bodyLeft = 0
    this.#state = EXPECT
  }
}

function isLineEnd(byte: number): boolean {
  return byte === CR || byte === LF
}
