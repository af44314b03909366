/**
 * Writes the protobuf wire format into one growing buffer
 * (protobuf.dev/programming-guides/encoding).
 *
 * A length-delimited field is opened with a guess of how many bytes its length will take, and
 * closed by writing the length there. When the guess was wrong the content moves by the
 * difference (`copyWithin`), so lengths are always minimal varints and equal to what protoc's
 * encoders write. With a guess per field (1 byte for an attribute, 2 for a span, for a resource by
 * the bytes expected, for a text by its characters) moves are rare and short; the alternative,
 * padded varints, would save them for up to four superfluous bytes a field, and would make the
 * bytes differ from the reference encoders'.
 */

import { putVarint, varintSize } from './varint.ts'

/** Wire types; 3 and 4 (groups) are not used by OTLP. */
export const VARINT = 0
export const FIXED64 = 1
export const LEN = 2
export const FIXED32 = 5

const TWO_32 = 4_294_967_296
/** Above this many characters the runtime's own encoder beats a loop (measured, Node 26). */
const SHORT_TEXT = 24
/** Above this many bytes a copy by the runtime pays for the view of a part that it needs. */
const LONG_BYTES = 64

/** From so many bytes on, memory is given away and not copied: what was just written is cold. */
const GIVEN_BYTES = 32_768
const NONE = Buffer.allocUnsafeSlow(0)
const NO_VIEW = viewOf(NONE)

/** A field's tag, as the number whose varint stands before the field. */
export function tag(field: number, wireType: number): number {
  return (field << 3) | wireType
}

export class WireWriter {
  #bytes: Buffer
  #view: DataView
  /** Bytes that were needed before, and somewhat more. */
  #expected = 0
  /** Bytes written so far. */
  at = 0
  /** Grows when what was written, beyond a single field, has moved. */
  moves = 0

  constructor(capacityBytes = 16_384) {
    this.#bytes = Buffer.allocUnsafeSlow(capacityBytes)
    this.#view = viewOf(this.#bytes)
  }

  /** The bytes written; the writer starts again at 0. Many are given where they stand. */
  take(): Uint8Array {
    const { at } = this
    const bytes = this.#bytes
    // More than half of what is given is in use, and what is not has often not been touched.
    const isGiven = at >= GIVEN_BYTES && at * 2 > bytes.length
    const out = isGiven ? new Uint8Array(bytes.buffer, bytes.byteOffset, at) : this.copyFrom(0)
    this.at = 0
    if (isGiven) {
      this.#bytes = NONE
      this.#view = NO_VIEW
      this.#expected = at + (at >> 2)
    }
    return out
  }

  /** The bytes written from `start` on, as a copy of their own. */
  copyFrom(start: number): Uint8Array {
    const { buffer, byteOffset } = this.#bytes
    // Unlike a new Uint8Array its memory is not made 0 before it is written.
    return new Uint8Array(buffer.slice(byteOffset + start, byteOffset + this.at))
  }

  /**
   * Makes room for as many bytes behind `at` and gives all there are, to be written by whoever
   * moves `at` then: they are good until more is written.
   */
  reserve(bytes: number): Buffer {
    this.#room(bytes)
    return this.#bytes
  }

  /** Of what `reserve` gave. */
  get view(): DataView {
    return this.#view
  }

  /** Writes a tag and leaves room for a length of `guess` bytes. Gives the content's start. */
  open(tagNumber: number, guess: number): number {
    this.#room(15)
    this.#varint(tagNumber)
    this.at += guess
    return this.at
  }

  /** Ends what `open` began: `start` is what it gave, `guess` the same as there. */
  close(start: number, guess: number): void {
    const length = this.at - start
    if (length < 0x80 && guess === 1) {
      this.#bytes[start - 1] = length
      return
    }
    const size = varintSize(length)
    if (size !== guess) {
      this.#room(5)
      if (guess > 1) this.moves++
      this.#bytes.copyWithin(start - guess + size, start, this.at)
      this.at += size - guess
    }
    const end = this.at
    this.at = start - guess
    this.#varint(length)
    this.at = end
  }

  /** A varint field of a whole number in [0, 2^53]. */
  uint(tagNumber: number, value: number): void {
    this.#room(15)
    this.#varint(tagNumber)
    this.#varint(value)
  }

  /** A varint field of type int64: a whole number, |value| ≤ 2^53. */
  int(tagNumber: number, value: number): void {
    this.#room(15)
    this.#varint(tagNumber)
    if (value >= 0) this.#varint(value)
    else this.#negative(value)
  }

  /** A varint field of 64 bits given as halves. */
  uint64(tagNumber: number, lo: number, hi: number): void {
    this.#room(15)
    this.#varint(tagNumber)
    if (hi >>> 0 < 0x200000) this.#varint((hi >>> 0) * TWO_32 + (lo >>> 0))
    else this.#varintHalves(lo >>> 0, hi >>> 0)
  }

  fixed32(tagNumber: number, value: number): void {
    this.#room(9)
    this.#varint(tagNumber)
    this.#view.setUint32(this.at, value, true)
    this.at += 4
  }

  /** A fixed64 field, given as two u32 halves. */
  fixed64(tagNumber: number, lo: number, hi: number): void {
    this.#room(13)
    this.#varint(tagNumber)
    this.bare64(lo, hi)
  }

  /** An sfixed64 or fixed64 field of a whole number, |value| ≤ 2^53. */
  sfixed64(tagNumber: number, value: number): void {
    this.fixed64(tagNumber, value >>> 0, Math.floor(value / TWO_32))
  }

