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

import { textOf } from '../http1/texts.ts'
import type { Shared } from '../shared.ts'
import { DynamicTable } from './dynamic_table.ts'
import {
  FIELD,
  type Field,
  fieldOf,
  NAME_BYTES_MAX,
  STATIC_COUNT,
  STATIC_FIELDS,
  STATIC_NAME_BYTES,
  STATIC_VALUES,
} from './field_names.ts'
import type { Fields } from './fields.ts'
import { readHuffman } from './huffman.ts'

/** What is kept of a path, and of every other value. */
const PATH_BYTES_MAX = 4096
const VALUE_BYTES_MAX = 256
/** Of an integer that goes on behind its first byte: 28 bits, more than any length here. */
const INTEGER_BYTES_MAX = 4
const BAD = -1
/** The block ends before what was expected. */
const SHORT = -2

const decoded = Buffer.alloc(PATH_BYTES_MAX)

/** `ok`: to its end. `cut`: it ends within a field. `bad`: no such block can be. */
export type BlockRead = 'ok' | 'cut' | 'bad'

export class Hpack {
  readonly #table: DynamicTable
  #bytes: Buffer = Buffer.alloc(0)
  #at = 0
  #to = 0
  /** Of the field that is being read. */
  #field: Field = FIELD.other
  #value = ''
  #nameBytes = 0
  #valueBytes = 0

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
      const end = this.#next(fields)
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

  /** Reads one field; BAD or SHORT when it cannot. */
  #next(fields: Fields): number {
    const first = this.#bytes[this.#at] as number
    if (first >= 0x80) {
      const index = this.#integer(0x7f)
      return index <= 0 ? index || BAD : this.#indexed(fields, index)
    }
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
    const value = this.#literalValue(isAdded)
    if (value < 0) return value
    if (isAdded) {
      this.#table.add({
        field: this.#field,
        value: this.#value,
        nameBytes: this.#nameBytes,
        valueBytes: this.#valueBytes,
      })
    }
    if (this.#field !== FIELD.other) fields.take(this.#field, this.#value)
    return 0
  }

  #indexed(fields: Fields, index: number): number {
    if (index <= STATIC_COUNT) {
      const field = STATIC_FIELDS[index] as Field
      if (field !== FIELD.other) fields.take(field, STATIC_VALUES[index] as string)
      return 0
    }
    const found = this.#table.find(index - STATIC_COUNT - 1)
    if (found === 'none') return BAD
    if (found === 'unknown') fields.take(FIELD.unknown, '')
    else if (this.#table.field !== FIELD.other) fields.take(this.#table.field, this.#table.value)
    return 0
  }

  #nameAt(index: number): number {
    if (index <= STATIC_COUNT) {
      this.#field = STATIC_FIELDS[index] as Field
      this.#nameBytes = STATIC_NAME_BYTES[index] as number
      return 0
    }
    const found = this.#table.find(index - STATIC_COUNT - 1)
    if (found === 'none') return BAD
    this.#field = found === 'unknown' ? FIELD.unknown : this.#table.field
    this.#nameBytes = found === 'unknown' ? 0 : this.#table.nameBytes
    return 0
  }

  #literalName(): number {
    const isCoded = this.#at < this.#to && (this.#bytes[this.#at] as number) >= 0x80
    const length = this.#integer(0x7f)
    if (length < 0) return length
    const at = this.#at
    const to = at + length
    if (to > this.#to) return SHORT
    this.#at = to
    if (!isCoded) {
      this.#nameBytes = length
      this.#field = length <= NAME_BYTES_MAX ? fieldOf(textOf(this.#bytes, at, to)) : FIELD.other
      return 0
    }
    const bytes = readHuffman(decoded, this.#bytes, { at, to })
    if (bytes < 0) return BAD
    this.#nameBytes = bytes
    this.#field = bytes <= NAME_BYTES_MAX ? fieldOf(textOf(decoded, 0, bytes)) : FIELD.other
    return 0
  }

  #literalValue(isAdded: boolean): number {
    const isCoded = this.#at < this.#to && (this.#bytes[this.#at] as number) >= 0x80
    const length = this.#integer(0x7f)
    if (length < 0) return length
    const at = this.#at
    const to = at + length
    if (to > this.#to) return SHORT
    this.#at = to
    this.#value = ''
    const isAsked = this.#field !== FIELD.other && this.#field !== FIELD.unknown
    const bytesMax = this.#field === FIELD.path ? PATH_BYTES_MAX : VALUE_BYTES_MAX
    if (!isCoded) {
      this.#valueBytes = length
      if (isAsked) this.#value = this.#text(this.#bytes, at, Math.min(to, at + bytesMax))
      return 0
    }
    if (!isAsked && !isAdded) return 0
    const bytes = readHuffman(decoded, this.#bytes, { at, to })
    if (bytes < 0) return BAD
    this.#valueBytes = bytes
    if (isAsked) this.#value = this.#text(decoded, 0, Math.min(bytes, bytesMax))
    return 0
  }

  /** Trace contexts never come again: they have no business among texts that do. */
  #text(bytes: Buffer, at: number, to: number): string {
    return this.#field === FIELD.traceparent
      ? bytes.toString('latin1', at, to)
      : textOf(bytes, at, to)
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
