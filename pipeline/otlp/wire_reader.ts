/**
 * Reads the protobuf wire format in place, one message's fields at a time.
 *
 * Bytes from the network are not trusted: every length is checked against the message that holds
 * it, a varint ends after ten bytes, and nothing is allocated by a number that was read. The first
 * thing wrong is noted in `WireSource.fault` as a value, and from then on every reader of that
 * source is at its end: loops just stop, nothing is thrown. Groups (wire types 3 and 4), which
 * proto3 does not have, are a fault too.
 */
import { FIXED32, FIXED64, LEN, VARINT } from './wire.ts'

/** Why bytes are not a message, and where. */
export interface Malformed {
  readonly kind: 'malformed'
  readonly reason: string
  /** Offset of the field that is wrong. */
  readonly offset: number
}

const TWO_32 = 4_294_967_296

/** The bytes of one request, shared by all readers of it. */
export class WireSource {
  readonly bytes: Buffer
  readonly view: DataView
  fault: Malformed | undefined

  constructor(bytes: Uint8Array) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  /** UTF-8; what is not becomes U+FFFD. */
  text(start: number, end: number): string {
    return start === end ? '' : this.bytes.toString('utf8', start, end)
  }

  hex(start: number, end: number): string {
    return start === end ? '' : this.bytes.toString('hex', start, end)
  }
}

/** Walks the fields between two offsets, in the order they stand in. */
export class FieldReader {
  /** Number of the field that `next` came to. */
  field = 0
  wireType = 0
  /** Where the value is: its content with LEN, its bytes otherwise. */
  start = 0
  end = 0
  /** The value of a varint or fixed field, as halves. */
  lo = 0
  hi = 0
  #at = 0
  #limit = 0
  readonly #source: WireSource

  constructor(source: WireSource) {
    this.#source = source
  }

  /** Begins at the first field of the message in [start, end). */
  reset(start: number, end: number): void {
    this.#at = start
    this.#limit = end
  }

  /** Goes to the next field; false at the end of the message or at a fault. */
  next(): boolean {
    if (this.#at >= this.#limit || this.#source.fault !== undefined) return false
    const from = this.#at
    if (!this.#varint()) return this.#fail('tag is not a varint', from)
    this.field = (this.lo >>> 3) | (this.hi << 29)
    this.wireType = this.lo & 7
    if (this.field <= 0 || this.hi > 0) return this.#fail('field number out of range', from)
    this.start = this.#at
    switch (this.wireType) {
      case VARINT:
        if (!this.#varint()) return this.#fail('value is not a varint', from)
        break
      case LEN: {
        if (!this.#varint()) return this.#fail('length is not a varint', from)
        this.start = this.#at
        if (this.hi > 0 || this.lo > this.#limit - this.#at) {
          return this.#fail('length reaches beyond the message', from)
        }
        this.#at += this.lo
        break
      }
      case FIXED64:
      case FIXED32:
        if (!this.#fixed(this.wireType === FIXED64 ? 8 : 4)) {
          return this.#fail('value reaches beyond the message', from)
        }
        break
      default:
        return this.#fail(`wire type ${this.wireType} is not of proto3`, from)
    }
    this.end = this.#at
    return true
  }

  /** Goes to the next field with this number and wire type LEN. */
  nextMessage(field: number): boolean {
    while (this.next()) if (this.field === field && this.wireType === LEN) return true
    return false
  }

  /** Goes to the next element of a packed field, whose content is what was given to `reset`. */
  nextPacked(wireType: number): boolean {
    if (this.#at >= this.#limit || this.#source.fault !== undefined) return false
    const from = this.#at
    this.wireType = wireType
    this.start = from
    const read = wireType === VARINT ? this.#varint() : this.#fixed(wireType === FIXED64 ? 8 : 4)
    if (!read) return this.#fail('element reaches beyond the packed field', from)
    this.end = this.#at
    return true
  }

  /** The value of a varint or fixed field, unsigned; rounded beyond 2^53. */
  get number(): number {
    return this.hi * TWO_32 + this.lo
  }

  /** The same, signed: int64 and sfixed64. */
  get signed(): number {
    return (this.hi | 0) * TWO_32 + this.lo
  }

  get double(): number {
    return this.wireType === FIXED64 ? this.#source.view.getFloat64(this.start, true) : 0
  }

  #fixed(bytes: number): boolean {
    if (bytes > this.#limit - this.#at) return false
    this.lo = this.#source.view.getUint32(this.#at, true)
    this.hi = bytes === 8 ? this.#source.view.getUint32(this.#at + 4, true) : 0
    this.#at += bytes
    return true
  }

  /** Reads a varint of at most ten bytes into `lo` and `hi`. */
  #varint(): boolean {
    const bytes = this.#source.bytes
    let lo = 0
    let hi = 0
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.#at >= this.#limit) return false
      const byte = bytes[this.#at++] as number
      const part = byte & 0x7f
      if (shift < 28) lo |= part << shift
      else if (shift === 28) {
        lo |= part << 28
        hi = part >>> 4
      } else if (shift < 63) hi |= part << (shift - 32)
      else hi |= (part & 1) << 31
      if (byte < 0x80) {
        this.lo = lo >>> 0
        this.hi = hi >>> 0
        return true
      }
    }
    return false
  }

  #fail(reason: string, offset: number): false {
    this.#source.fault = { kind: 'malformed', reason, offset }
    this.#at = this.#limit
    return false
  }
}
