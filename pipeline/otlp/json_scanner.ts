/**
 * Reads JSON (RFC 8259) from UTF-8 bytes one token at a time, without making objects of it.
 *
 * Whoever reads says what must come next; the first thing wrong is noted in `fault` as a value, and
 * every method answers as at the end of its list from then on: loops just stop, nothing is thrown.
 */
import type { Malformed } from './wire_reader.ts'

/** Levels of objects and arrays; what nests deeper is malformed. */
const DEPTH_MAX = 256

const QUOTE = 0x22
const COMMA = 0x2c
const MINUS = 0x2d
const DOT = 0x2e
const ZERO = 0x30
const NINE = 0x39
const COLON = 0x3a
const OPEN_LIST = 0x5b
const BACKSLASH = 0x5c
const CLOSE_LIST = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

export type Kind = 'object' | 'list' | 'string' | 'number' | 'true' | 'false' | 'null' | 'end'

export class JsonScanner {
  readonly bytes: Buffer
  fault: Malformed | undefined
  /** The content of the last string, without its quotes; or the text of the last number. */
  start = 0
  end = 0
  /** Whether the last string has escapes. */
  escaped = false
  #at = 0
  #depth = 0

  constructor(bytes: Uint8Array) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  fail(reason: string, offset = this.#at): false {
    this.fault ??= { kind: 'malformed', reason, offset }
    return false
  }

  /** What the next value is; 'end' when none follows, which is a fault. */
  kind(): Kind {
    this.#space()
    if (this.fault !== undefined) return 'end'
    const byte = this.bytes[this.#at]
    switch (byte) {
      case OPEN_OBJECT:
        return 'object'
      case OPEN_LIST:
        return 'list'
      case QUOTE:
        return 'string'
      case 0x74:
        return 'true'
      case 0x66:
        return 'false'
      case 0x6e:
        return 'null'
      default:
        if (byte === MINUS || isDigit(byte)) return 'number'
        this.fail(byte === undefined ? 'the text ends too early' : 'a value is expected')
        return 'end'
    }
  }

  /** Into an object or a list; `kind` has said that there is one. */
  enter(): boolean {
    if (++this.#depth > DEPTH_MAX) return this.fail(`values nest deeper than ${DEPTH_MAX}`)
    this.#at++
    return true
  }

  /**
   * To the next key of the object that was entered, whose text is then in `start` and `end`; false
   * behind the last one. `first` is true at the first call.
   */
  nextKey(first: boolean): boolean {
    if (!this.#nextOf(CLOSE_OBJECT, first)) return false
    if (this.bytes[this.#at] !== QUOTE) return this.fail('a key is expected')
    if (!this.string()) return false
    this.#space()
    if (this.bytes[this.#at] !== COLON) return this.fail('a colon is expected')
    this.#at++
    return true
  }

  /** To the next element of the list that was entered; false behind the last one. */
  nextElement(first: boolean): boolean {
    return this.#nextOf(CLOSE_LIST, first)
  }

  /** Reads a string; `kind` has said that there is one. */
  string(): boolean {
    const { bytes } = this
    const from = ++this.#at
    this.escaped = false
    for (let at = from; at < bytes.length; at++) {
      const byte = bytes[at] as number
      if (byte === QUOTE) {
        this.start = from
        this.end = at
        this.#at = at + 1
        return true
      }
      if (byte < 0x20) return this.fail('a control character must be escaped', at)
      if (byte === BACKSLASH) {
        this.escaped = true
        at++
      }
    }
    return this.fail('a string has no end', from)
  }

  /** Reads a number; `kind` has said that there is one. */
  number(): boolean {
    const from = this.#at
    if (this.bytes[this.#at] === MINUS) this.#at++
    if (this.bytes[this.#at] === ZERO) this.#at++
    else if (!this.#digits()) return this.fail('a number is expected', from)
    if (this.bytes[this.#at] === DOT) {
      this.#at++
      if (!this.#digits()) return this.fail('digits are expected behind the point', from)
    }
    if (((this.bytes[this.#at] ?? 0) | 0x20) === 0x65) {
      this.#at++
      if (this.bytes[this.#at] === MINUS || this.bytes[this.#at] === 0x2b) this.#at++
      if (!this.#digits()) return this.fail('digits are expected in the exponent', from)
    }
    this.start = from
    this.end = this.#at
    return true
  }

  /** Reads `true`, `false` or `null`, which `kind` has seen the first letter of. */
  word(word: 'true' | 'false' | 'null'): boolean {
    for (let i = 0; i < word.length; i++) {
      if (this.bytes[this.#at + i] !== word.charCodeAt(i)) return this.fail('a value is expected')
    }
    this.#at += word.length
    return true
  }

  /** The last string with its escapes resolved; undefined, and a fault, when they are wrong. */
  text(): string | undefined {
    if (!this.escaped) return this.bytes.toString('utf8', this.start, this.end)
    try {
      return JSON.parse(this.bytes.toString('utf8', this.start - 1, this.end + 1)) as string
    } catch {
      this.fail('a string has a wrong escape', this.start)
      return undefined
    }
  }

  /** Reads a value, whatever it is, for nothing. */
  skip(): boolean {
    const kind = this.kind()
    if (kind === 'end') return false
    if (kind === 'string') return this.string() && (!this.escaped || this.text() !== undefined)
    if (kind === 'number') return this.number()
    if (kind !== 'object' && kind !== 'list') return this.word(kind)
    if (!this.enter()) return false
    for (let first = true; this.#nextIn(kind, first); first = false) if (!this.skip()) return false
    return this.fault === undefined
  }

  /** Whether nothing follows but white space. */
  finish(): boolean {
    this.#space()
    if (this.fault !== undefined) return false
    return this.#at === this.bytes.length || this.fail('something follows the value')
  }

  #nextIn(kind: 'object' | 'list', first: boolean): boolean {
    return kind === 'object' ? this.nextKey(first) : this.nextElement(first)
  }

  #nextOf(close: number, first: boolean): boolean {
    if (this.fault !== undefined) return false
    this.#space()
    const byte = this.bytes[this.#at]
    if (byte === close) {
      this.#at++
      this.#depth--
      return false
    }
    if (first) return true
    if (byte !== COMMA) return this.fail('a comma or an end is expected')
    this.#at++
    this.#space()
    return true
  }

  #digits(): boolean {
    const from = this.#at
    while (isDigit(this.bytes[this.#at])) this.#at++
    return this.#at > from
  }

  #space(): void {
    const { bytes } = this
    for (;;) {
      const byte = bytes[this.#at]
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return
      this.#at++
    }
  }
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte <= NINE
}
