/**
 * Cuts one direction of a connection into lines, and the blocks of data behind them:
 *
 *     line CRLF (byte{length} CRLF)?            the line tells whether there is a block, how long
 *
 * Bytes of a block need not be known; a line must be.
 */
import type { Piece } from '../piece.ts'
import { PieceReader } from '../stream_reader.ts'

const LF = 10
/** Bytes of a line that are kept: a key has up to 250. */
const LINE_BYTES_MAX = 512
/** A get may name thousands of keys. */
const LINE_LENGTH_MAX = 1 << 20

const LINE = 0
const BLOCK = 1
const LOST = 2
const STOPPED = 3

export interface LineSink {
  /** A line, without its end: bytes of the block behind it, or none when negative. */
  line(reader: LineReader): number
  /** Line and block have ended: `reader.position` is behind them. */
  end(reader: LineReader): void
  /** Bytes are missing, or the line is none. */
  lost(reader: LineReader): void
}

export class LineReader extends PieceReader {
  readonly isClient: boolean
  text = ''
  /** The line is longer than `text`. */
  cut = false
  readonly #sink: LineSink
  readonly #kept = Buffer.alloc(LINE_BYTES_MAX)
  #state = LINE
  #length = 0
  #left = 0

  constructor(isClient: boolean, sink: LineSink) {
    super()
    this.isClient = isClient
    this.#sink = sink
  }

  get isLost(): boolean {
    return this.#state === LOST
  }

  /** See Parser. */
  get wantedFrom(): number {
    if (this.#state === STOPPED) return Number.POSITIVE_INFINITY
    return this.#state === BLOCK ? this.behind(this.#left) : 0
  }

  stop(): void {
    this.#state = STOPPED
  }

  /** Lines begin again with the next byte that is fed, or stands at `position`. */
  resume(position = this.position): void {
    if (this.#state !== LOST) return
    this.position = position
    this.#length = 0
    this.#state = LINE
  }

  lose(): void {
    if (this.#state >= LOST) return
    this.#state = LOST
    this.#sink.lost(this)
  }

  protected get isStopped(): boolean {
    return this.#state === STOPPED
  }

  protected known(piece: Piece, from: number, to: number): void {
    let at = from
    while (at < to && this.#state < LOST) {
      at = this.#state === LINE ? this.#takeLine(piece, at, to) : this.#takeBlock(at, to)
    }
    this.position += to - at
  }

  #takeLine(piece: Piece, from: number, to: number): number {
    if (this.#length === 0) this.markStart(piece, this.position)
    const found = piece.bytes.indexOf(LF, from)
    const end = found < 0 || found >= to ? to : found + 1
    if (this.#length < LINE_BYTES_MAX) piece.bytes.copy(this.#kept, this.#length, from, end)
    this.#length += end - from
    this.position += end - from
    if (end === found + 1) this.#lineEnds()
    else if (this.#length > LINE_LENGTH_MAX) this.lose()
    return end
  }

  #lineEnds(): void {
    const kept = Math.min(this.#length, LINE_BYTES_MAX)
    this.cut = kept < this.#length
    this.text = this.#kept.toString('latin1', 0, kept).trimEnd()
    this.#length = 0
    const block = this.#sink.line(this)
    if (this.#state !== LINE) return
    if (block < 0) {
      this.#sink.end(this)
      return
    }
    this.#left = block + 2
    this.#state = BLOCK
  }

  #takeBlock(from: number, to: number): number {
    const count = Math.min(this.#left, to - from)
    this.#skip(count)
    return from + count
  }

  #skip(count: number): void {
    this.position += count
    this.#left -= count
    if (this.#left > 0) return
    this.#state = LINE
    this.#sink.end(this)
  }

  protected unknown(count: number): void {
    if (this.#state === BLOCK && count <= this.#left) {
      this.#skip(count)
      return
    }
    this.position += count
    this.lose()
  }
}
