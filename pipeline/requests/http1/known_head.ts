/**
 * The fields of a head that was read, kept so that those of others like it cost one comparison:
 * what a client or a server sends is mostly the same from message to message. Lines that differ are
 * read, and behind them the comparison goes on, by as many bytes further.
 *
 *     kept   Host: shop\r\n X-Request-Id: 5a3f\r\n   Accept: text/html\r\n \r\n
 *     read   Host: shop\r\n X-Request-Id: 81c06d\r\n Accept: text/html\r\n \r\n
 *            ── same ────────────────────▶│     ▲ LF ── same ───────────────▶
 *
 * What is found is what reading each line finds. Where a line has another name, as there is one
 * more, or less, or another order, the head is another.
 */
import { COLON, CR, firstByte, indexOfLf, isBlank, SP, viewOf } from '../bytes.ts'
import { hashOf } from '../places.ts'
import { FIELD, type Field, fieldAt, readValue } from './fields.ts'
import { type Head, NO_LENGTH } from './head.ts'
import { INCOMPLETE } from './head_reader.ts'

/** What is kept is 650 KB at most, once for all connections. */
export const KNOWN_MAX = 256
const BYTES_MAX = 2048
const LINES_MAX = 64

/** What `read()` says instead of an index: from `otherFrom` on the head is another. */
export const OTHER = -3

const kept = Buffer.alloc(KNOWN_MAX * BYTES_MAX)
const keptView = new DataView(kept.buffer, kept.byteOffset, kept.byteLength)

/** Names of fields whose values are, or may be, credentials. */
const SECRET = /auth|cookie|token|key|secret|session|signature|password/i

/** What shapeOf() says of what is not to be kept. */
export const NO_SHAPE = 0

/** Four numbers for each line: where it ends, behind its LF; */
const lines = new Uint16Array(KNOWN_MAX * (LINES_MAX + 1) * 4)
const LINE = 4
/** where its colon is, or its end where there is none; */
const COLON_AT = 1
/** which of FIELD it is; */
const KIND = 2
/** and where the next value begins that is seldom the same, of this line or one behind it. */
const STOP = 3

/** One of KNOWN_MAX, which keeps another head once that is more use. */
export class KnownHead {
  /** Of the fields, as shapeOf() has it. */
  shape = NO_SHAPE
  /** The one that a head was like which was not like this one. */
  otherwise: KnownHead | undefined
  otherFrom = 0
  readonly #base: number
  readonly #lines: number
  #behindLines: number
  #length = 0
  #host = ''
  #contentLength = NO_LENGTH

  /** @param place below KNOWN_MAX, and no other's */
  constructor(place: number) {
    this.#base = place * BYTES_MAX
    this.#lines = place * (LINES_MAX + 1) * LINE
    this.#behindLines = this.#lines
  }

  /** @param head as read from `bytes[from … end)`, the fields and the blank line */
  keep(head: Head, bytes: Buffer, from: number, end: number): void {
    const view = viewOf(bytes)
    bytes.copy(kept, this.#base, from, end)
    this.#length = end - from
    this.#host = head.host
    this.#contentLength = head.contentLength
    this.#behindLines = this.#lines
    for (let line = from; ; ) {
      const lf = indexOfLf(view, line, end)
      const at = this.#behindLines
      lines[at + STOP] = end - from
      if (isEmpty(view, line, lf)) return
      lines[at] = lf + 1 - from
      lines[at + COLON_AT] = colonOf(view, line, lf) - from
      lines[at + KIND] = fieldAt(view, line, lf)
      this.#behindLines = at + LINE
      this.#hide(at)
      line = lf + 1
    }
  }

  /** A value that may be a credential is never compared, so that it need not be kept. */
  #hide(line: number): void {
    const start = line === this.#lines ? 0 : (lines[line - LINE] as number)
    const colon = lines[line + COLON_AT] as number
    const end = lines[line] as number
    const base = this.#base
    if (colon === end || !SECRET.test(kept.toString('latin1', base + start, base + colon))) return
    this.#changes(line, colon + 1)
    kept.fill(SP, base + colon + 1, base + end)
  }

