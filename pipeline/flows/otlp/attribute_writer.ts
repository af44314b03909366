/**
 * Writes the attribute of a column into a log record: one function a column, made once a batch.
 *
 *     LogRecord { repeated KeyValue attributes = 6; }       grammar of KeyValue: otlp/attributes.ts
 *
 * Nearly all attributes are shorter than 128 bytes, so that both lengths (the KeyValue's and its
 * value's) are one byte: everything before the value is a constant then, copied at once, and the
 * two bytes are set afterwards. What is longer is moved by the bytes that its lengths take.
 */
import { attributePrefix, writeStringBehind } from '../../otlp/attributes.ts'
import { FIXED64, LEN, tag, VARINT, type WireWriter } from '../../otlp/wire.ts'
import { addressText } from '../address_text.ts'
import { type FlowBatch, STRIDE } from '../batch.ts'
import { addressWords, RowIndex } from '../row_index.ts'
import { KIND } from '../schema.ts'
import type { MappedColumn } from './mapping.ts'

export const ATTRIBUTES = tag(6, LEN)
const STRING_VALUE = tag(1, LEN)
const BOOL_VALUE = tag(2, VARINT)
const INT_VALUE = tag(3, VARINT)
const DOUBLE_VALUE = tag(4, FIXED64)

/** The column that is written although it is 0: see `wide`. */
const START = 'start'
/** Texts of addresses kept a column. */
const ADDRESSES_MAX = 4096

/** Writes the row's value, unless it is one that is left out. */
export type Put = (row: number) => void

/** What stands before the value in an attribute whose two lengths are a byte each. */
export function prefixOf(key: string): Uint8Array {
  return attributePrefix(ATTRIBUTES, key)
}

export interface PutSettings {
  readonly wire: WireWriter
  readonly batch: FlowBatch
  readonly prefix: Uint8Array
  /** Told of each NaN. */
  readonly notKnown: (column: string) => void
}

type Numbers = Uint8Array | Uint16Array | Uint32Array | Float64Array

/** Undefined when no row of the batch has a value. */
export function putOf(column: MappedColumn, settings: PutSettings): Put | undefined {
  const { batch } = settings
  const { group, name, spec } = column
  if (!batch.has(group)) return undefined
  const values = (batch.add(group) as unknown as Record<string, Numbers>)[name] as Numbers
  const length = STRIDE[spec.type] * batch.rows
  if (spec.absent === 'zero' && name !== START && isZero(values, length)) return undefined
  switch (spec.type) {
    case 'string':
      return text(values as Uint32Array, settings)
    case 'enum':
      return named(values as Uint8Array, column, settings)
    case 'flag':
      return flag(values as Uint8Array, settings)
    case 'f64':
      return double(values as Float64Array, column, settings)
    case 'u64':
    case 'time':
      return wide(values as Uint32Array, { ...settings, isStart: name === START })
    case 'id64':
    case 'id128':
      return id(values as Uint32Array, spec.type === 'id64' ? 2 : 4, settings)
    case 'address':
      return address(values as Uint8Array, settings)
    default:
      return integer(values, column, settings)
  }
}

/** Loops of their own for each kind of array: see copy.ts. */
function isZero(values: Numbers, length: number): boolean {
  if (values instanceof Uint32Array) {
    for (let i = 0; i < length; i++) if (values[i] !== 0) return false
  } else if (values instanceof Uint8Array) {
    for (let i = 0; i < length; i++) if (values[i] !== 0) return false
  } else if (values instanceof Float64Array) {
    for (let i = 0; i < length; i++) if (!Object.is(values[i], 0)) return false
  } else {
    for (let i = 0; i < length; i++) if (values[i] !== 0) return false
  }
  return true
}

/** By kind: whether a 0 is written, as the column has a meaning for such rows and 0 is a value. */
function zerosOf({ spec }: MappedColumn): Uint8Array {
  const kinds = Object.entries(KIND)
  const written = (kind: string) =>
    spec.absent === 'never' && (spec.rows === 'all' || spec.rows === kind)
  return Uint8Array.from(kinds, ([kind]) => Number(written(kind)))
}

