/**
 * One direction of a connection: its frames, and its header blocks put together and read.
 *
 *     HEADERS ─▶ CONTINUATION ─▶ … END_HEADERS     a block; no other frame stands between
 *
 * Bodies of other frames are looked at only where they are short and say something.
 */
import type { Start } from '../exchange.ts'
import { type FrameSink, Frames } from '../frames.ts'
import type { Piece } from '../piece.ts'
import type { Shared } from '../shared.ts'
import { Fields } from './fields.ts'
import { FLAG, FRAME, FRAME_HEADER_BYTES, FrameHeader } from './frame_types.ts'
import { Hpack } from './hpack.ts'

/** RFC 9113 §3.4: as much of it as a frame's header is long, and the rest. */
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
const PREFACE_REST = PREFACE.length - FRAME_HEADER_BYTES
/** Of a frame: what peers take by default, and hardly ever raise for header blocks. */
const FRAGMENT_BYTES_MAX = 16_384
const BLOCK_BYTES_MAX = 65_536
const GOAWAY_BYTES = 8
const EMPTY = Buffer.alloc(0)

const probe = new FrameHeader()

/** A header block. One object is filled again for each. */
export class Block {
  stream = 0
  endsStream = false
  /** Only the beginning was seen. */
  isCut = false
  /** Of its frames. */
  bytes = 0
  readonly fields = new Fields()
}

const block = new Block()

export interface Http2Sink {
  isOpen(stream: number): boolean
  /** The piece has bytes of the stream. */
  touch(stream: number): void
  block(direction: Direction, block: Block): void
  /** Of a frame with this header. */
  data(direction: Direction, header: FrameHeader): void
  reset(direction: Direction, stream: number, code: number): void
  /** The peer has not handled, and will not handle, streams beyond `lastStream`. */
  goaway(direction: Direction, lastStream: number): void
  /** Frames were missed: streams may have begun and ended. */
  lost(direction: Direction): void
}

export class Direction implements FrameSink, Start {
  readonly isClient: boolean
  readonly frames: Frames
  /** Of the block that was read last. */
  startOffset = 0
  startNs = 0
  startPid = 0
  startTid = 0
  startSleeps = 0
  startRetransmits = 0
  readonly #sink: Http2Sink
  readonly #shared: Shared
  readonly #hpack: Hpack
  readonly #header = new FrameHeader()
  #begun = false
  #isPreface = false
  /** Position where framing was lost last. */
  #lostAt = -1
  /** Of a frame whose end has not come. */
  #within = 0
  /** The block whose end has not come: its stream, or 0. */
  #stream = 0
  #endsStream = false
  #isPromise = false
  #isCut = false
  #blockBytes = 0
  #kept: Buffer = EMPTY
  #keptLength = 0

  constructor(isClient: boolean, of: { sink: Http2Sink; shared: Shared }) {
    this.isClient = isClient
    this.#sink = of.sink
    this.#shared = of.shared
    this.#hpack = new Hpack(of.shared)
    this.frames = new Frames(isClient, { sink: this, shared: of.shared })
  }

