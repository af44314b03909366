/**
 * Cuts one direction of a connection into frames: a header of known size that tells the length of
 * the body behind it.
 *
 *     header            body
 *     │◀ headerBytes ──▶│◀── kept ──▶│◀── skipped, need not even be known ──▶│
 *
 * The beginning of a body is given as a view where one piece holds it, else as a copy in memory
 * that all connections share a bound on.
 */
import type { Piece } from './piece.ts'
import type { Shared } from './shared.ts'
import { PieceReader } from './stream_reader.ts'

const EMPTY = Buffer.alloc(0)
/** Bytes of the longest header of a protocol. */
const HEADER_BYTES_MAX = 16

const HEADER = 0
const BODY = 1
const LOST = 2
const STOPPED = 3

export interface FrameSink {
  /** Bytes of the header of what comes next; may differ from frame to frame. */
  headerBytes(frames: Frames): number
  /** Bytes of the body, by `frames.header`; a negative number: this is no header. */
  bodyBytes(frames: Frames): number
  /** How many of them are wanted, at most. */
  wanted(frames: Frames): number
  /** A frame has ended: `frames.position` is behind it, `header` and `body` are valid here. */
  frame(frames: Frames): void
  /** The end of a frame that was told of before it: see `Frames.tell`. */
  ended?(frames: Frames): void
  /** Bytes are missing or make no frame. */
  lost(frames: Frames): void
}

export class Frames extends PieceReader {
  readonly isClient: boolean
  readonly header = Buffer.alloc(HEADER_BYTES_MAX)
  /** The beginning of the body, as much as was wanted and known: `bytes[bodyAt … bodyTo)`. */
  bytes: Buffer = EMPTY
  bodyAt = 0
  bodyTo = 0
  bodyLength = 0
  /** Bytes that were wanted are not in `body`. */
  cut = false
  /** The frame was told of before its end: see `tell`. */
  isAhead = false
  readonly #sink: FrameSink
  readonly #shared: Shared
  #state = HEADER
  #headerLength = 0
  #left = 0
  #wanted = 0
  /** Of a body that comes in several pieces. */
  #kept: Buffer = EMPTY
  #keptLength = 0

  constructor(isClient: boolean, of: { sink: FrameSink; shared: Shared }) {
    super()
    this.isClient = isClient
    this.#sink = of.sink
    this.#shared = of.shared
  }

  get isLost(): boolean {
    return this.#state === LOST
  }

  /** `bytes[bodyAt … bodyTo)`, for whom a view more is no matter. */
  get body(): Buffer {
    return this.bytes.subarray(this.bodyAt, this.bodyTo)
  }

  /** The next byte is that of a header. */
  get isBetween(): boolean {
    return this.#state === HEADER && this.#headerLength === 0
  }

  /** See Parser. */
  get wantedFrom(): number {
    if (this.#state === STOPPED) return Number.POSITIVE_INFINITY
    const isKept = this.cut || this.bodyLength - this.#left >= this.#wanted
    return this.#state === BODY && isKept ? this.behind(this.#left) : 0
  }

  /**
   * Tells of the frame that is coming in by what is known of it, for it is being answered: its
   * rest was not seen, or comes late, or never.
   */
  tell(): void {
    if (this.#state !== BODY || this.isAhead) return
    if (this.bodyLength - this.#left < this.#wanted) this.cut = true
    this.isAhead = true
    this.#sink.frame(this)
  }

  /** No more frames in this direction. */
  stop(): void {
    this.#release()
    this.#state = STOPPED
  }

  /** Frames begin again with the next byte that is fed, or stands at `position`. */
  resume(position = this.position): void {
    if (this.#state !== LOST) return
    this.position = position
    this.#headerLength = 0
    this.#state = HEADER
  }

  lose(): void {
    if (this.#state >= LOST) return
    this.#release()
    this.#state = LOST
    this.#sink.lost(this)
  }

  protected get isStopped(): boolean {
    return this.#state === STOPPED
  }

  protected known(piece: Piece, from: number, to: number): void {
    let at = from
    while (at < to) {
      if (this.#state >= LOST) {
        this.position += to - at
        return
      }
      at = this.#state === HEADER ? this.#takeHeader(piece, at, to) : this.#takeBody(piece, at, to)
    }
  }

  #takeHeader(piece: Piece, from: number, to: number): number {
    if (this.#headerLength === 0) this.markStart(piece, this.position)
    const wanted = this.#sink.headerBytes(this)
    const count = Math.min(wanted - this.#headerLength, to - from)
    const { header } = this
    const { bytes } = piece
    const before = this.#headerLength
    // So few that a call to copy them would cost more.
    for (let i = 0; i < count; i++) header[before + i] = bytes[from + i] as number
    this.#headerLength = before + count
    this.position += count
    if (before + count < wanted) return from + count
    const length = this.#sink.bodyBytes(this)
    if (!(length >= 0)) {
      this.lose()
      return from + count
    }
    this.#headerLength = 0
    this.bodyLength = length
    this.#left = length
    this.#wanted = Math.min(length, this.#sink.wanted(this))
    this.cut = false
    this.isAhead = false
    this.#keptLength = 0
    this.#state = BODY
    if (length === 0) this.#end()
    return from + count
  }

  #takeBody(piece: Piece, from: number, to: number): number {
    const count = Math.min(this.#left, to - from)
    const done = this.bodyLength - this.#left
    const missing = this.#wanted - done
    if (missing > 0 && !this.cut) {
      // Whole in this piece: no copy.
      if (done === 0 && count === this.#left) this.#show(piece.bytes, from, from + missing)
      else this.#keep(piece.bytes, from, from + Math.min(missing, count))
    }
    this.position += count
    this.#left -= count
    if (this.#left === 0) this.#end()
    return from + count
  }

  #show(bytes: Buffer, at: number, to: number): void {
    this.bytes = bytes
    this.bodyAt = at
    this.bodyTo = to
  }

  #keep(bytes: Buffer, at: number, to: number): void {
    if (this.#kept.length < this.#wanted && !this.#grow(this.#wanted)) {
      this.cut = true
      this.#shared.count('messages_not_kept')
      return
    }
    this.#keptLength += bytes.copy(this.#kept, this.#keptLength, at, to)
    this.#show(this.#kept, 0, this.#keptLength)
  }

  /** Bodies of a connection are alike, so the memory stays until the connection's end. */
  #grow(bytes: number): boolean {
    if (!this.#shared.keep(bytes - this.#kept.length)) return false
    const larger = Buffer.allocUnsafeSlow(bytes)
    this.#kept.copy(larger, 0, 0, this.#keptLength)
    this.#kept = larger
    return true
  }

  protected unknown(count: number): void {
    if (this.#state !== BODY || count > this.#left) {
      this.position += count
      this.lose()
      return
    }
    const done = this.bodyLength - this.#left
    if (done < this.#wanted) this.cut = true
    this.position += count
    this.#left -= count
    if (this.#left === 0) this.#end()
  }

  #end(): void {
    this.#state = HEADER
    if (this.isAhead) {
      this.isAhead = false
      this.#sink.ended?.(this)
    } else this.#sink.frame(this)
    this.#show(EMPTY, 0, 0)
  }

  /** Gives the memory back. */
  #release(): void {
    this.#shared.release(this.#kept.length)
    this.#kept = EMPTY
    this.#keptLength = 0
    this.#show(EMPTY, 0, 0)
  }
}