function integer(values: Numbers, column: MappedColumn, of: PutSettings): Put {
  const { wire, prefix, batch } = of
  const zeros = zerosOf(column)
  const { kind } = batch.base
  return (row) => {
    const value = values[row] as number
    if (value === 0 && zeros[kind[row] as number] !== 1) return
    const start = wire.copy(prefix)
    wire.uint(INT_VALUE, value)
    wire.setLengths(start, prefix.length)
  }
}

function double(values: Float64Array, column: MappedColumn, of: PutSettings): Put {
  const { wire, prefix, batch, notKnown } = of
  const zeros = zerosOf(column)
  const { kind } = batch.base
  return (row) => {
    const value = values[row] as number
    if (value === 0) {
      if (Object.is(value, 0) && zeros[kind[row] as number] !== 1) return
    } else if (Number.isNaN(value)) {
      notKnown(column.name)
      return
    }
    const start = wire.copy(prefix)
    if (Number.isSafeInteger(value) && !Object.is(value, -0)) wire.int(INT_VALUE, value)
    else wire.double(DOUBLE_VALUE, value)
    wire.setLengths(start, prefix.length)
  }
}

/** `isStart`: a row that has ended says when it began, be that 0, or its end passes for it. */
function wide(values: Uint32Array, of: PutSettings & { isStart: boolean }): Put {
  const { wire, prefix, isStart } = of
  const { end } = of.batch.base
  return (row) => {
    const lo = values[2 * row] as number
    const hi = values[2 * row + 1] as number
    if (isStart) {
      if (end[2 * row] === 0 && end[2 * row + 1] === 0) return
    } else if (lo === 0 && hi === 0) return
    const start = wire.copy(prefix)
    wire.uint64(INT_VALUE, lo, hi)
    wire.setLengths(start, prefix.length)
  }
}

function flag(values: Uint8Array, { wire, prefix }: PutSettings): Put {
  return (row) => {
    if (values[row] === 0) return
    const start = wire.copy(prefix)
    wire.uint(BOOL_VALUE, 1)
    wire.setLengths(start, prefix.length)
  }
}

function text(values: Uint32Array, { wire, prefix, batch }: PutSettings): Put {
  const { strings } = batch
  return (row) => {
    const index = values[row] as number
    if (index === 0) return
    writeStringBehind(wire, prefix, strings.at(index))
  }
}

function named(values: Uint8Array, column: MappedColumn, of: PutSettings): Put {
  const { wire, prefix, batch } = of
  const zeros = zerosOf(column)
  const { kind } = batch.base
  const names = column.spec.values ?? []
  return (row) => {
    const code = values[row] as number
    const name = names[code]
    if (name === undefined || (code === 0 && zeros[kind[row] as number] !== 1)) return
    writeStringBehind(wire, prefix, name)
  }
}

function id(values: Uint32Array, words: number, { wire, prefix }: PutSettings): Put {
  const text = { bytes: new Uint8Array(words * 8), start: 0, end: words * 8 }
  return (row) => {
    let any = 0
    for (let i = row * words; i < (row + 1) * words; i++) any |= values[i] as number
    if (any === 0) return
    const start = wire.copy(prefix)
    let at = 0
    for (let i = (row + 1) * words - 1; i >= row * words; i--) {
      const word = values[i] as number
      for (let shift = 28; shift >= 0; shift -= 4) {
        text.bytes[at++] = DIGITS[(word >>> shift) & 15] as number
      }
    }
    wire.bytes(STRING_VALUE, text.bytes, text)
    wire.setLengths(start, prefix.length)
  }
}

const DIGITS = Buffer.from('0123456789abcdef')

/** Most addresses of a batch stand in many of its rows. */
function address(values: Uint8Array, { wire, prefix }: PutSettings): Put {
  const words = new RowIndex<string>(4, ADDRESSES_MAX)
  return (row) => {
    addressWords(words.numbers, 0, [values, row])
    let any = 0
    for (let i = 0; i < 4; i++) any |= words.numbers[i] as number
    if (any === 0) return
    writeStringBehind(wire, prefix, words.get() ?? words.set(addressText(values, row)))
  }
}
