/**
 * Reads one direction of a connection up to the end of its hello, the first handshake message
 * (RFC 8446 §4, §5.1), however pieces and records cut it:
 *
 *     record      u8 type, u16 version, u16 length │ fragment
 *     message     u8 type, u24 length, body          in the fragments of one record or of several
 *
 * and tells with which type of record the direction goes on behind it.
 */
import type { Piece } from '../piece.ts'
import type { Shared } from '../shared.ts'
import { PieceReader } from '../stream_reader.ts'

export const RECORD = { changeCipherSpec: 20, alert: 21, handshake: 22 } as const
export const CLIENT_HELLO = 1
export const SERVER_HELLO = 2
export const RECORD_HEADER_BYTES = 5
const MESSAGE_HEADER_BYTES = 4
/** RFC 5246 §6.2.3: what compression and encryption add to 2^14. */
export const FRAGMENT_BYTES_MAX = 16_384 + 2048
/** Of a hello: one with keys of post-quantum exchanges has 2 KB. */
const HELLO_BYTES_MAX = 16_384
const FIRST_BYTES = 1024
const EMPTY = Buffer.alloc(0)

const HEADER = 0
const FRAGMENT = 1
/** The hello is over, or there is none. */
const BEHIND = 2

export interface HelloSink {
  /** The body as far as it was seen: whole, or `cut`. */
  hello(reader: HelloReader, of: { body: Buffer; cut: boolean }): void
  /** The direction began with something else, or with bytes that were not seen. */
  noHello(reader: HelloReader): void
  /** The first record behind the hello begins with this piece; -1: its beginning was not seen. */
  goesOn(reader: HelloReader, type: number, piece: Piece | undefined): void
}

export class HelloReader extends PieceReader {
  readonly isClient: boolean
  protected readonly isStopped = false
  readonly #sink: HelloSink
  readonly #shared: Shared
  readonly #header = Buffer.alloc(RECORD_HEADER_BYTES)
  #state = HEADER
  #headerLength = 0
  /** Bytes of the record that have not come. */
  #left = 0
  /** The message so far. */
  #kept: Buffer = EMPTY
  #keptLength = 0
  #toldBehind = false

  /** @param position where the direction begins to speak TLS */
  constructor(isClient: boolean, of: { sink: HelloSink; shared: Shared; position: number }) {
    super()
    this.isClient = isClient
    this.#sink = of.sink
    this.#shared = of.shared
    this.position = of.position
  }

  get isOver(): boolean {
    return this.#state === BEHIND
  }

  /** No more is read; gives the memory back. */
  stop(): void {
    this.#release()
    this.#state = BEHIND
    this.#toldBehind = true
  }

  protected known(piece: Piece, from: number, to: number): void {
    let at = from
    while (at < to) {
      const before = at
      if (this.#state === HEADER) at = this.#takeHeader(piece, at, to)
      else if (this.#left > 0) at = this.#takeFragment(piece, at, to)
      else {
        this.#goesOn(piece.bytes[at] as number, piece)
        at = to
      }
      this.position += at - before
    }
  }

  protected unknown(count: number): void {
    this.position += count
    const isWithin = this.#state !== HEADER && count <= this.#left
    this.#left -= isWithin ? count : this.#left
    if (this.#state !== BEHIND) this.#end()
    if (!isWithin) this.#goesOn(-1, undefined)
  }

  #takeHeader(piece: Piece, from: number, to: number): number {
    if (this.#headerLength === 0 && this.#keptLength === 0) this.markStart(piece, this.position)
    const count = Math.min(RECORD_HEADER_BYTES - this.#headerLength, to - from)
    piece.bytes.copy(this.#header, this.#headerLength, from, from + count)
    this.#headerLength += count
    if (this.#headerLength < RECORD_HEADER_BYTES) return from + count
    this.#headerLength = 0
    this.#left = this.#header.readUInt16BE(3)
    if (isHandshake(this.#header)) this.#state = FRAGMENT
    else {
      this.#end()
      this.#goesOn(-1, undefined)
    }
    return from + count
  }

  #takeFragment(piece: Piece, from: number, to: number): number {
    const count = Math.min(this.#left, to - from)
    this.#left -= count
    if (this.#state === FRAGMENT) {
      this.#take(piece.bytes.subarray(from, from + count))
      if (this.#state === FRAGMENT && this.#left === 0) this.#state = HEADER
    }
    return from + count
  }

  #take(bytes: Buffer): void {
    const end = this.#keptLength === 0 ? messageEnd(bytes) : 0
    // Whole in this piece: no copy.
    if (end > 0 && end <= bytes.length) {
      this.#end(bytes.subarray(0, end))
      return
    }
    if (!this.#keep(bytes)) {
      this.#end()
      return
    }
    const whole = messageEnd(this.#kept.subarray(0, this.#keptLength))
    if (whole > 0 && this.#keptLength >= whole) this.#end(this.#kept.subarray(0, whole))
  }

  /** false: it is no hello, or longer than one may be. */
  #keep(bytes: Buffer): boolean {
    const type = this.#keptLength === 0 ? bytes[0] : this.#kept[0]
    if (type !== (this.isClient ? CLIENT_HELLO : SERVER_HELLO)) return false
    const need = this.#keptLength + bytes.length
    if (need > HELLO_BYTES_MAX || !this.#grow(need)) return false
    this.#keptLength += bytes.copy(this.#kept, this.#keptLength)
    return true
  }

  #grow(need: number): boolean {
    let size = Math.max(FIRST_BYTES, this.#kept.length)
    while (size < need) size *= 2
    if (size === this.#kept.length) return true
    if (!this.#shared.keep(size - this.#kept.length)) return false
    const larger = Buffer.allocUnsafeSlow(size)
    this.#kept.copy(larger, 0, 0, this.#keptLength)
    this.#kept = larger
    return true
  }

  /** The hello is this, or what was kept of it. */
  #end(message = this.#kept.subarray(0, this.#keptLength)): void {
    this.#state = BEHIND
    const type = this.isClient ? CLIENT_HELLO : SERVER_HELLO
    if (message[0] === type) {
      const end = messageEnd(message)
      const cut = end === 0 || message.length < end
      this.#sink.hello(this, { body: message.subarray(MESSAGE_HEADER_BYTES), cut })
    } else this.#sink.noHello(this)
    this.#release()
  }

  #goesOn(type: number, piece: Piece | undefined): void {
    if (this.#toldBehind) return
    this.#toldBehind = true
    this.#sink.goesOn(this, type, piece)
  }

  #release(): void {
    this.#shared.release(this.#kept.length)
    this.#kept = EMPTY
    this.#keptLength = 0
  }
}

/** Bytes of the message that begins there; 0: not known yet. */
function messageEnd(bytes: Buffer): number {
  if (bytes.length < MESSAGE_HEADER_BYTES) return 0
  return MESSAGE_HEADER_BYTES + bytes.readUIntBE(1, 3)
}

/** A record of a handshake, of a version that there is, with something in it. */
function isHandshake(header: Buffer): boolean {
  const length = header.readUInt16BE(3)
  if (header[0] !== RECORD.handshake || header[1] !== 3 || (header[2] as number) > 4) return false
  return length > 0 && length <= FRAGMENT_BYTES_MAX
}
