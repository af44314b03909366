/**
 * Reads the header blocks of one direction (RFC 7541 §6):
 *
 *     1xxxxxxx                       indexed field
 *     01xxxxxx [name] value          literal, added to the dynamic table; x = 0: with a name
 *     001xxxxx                       size of the dynamic table
 *     000nxxxx [name] value          literal, not added
 *     name, value  H xxxxxxx bytes   length; H: in the Huffman code
 *
 * Values that nobody asks for are not decoded, unless an entry's size depends on their length.
 */

import type { Shared } from '../shared.ts'
import { textOf } from '../texts.ts'
import { decoded, readCoded } from './coded_values.ts'
import { DynamicTable } from './dynamic_table.ts'
import { Entry } from './entry.ts'
import { FIELD, type Field, fieldOf, isNameLength } from './field_names.ts'
import type { Fields } from './fields.ts'
import { readHuffman } from './huffman.ts'
import { STATIC } from './static_table.ts'

/** Of an integer that goes on behind its first byte: 28 bits, more than any length here. */
const INTEGER_BYTES_MAX = 4
const BAD = -1
/** The block ends before what was expected. */
const SHORT = -2

/** `ok`: to its end. `cut`: it ends within a field. `bad`: no such block can be. */
export type BlockRead = 'ok' | 'cut' | 'bad'

/** The literal that is being read: whoever keeps it copies it. */
const literal = new Entry()

export class Hpack {
  readonly #table: DynamicTable
  #bytes: Buffer = Buffer.alloc(0)
  #at = 0
  #to = 0

  constructor(shared: Shared) {
    this.#table = new DynamicTable(shared)
  }

  /** Fills `fields` by the block `bytes[at … to)`, as far as that goes. */
  read(fields: Fields, bytes: Buffer, { at, to }: { at: number; to: number }): BlockRead {
    fields.reset()
    this.#bytes = bytes
    this.#at = at
    this.#to = to
    while (this.#at < to) {
      const first = bytes[this.#at] as number
      const end = first >= 0x80 ? this.#indexed(fields, first) : this.#literalOrSize(fields, first)
      if (end === SHORT) return 'cut'
      if (end === BAD) return 'bad'
    }
    return 'ok'
  }

  /** Blocks were missed. */
  forget(): void {
    this.#table.forget()
  }

  release(): void {
    this.#table.clear()
  }

  #indexed(fields: Fields, first: number): number {
    let index = first & 0x7f
    if (index < 0x7f) this.#at++
    else index = this.#integer(0x7f)
    if (index <= 0) return index || BAD
    const entry = this.#entryAt(index)
    if (entry === undefined) return BAD
    if (entry.field !== FIELD.other) fields.take(entry)
    return 0
  }

  #entryAt(index: number): Entry | undefined {
    return index < STATIC.length ? STATIC[index] : this.#table.find(index - STATIC.length)
  }

  /** Reads a literal, or the size of the table; BAD or SHORT when it cannot. */
  #literalOrSize(fields: Fields, first: number): number {
    if ((first & 0xe0) === 0x20) {
      const size = this.#integer(0x1f)
      if (size < 0) return size
      this.#table.resize(size)
      return 0
    }
    const isAdded = first >= 0x40
    const index = this.#integer(isAdded ? 0x3f : 0x0f)
    if (index < 0) return index
    const name = index === 0 ? this.#literalName() : this.#nameAt(index)
    if (name < 0) return name
    const isTrace = literal.field === FIELD.traceparent
    const value = isTrace ? this.#trace(fields, isAdded) : this.#literalValue(isAdded)
    if (value < 0) return value
    if (isAdded) this.#table.add(literal)
    if (!isTrace && literal.field !== FIELD.other) fields.take(literal)
    return 0
  }

  #nameAt(index: number): number {
    const entry = this.#entryAt(index)
    if (entry === undefined) return BAD
    literal.field = entry.field
    literal.nameBytes = entry.nameBytes
    return 0
  }

  #literalName(): number {
    const isCoded = this.#isCoded
    const end = this.#string()
    if (end < 0) return end
    const at = this.#at
    this.#at = end
    if (!isCoded) {
      literal.nameBytes = end - at
      literal.field = this.#fieldNamed(this.#bytes, at, end)
      return 0
    }
    const length = readHuffman(decoded, this.#bytes, { at, to: end })
    if (length < 0) return BAD
    literal.nameBytes = length
    literal.field = this.#fieldNamed(decoded, 0, length)
    return 0
  }

  #fieldNamed(bytes: Buffer, at: number, to: number): Field {
    return isNameLength(to - at) ? fieldOf(textOf(bytes, at, to)) : FIELD.other
  }

  #literalValue(isAdded: boolean): number {
    const isCoded = this.#isCoded
    const end = this.#string()
    if (end < 0) return end
    const at = this.#at
    this.#at = end
    literal.text = ''
    literal.number = 0
    if (!isCoded) {
      literal.valueBytes = end - at
      if (literal.isAsked) literal.read(this.#bytes, at, end)
    } else if (literal.isAsked) {
      if (!readCoded(literal, this.#bytes, { at, to: end })) return BAD
    } else if (isAdded) {
      literal.valueBytes = readHuffman(decoded, this.#bytes, { at, to: end })
      if (literal.valueBytes < 0) return BAD
    }
    return 0
  }

  /** A trace context is read where it stands, for it never comes again. */
  #trace(fields: Fields, isAdded: boolean): number {
    const isCoded = this.#isCoded
    const end = this.#string()
    if (end < 0) return end
    const at = this.#at
    this.#at = end
    const length = isCoded ? readHuffman(decoded, this.#bytes, { at, to: end }) : end - at
    if (length < 0) return BAD
    const bytes = isCoded ? decoded : this.#bytes
    const from = isCoded ? 0 : at
    literal.valueBytes = length
    if (isAdded) literal.read(bytes, from, from + length)
    fields.takeTrace(bytes, from, from + length)
    return 0
  }

  /** The string that comes next is in the Huffman code. */
  get #isCoded(): boolean {
    return this.#at < this.#to && (this.#bytes[this.#at] as number) >= 0x80
  }

  /** Goes to where the string that comes next begins behind its length; returns where it ends. */
  #string(): number {
    const length = this.#integer(0x7f)
    if (length < 0) return length
    const end = this.#at + length
    return end > this.#to ? SHORT : end
  }

  /** RFC 7541 §5.1: in the low bits of a byte, of `mask`; all ones: it goes on, 7 bits a byte. */
  #integer(mask: number): number {
    if (this.#at >= this.#to) return SHORT
    let value = (this.#bytes[this.#at++] as number) & mask
    if (value < mask) return value
    for (let i = 0; i < INTEGER_BYTES_MAX; i++) {
      if (this.#at >= this.#to) return SHORT
      const byte = this.#bytes[this.#at++] as number
      value += (byte & 0x7f) * 2 ** (7 * i)
      if (byte < 0x80) return value
    }
    return BAD
  }
}
