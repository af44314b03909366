/**
 * Bytes four at a time. A loop over single bytes is as short, but what is read of a head is mostly
 * names and values that nobody asks for, and those go by in a quarter of the steps.
 */

const EMPTY = Buffer.alloc(0)
export const LF = 10
export const CR = 13
export const SP = 32
export const TAB = 9
export const COLON = 58

const LFS = 0x0a0a0a0a
const ONES = 0x01010101
const HIGH_BITS = 0x80808080

let viewed: Buffer = EMPTY
let view: DataView = new DataView(EMPTY.buffer, 0, 0)
let viewedBefore: Buffer = EMPTY
let viewBefore: DataView = view

/** For reading words of `bytes`: mostly of one ring, or of it and a decoder's memory in turns. */
export function viewOf(bytes: Buffer): DataView {
  return bytes === viewed ? view : otherView(bytes)
}

function otherView(bytes: Buffer): DataView {
  const isBefore = bytes === viewedBefore
  const found = isBefore
    ? viewBefore
    : new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  viewedBefore = viewed
  viewBefore = view
  viewed = bytes
  view = found
  return found
}

/** Makes the letters of a word lower case; no other byte becomes a letter. */
export const CASES = 0x20202020

/** A name of four letters or more in lower case, as words: of which the last may overlap. */
export class Name {
  readonly length: number
  /** Its first word. */
  readonly first: number
  readonly #offsets: readonly number[]
  readonly #words: readonly number[]
  /** As CASES, where there are letters. */
  readonly #cases: readonly number[]

  constructor(name: string) {
    const bytes = Buffer.from(name, 'latin1')
    const cases = bytes.map((byte) => (byte >= 97 && byte <= 122 ? 0x20 : 0))
    this.length = name.length
    this.#offsets = Array.from({ length: Math.ceil(name.length / 4) }, (_, i) =>
      Math.min(4 * i, name.length - 4),
    )
    this.#words = this.#offsets.map((offset) => bytes.readInt32LE(offset))
    this.first = bytes.readInt32LE(0)
    this.#cases = this.#offsets.map((offset) => Buffer.from(cases).readInt32LE(offset))
  }

  /** Whether it stands at `at`, in whatever case. */
  isAt(view: DataView, at: number): boolean {
    for (let i = 0; i < this.#words.length; i++) {
      const word = view.getInt32(at + (this.#offsets[i] as number), true)
      if ((word | (this.#cases[i] as number)) !== this.#words[i]) return false
    }
    return true
  }
}

/** Four bytes as `getInt32(at, true)` gives them. */
export function wordOf(bytes: string): number {
  return Buffer.from(bytes, 'latin1').readInt32LE(0)
}

/** The index of the first byte of a word that is not 0. */
export function firstByte(marks: number): number {
  return (31 - Math.clz32(marks & -marks)) >> 3
}

/**
 * Marks the first byte of a word that is zero (and perhaps later ones): where one is subtracted
 * from each, only zero borrows, which sets its highest bit, and those that had it set are masked.
 */
function zeros(word: number): number {
  return (word - ONES) & ~word & HIGH_BITS
}

/** Where the first LF of `[at, to)` is, or -1. */
export function indexOfLf(bytes: DataView, at: number, to: number): number {
  let i = at
  for (const last = to - 8; i <= last; i += 8) {
    const low = zeros(bytes.getInt32(i, true) ^ LFS)
    if (low !== 0) return i + firstByte(low)
    const high = zeros(bytes.getInt32(i + 4, true) ^ LFS)
    if (high !== 0) return i + 4 + firstByte(high)
  }
  for (; i < to; i++) if (bytes.getUint8(i) === LF) return i
  return -1
}

const BLANKS = 0x21212121
const DELETES = 0x7f7f7f7f

/** Where the first byte of `[at, to)` is that is a blank, a control character or DEL; or `to`. */
export function indexOfNoText(bytes: DataView, at: number, to: number): number {
  let i = at
  for (const last = to - 4; i <= last; i += 4) {
    const word = bytes.getInt32(i, true)
    // As in zeros(): what is less than 0x21 borrows.
    const marks = ((word - BLANKS) & ~word & HIGH_BITS) | zeros(word ^ DELETES)
    if (marks !== 0) return i + firstByte(marks)
  }
  for (; i < to; i++) {
    const byte = bytes.getUint8(i)
    if (byte < 0x21 || byte === 0x7f) return i
  }
  return to
}

export function isDigit(byte: number): boolean {
  return byte >= 48 && byte <= 57
}

export function isBlank(byte: number): boolean {
  return byte === SP || byte === TAB
}