  /**
   * Reads fields that begin at `from` into `head`. Returns the index behind the blank line,
   * INCOMPLETE or OTHER.
   */
  read(head: Head, bytes: Buffer, from: number, to: number): number {
    const view = viewOf(bytes)
    const end = this.#length
    const behindLines = this.#behindLines
    let line = this.#lines
    let at = 0
    // Where the first byte of what is kept would be.
    let shift = from
    for (;;) {
      const stop = lines[line + STOP] as number
      at = this.#sameUntil(view, shift, at, Math.min(stop, to - shift))
      while (line < behindLines && (lines[line] as number) < at) {
        this.#same(head, bytes, line, shift)
        line += LINE
      }
      if (at === end) return shift + end
      if (shift + at >= to) return INCOMPLETE
      const start = line === this.#lines ? 0 : (lines[line - LINE] as number)
      this.otherFrom = shift + start
      if (line === behindLines) return OTHER
      const behind = lines[line] as number
      if (at === behind && !isBlank(view.getUint8(shift + at))) {
        this.#same(head, bytes, line, shift)
        this.otherFrom = shift + at
        return OTHER
      }
      if (at === behind || at <= (lines[line + COLON_AT] as number)) return OTHER
      const lf = indexOfLf(view, shift + at, to)
      if (lf < 0) return INCOMPLETE
      if (lf + 1 < to && isBlank(view.getUint8(lf + 1))) return OTHER
      const field = lines[line + KIND] as Field
      const colon = lines[line + COLON_AT] as number
      if (field !== FIELD.none) readValue(head, field, bytes, shift + colon, lf)
      if (at < stop && field !== FIELD.host) this.#changes(line, colon + 1)
      shift = lf + 1 - behind
      at = behind
      line += LINE
    }
  }

  /**
   * How far `view`, its bytes counted from `shift` on, has what is kept, from `from` on: the index
   * of the first byte that differs, or `to`. Eight bytes at a time, as numbers, which are equal
   * where their bytes are: but for 0 and -0, and nothing that is kept has a NUL; and for NaN, of
   * which no text consists, and which is equal to nothing.
   */
  #sameUntil(view: DataView, shift: number, from: number, to: number): number {
    const base = this.#base
    const last = to - 8
    let i = from
    for (; i <= last; i += 8) {
      if (view.getFloat64(shift + i, true) === keptView.getFloat64(base + i, true)) continue
      const low = view.getInt32(shift + i, true) ^ keptView.getInt32(base + i, true)
      if (low !== 0) return i + firstByte(low)
      const high = view.getInt32(shift + i + 4, true) ^ keptView.getInt32(base + i + 4, true)
      if (high !== 0) return i + 4 + firstByte(high)
    }
    // What is left is compared with bytes before it, which are the same.
    if (
      last >= from &&
      view.getFloat64(shift + last, true) === keptView.getFloat64(base + last, true)
    ) {
      return to
    }
    while (i < to && view.getUint8(shift + i) === keptView.getUint8(base + i)) i++
    return i
  }

  /**
   * The value that begins at `at` is another: mostly it will be again, and where a comparison ends
   * that ends at the same place each time costs a processor less.
   */
  #changes(line: number, at: number): void {
    for (let i = this.#lines; i <= line; i += LINE) {
      if ((lines[i + STOP] as number) > at) lines[i + STOP] = at
    }
  }

  /** The line is the same as the one that is kept. */
  #same(head: Head, bytes: Buffer, line: number, shift: number): void {
    const field = lines[line + KIND] as Field
    if (field === FIELD.none) return
    if (field === FIELD.host) head.host = this.#host
    else if (field === FIELD.contentLength) head.contentLength = this.#contentLength
    else {
      const colon = shift + (lines[line + COLON_AT] as number)
      readValue(head, field, bytes, colon, shift + (lines[line] as number) - 1)
    }
  }
}

/**
 * A hash of the names of the fields in `bytes[from … end)`, with the blank line. NO_SHAPE: they are
 * not to be kept, being too many, folded, or such that what a line means is told by another, too.
 */
export function shapeOf(bytes: Buffer, from: number, end: number): number {
  if (end - from > BYTES_MAX || bytes.subarray(from, end).includes(0)) return NO_SHAPE
  const view = viewOf(bytes)
  let shape = 1
  let once = 0
  let count = 0
  for (let line = from; ; ) {
    const lf = indexOfLf(view, line, end)
    if (isEmpty(view, line, lf)) return shape || 1
    if (isBlank(view.getUint8(line)) || ++count > LINES_MAX) return NO_SHAPE
    const field = fieldAt(view, line, lf)
    if (field === FIELD.host || field === FIELD.contentLength) {
      if ((once & (1 << field)) !== 0) return NO_SHAPE
      once |= 1 << field
    }
    shape = Math.imul(shape, 31) ^ hashOf(view, line, colonOf(view, line, lf))
    line = lf + 1
  }
}

function isEmpty(view: DataView, line: number, lf: number): boolean {
  return lf === line || (lf === line + 1 && view.getUint8(line) === CR)
}

/** Behind the line where it has none, so that all of it is its name. */
function colonOf(view: DataView, line: number, lf: number): number {
  for (let at = line; at < lf; at++) if (view.getUint8(at) === COLON) return at
  return lf + 1
}