  double(tagNumber: number, value: number): void {
    this.#room(13)
    this.#varint(tagNumber)
    this.bareDouble(value)
  }

  /** Eight bytes without a tag: an element of a packed field. */
  bare64(lo: number, hi: number): void {
    this.#room(8)
    this.#view.setUint32(this.at, lo, true)
    this.#view.setUint32(this.at + 4, hi, true)
    this.at += 8
  }

  /** A varint of 64 bits without a tag: an element of a packed field. */
  bareUint64(lo: number, hi: number): void {
    this.#room(10)
    this.#varintHalves(lo >>> 0, hi >>> 0)
  }

  bareDouble(value: number): void {
    this.#room(8)
    this.#view.setFloat64(this.at, value, true)
    this.at += 8
  }

  /**
   * A bytes field of `words` u32 taken from `column[from]` on, lowest word first, written in
   * big-endian order: the bytes of an id, so that they equal its text in hexadecimal digits.
   */
  id(tagNumber: number, column: Uint32Array, from: number, words: number): void {
    this.#room(26)
    this.#varint(tagNumber)
    this.#bytes[this.at++] = words * 4
    for (let word = from + words - 1; word >= from; word--) {
      this.#view.setUint32(this.at, column[word] as number, false)
      this.at += 4
    }
  }

  /** A string field, as UTF-8; a lone surrogate becomes U+FFFD. */
  string(tagNumber: number, text: string): void {
    const { length } = text
    if (length <= SHORT_TEXT && this.#shortAscii(tagNumber, text)) return
    this.#room(length * 3 + 15)
    this.#varint(tagNumber)
    // Right where all characters are ASCII.
    const guess = varintSize(length)
    const start = this.at + guess
    this.at = start + this.#bytes.write(text, start)
    this.close(start, guess)
  }

  /** A part of a string field that is open. */
  text(text: string): void {
    const { length } = text
    this.#room(length * 3)
    if (length > SHORT_TEXT || !this.#ascii(text)) this.at += this.#bytes.write(text, this.at)
  }

  /** A bytes field, or a string field whose text is UTF-8 already: [start, end) of `source`. */
  bytes(tagNumber: number, source: Uint8Array, range: { start: number; end: number }): void {
    const { start, end } = range
    const length = end - start
    this.#room(length + 10)
    this.#varint(tagNumber)
    this.#varint(length)
    const bytes = this.#bytes
    if (length > LONG_BYTES) bytes.set(source.subarray(start, end), this.at)
    else for (let i = 0; i < length; i++) bytes[this.at + i] = source[start + i] as number
    this.at += length
  }

  /** Bytes that are encoded already: whole fields, tag and all. */
  raw(bytes: Uint8Array): void {
    this.#room(bytes.length)
    this.#bytes.set(bytes, this.at)
    this.at += bytes.length
  }

  /** The same. Gives where they begin. */
  copy(bytes: Uint8Array): number {
    const start = this.at
    this.raw(bytes)
    return start
  }

  /** Writes once more what was written from `start` to `end`. */
  again(start: number, end: number): void {
    this.#room(end - start)
    this.#bytes.copyWithin(this.at, start, end)
    this.at += end - start
  }

  /**
   * Ends a message within a message, both opened by `copy` of a prefix that has its own tag and
   * length first and the inner one's last.
   */
  setLengths(start: number, prefixLength: number): void {
    const length = this.at - start - 2
    if (length > 0x7f) {
      this.close(start + prefixLength, 1)
      this.close(start + 2, 1)
      return
    }
    this.#bytes[start + 1] = length
    this.#bytes[start + prefixLength - 1] = length + 2 - prefixLength
  }

  /** Writes the field if the text is ASCII, else nothing; its length is known before then. */
  #shortAscii(tagNumber: number, text: string): boolean {
    this.#room(SHORT_TEXT + 15)
    const before = this.at
    this.#varint(tagNumber)
    this.#bytes[this.at++] = text.length
    if (this.#ascii(text)) return true
    this.at = before
    return false
  }

  /** Writes the text if it is ASCII, else nothing. Room must have been made. */
  #ascii(text: string): boolean {
    const bytes = this.#bytes
    const { length } = text
    const { at } = this
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i)
      if (code > 0x7f) return false
      bytes[at + i] = code
    }
    this.at = at + length
    return true
  }

  /** Room must have been made. */
  #varint(value: number): void {
    if (value < 0x80) this.#bytes[this.at++] = value
    else this.at = putVarint(this.#bytes, this.at, value)
  }

  #negative(value: number): void {
    this.#varintHalves(value >>> 0, Math.floor(value / TWO_32) >>> 0)
  }

  #varintHalves(low: number, high: number): void {
    let lo = low
    let hi = high
    while (hi > 0 || lo > 0x7f) {
      this.#bytes[this.at++] = (lo & 0x7f) | 0x80
      lo = ((lo >>> 7) | (hi << 25)) >>> 0
      hi >>>= 7
    }
    this.#bytes[this.at++] = lo
  }

  #room(bytes: number): void {
    if (this.at + bytes <= this.#bytes.length) return
    const needed = Math.max(this.#bytes.length * 2, this.at + bytes, this.#expected)
    const larger = Buffer.allocUnsafeSlow(needed)
    larger.set(this.#bytes.subarray(0, this.at))
    this.#bytes = larger
    this.#view = viewOf(larger)
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