  feed(piece: Piece): void {
    const { frames } = this
    // Older than what is seen of it: not a loss, for nothing of it was known.
    if (!this.#begun && frames.position === 0) frames.position = piece.offset
    const isNext = piece.offset >= frames.position
    if (frames.isLost && isNext && this.#beginsFrame(piece)) frames.resume(piece.offset)
    if (this.#within > 0 && piece.length > 0) this.#sink.touch(this.#within)
    frames.feed(piece)
    // Behind a gap that was no part of a body, the piece itself may be where frames begin again.
    if (!isNext || !frames.isLost || this.#lostAt !== piece.offset) return
    if (!this.#beginsFrame(piece)) return
    frames.resume(piece.offset)
    frames.feed(piece)
  }

  /** What comes next is amidst a connection: frames and tables are not known. */
  lose(): void {
    this.frames.lose()
  }

  /** The connection has ended. */
  finish(): void {
    this.frames.stop()
    this.#hpack.release()
    this.#dropBlock()
  }

  headerBytes(): number {
    return FRAME_HEADER_BYTES
  }

  bodyBytes(frames: Frames): number {
    const header = this.#header
    header.read(frames.header, 0)
    if (!this.#begun) {
      if (this.#isBeginning(frames)) {
        this.#begun = true
        return this.#isPreface ? PREFACE_REST : header.length
      }
      if (!header.isUsual) return -1
      this.#begun = true
      this.#forget()
    }
    const { type, stream, length } = header
    const continues = type === FRAME.continuation
    if (!header.isPossible || continues !== this.#stream > 0) return -1
    if (continues && stream !== this.#stream) return -1
    if (type === FRAME.pushPromise && this.isClient) return -1
    // Other frames steer the flow: who reads them turns to nobody.
    const isMessage = type === FRAME.data || type === FRAME.headers || continues
    this.#within = isMessage ? stream : 0
    if (isMessage) this.#sink.touch(stream)
    return length
  }

  wanted(): number {
    switch (this.#header.type) {
      case FRAME.headers:
      case FRAME.pushPromise:
      case FRAME.continuation:
        return this.#isPreface ? 0 : FRAGMENT_BYTES_MAX
      case FRAME.rstStream:
      case FRAME.goaway:
        return GOAWAY_BYTES
      default:
        return 0
    }
  }

  frame(frames: Frames): void {
    this.#within = 0
    if (this.#isPreface) {
      this.#isPreface = false
      return
    }
    const header = this.#header
    const bytes = FRAME_HEADER_BYTES + header.length
    switch (header.type) {
      case FRAME.data:
        this.#sink.data(this, header)
        break
      case FRAME.headers:
      case FRAME.pushPromise:
        this.#beginBlock(frames, bytes)
        break
      case FRAME.continuation:
        this.#blockBytes += bytes
        this.#goOn(frames, frames.bodyAt, frames.bodyTo)
        break
      case FRAME.rstStream:
        if (!frames.cut) this.#sink.reset(this, header.stream, frames.body.readUInt32BE(0))
        break
      case FRAME.goaway:
        if (!frames.cut) this.#sink.goaway(this, frames.body.readUInt32BE(0) & 0x7fffffff)
        break
    }
  }

  lost(): void {
    this.#lostAt = this.frames.position
    this.#within = 0
    this.#isPreface = false
    this.#dropBlock()
    this.#forget()
    if (this.#begun) this.#sink.lost(this)
    this.#begun = true
  }

  /** The first bytes there can be: a client's preface, or a server's SETTINGS. */
  #isBeginning({ header }: Frames): boolean {
    const { type, isUsual } = this.#header
    if (!this.isClient) return type === FRAME.settings && isUsual && !this.#header.has(FLAG.ack)
    this.#isPreface = PREFACE.subarray(0, FRAME_HEADER_BYTES).equals(
      header.subarray(0, FRAME_HEADER_BYTES),
    )
    return this.#isPreface
  }

  #beginBlock(frames: Frames, bytes: number): void {
    const header = this.#header
    this.startOffset = frames.startOffset
    this.startNs = frames.startNs
    this.startPid = frames.startPid
    this.startTid = frames.startTid
    this.startSleeps = frames.startSleeps
    this.startRetransmits = frames.startRetransmits
    this.#stream = header.stream
    this.#isPromise = header.type === FRAME.pushPromise
    this.#endsStream = !this.#isPromise && header.has(FLAG.endStream)
    this.#isCut = false
    this.#blockBytes = bytes
    const { bodyAt, bodyTo } = frames
    const isPadded = header.has(FLAG.padded)
    let at = isPadded ? 1 : 0
    if (this.#isPromise) at += 4
    else if (header.has(FLAG.priority)) at += 5
    const padding = isPadded && bodyAt < bodyTo ? (frames.bytes[bodyAt] as number) : 0
    if (header.length < at + padding) {
      frames.lose()
      return
    }
    // Of a frame that is cut, there may be less than what stands before the fragment.
    const from = Math.min(bodyAt + at, bodyTo)
    this.#goOn(frames, from, Math.max(from, Math.min(bodyTo, bodyAt + header.length - padding)))
  }

  /** The next part of the block has come: `[at, to)` of the frame's body. */
  #goOn(frames: Frames, at: number, to: number): void {
    const isLast = this.#header.has(FLAG.endHeaders)
    const isCut = frames.cut || frames.bodyTo - frames.bodyAt < frames.bodyLength
    if (isLast && this.#keptLength === 0 && !this.#isCut) {
      this.#isCut = isCut
      this.#read(frames.bytes, at, to)
      return
    }
    if (!this.#isCut) this.#isCut = !this.#keep(frames.bytes, at, to) || isCut
    if (isLast) this.#read(this.#kept, 0, this.#keptLength)
  }

  #keep(bytes: Buffer, at: number, to: number): boolean {
    const length = this.#keptLength + to - at
    if (length > this.#kept.length) {
      // Doubled, so that a block in a thousand parts is not copied a thousand times.
      const size = Math.min(BLOCK_BYTES_MAX, Math.max(length, 2 * this.#kept.length))
      if (length > size || !this.#shared.keep(size - this.#kept.length)) {
        this.#shared.count('messages_not_kept')
        return false
      }
      const larger = Buffer.allocUnsafeSlow(size)
      this.#kept.copy(larger, 0, 0, this.#keptLength)
      this.#kept = larger
    }
    bytes.copy(this.#kept, this.#keptLength, at, to)
    this.#keptLength = length
    return true
  }

  #read(bytes: Buffer, at: number, to: number): void {
    block.stream = this.#stream
    block.isCut = this.#isCut
    block.endsStream = this.#endsStream
    block.bytes = this.#blockBytes
    const read = this.#hpack.read(block.fields, bytes, { at, to })
    this.#dropBlock()
    if (read === 'bad' || (read === 'cut' && !block.isCut)) {
      this.frames.lose()
      return
    }
    if (block.isCut) this.#forget()
    if (!this.#isPromise) this.#sink.block(this, block)
  }

  #dropBlock(): void {
    this.#stream = 0
    if (this.#kept === EMPTY) return
    this.#shared.release(this.#kept.length)
    this.#kept = EMPTY
    this.#keptLength = 0
  }

  #forget(): void {
    this.#shared.count('http2_desynchronised')
    this.#hpack.forget()
  }

  /**
   * Whether a piece begins with a frame beyond doubt: frames fill it to its last byte, or there are
   * several, or the one that goes on behind it is of a stream that is open.
   */
  #beginsFrame({ bytes, at: from, captured, length }: Piece): boolean {
    const to = from + Math.min(captured, length)
    let at = from
    let frames = 0
    while (at + FRAME_HEADER_BYTES <= to) {
      probe.read(bytes, at)
      if (!probe.isUsual || probe.type === FRAME.continuation) return false
      at += FRAME_HEADER_BYTES + probe.length
      frames++
    }
    if (at === to && captured >= length) return frames > 0
    return frames > 1 || (frames === 1 && at > to && this.#sink.isOpen(probe.stream))
  }
}
