/**
 * Reads the value of an attribute into a column: one function a column, made once a request. A
 * value that the column cannot hold exactly as it is, be it of another type or too large, is left
 * alone; it is then carried along as it came.
 *
 * AnyValue: otlp/attributes.ts. The bytes have passed `checkRequest`.
 */
import { parseAddress } from '../address_parse.ts'
import type { FlowBatch } from '../batch.ts'
import type { ByteStrings } from './byte_strings.ts'
import type { MappedColumn } from './mapping.ts'

const STRING = 0x0a
const BOOL = 0x10
const INT = 0x18
const DOUBLE = 0x21

const TWO_32 = 4_294_967_296
const NO_NAMES: readonly string[] = []
const DOT = 0x2e
const ZERO = 0x30
const ADDRESS_BYTES = 16
/** As text, at most: 8 groups with an IPv4 tail. */
const ADDRESS_LENGTH_MAX = 45

/** Takes the AnyValue in [start, end) for the row; false when it is none that the column takes. */
export type Take = (row: number, start: number, end: number) => boolean

export interface TakeSettings {
  readonly bytes: Buffer
  readonly view: DataView
  readonly batch: FlowBatch
  readonly texts: ByteStrings
}

type Numbers = Uint8Array | Uint16Array | Uint32Array | Float64Array

/**
 * What was read last, as halves. As variables each that exceeds 31 bits would be an object of its
 * own (Node 26), and most times and ids do.
 */
const halves = new Uint32Array(2)

export function takeOf({ group, name, spec }: MappedColumn, of: TakeSettings): Take {
  const values = (of.batch.add(group) as unknown as Record<string, Numbers>)[name] as Numbers
  switch (spec.type) {
    case 'string':
      return text(values as Uint32Array, of)
    case 'enum':
      return named(values as Uint8Array, spec.values ?? NO_NAMES, of)
    case 'flag':
      return flag(values as Uint8Array, of)
    case 'f64':
      return double(values as Float64Array, of)
    case 'u64':
    case 'time':
      return wide(values as Uint32Array, of)
    case 'id64':
    case 'id128':
      return id(values as Uint32Array, spec.type === 'id64' ? 2 : 4, of)
    case 'address':
      return address(values as Uint8Array, of)
    default:
      return integer(values, 2 ** (8 * values.BYTES_PER_ELEMENT) - 1, of)
  }
}

/** Where the text of the AnyValue begins; -1 when it is no text. It ends where the value ends. */
export function textAt(bytes: Uint8Array, start: number, end: number): number {
  if (bytes[start] !== STRING) return -1
  const at = start + 1
  const length = bytes[at] as number
  if (length < 0x80) return at + 1 + length === end ? at + 1 : -1
  const from = varint(bytes, at, end)
  return from >= 0 && halves[1] === 0 && from + (halves[0] as number) === end ? from : -1
}

function text(values: Uint32Array, { bytes, texts }: TakeSettings): Take {
  return (row, start, end) => {
    const from = textAt(bytes, start, end)
    if (from < 0) return false
    values[row] = texts.intern(from, end)
    return true
  }
}

function named(values: Uint8Array, names: readonly string[], { bytes }: TakeSettings): Take {
  const known = bytesOf(names)
  return (row, start, end) => {
    const from = textAt(bytes, start, end)
    if (from < 0) return false
    for (let code = 0; code < known.length; code++) {
      const name = known[code] as Buffer
      if (name.length !== end - from) continue
      let i = 0
      while (i < name.length && name[i] === bytes[from + i]) i++
      if (i < name.length) continue
      values[row] = code
      return true
    }
    return false
  }
}

const encodedNames = new Map<readonly string[], readonly Buffer[]>()

/** Of the lists in the schema, which are few. */
function bytesOf(names: readonly string[]): readonly Buffer[] {
  const made = encodedNames.get(names) ?? names.map((name) => Buffer.from(name))
  encodedNames.set(names, made)
  return made
}

function flag(values: Uint8Array, { bytes }: TakeSettings): Take {
  return (row, start, end) => {
    if (bytes[start] !== BOOL || end !== start + 2 || (bytes[start + 1] as number) > 1) return false
    values[row] = bytes[start + 1] as number
    return true
  }
}

function integer(values: Numbers, max: number, { bytes }: TakeSettings): Take {
  return (row, start, end) => {
    if (bytes[start] !== INT || varint(bytes, start + 1, end) !== end) return false
    if (halves[1] !== 0 || (halves[0] as number) > max) return false
    values[row] = halves[0] as number
    return true
  }
}

function double(values: Float64Array, { bytes, view }: TakeSettings): Take {
  return (row, start, end) => {
    if (bytes[start] === DOUBLE && end === start + 9) {
      values[row] = view.getFloat64(start + 1, true)
      return true
    }
    if (bytes[start] !== INT || varint(bytes, start + 1, end) !== end) return false
    const value = ((halves[1] as number) | 0) * TWO_32 + (halves[0] as number)
    if (!Number.isSafeInteger(value)) return false
    values[row] = value
    return true
  }
}

function wide(values: Uint32Array, { bytes }: TakeSettings): Take {
  return (row, start, end) => {
    if (bytes[start] !== INT || varint(bytes, start + 1, end) !== end) return false
    values[2 * row] = halves[0] as number
    values[2 * row + 1] = halves[1] as number
    return true
  }
}

function id(values: Uint32Array, words: number, { bytes }: TakeSettings): Take {
  return (row, start, end) => {
    const from = textAt(bytes, start, end)
    if (from < 0 || end - from !== words * 8) return false
    for (let word = 0; word < words; word++) {
      let value = 0
      let bad = 0
      for (let at = end - 8 * (word + 1); at < end - 8 * word; at++) {
        const digit = DIGITS[bytes[at] as number] as number
        bad |= digit
        value = (value << 4) | (digit & 15)
      }
      if (bad > 15) return false
      values[row * words + word] = value
    }
    return true
  }
}

/** Of lower-case hexadecimal digits, which is what ids are written in; 16 for all else. */
const DIGITS = Uint8Array.from({ length: 256 }, (_, code) => {
  const digit = '0123456789abcdef'.indexOf(String.fromCharCode(code))
  return digit < 0 ? 16 : digit
})

function address(values: Uint8Array, { bytes }: TakeSettings): Take {
  return (row, start, end) => {
    const from = textAt(bytes, start, end)
    if (from < 0 || end - from > ADDRESS_LENGTH_MAX) return false
    const at = row * ADDRESS_BYTES
    if (dotted(bytes, from, end)) {
      values.fill(0, at, at + 10)
      values.fill(0xff, at + 10, at + 12)
      const word = halves[0] as number
      for (let i = 0; i < 4; i++) values[at + 12 + i] = word >>> (24 - 8 * i)
      return true
    }
    const parsed = parseAddress(bytes.toString('latin1', from, end))
    if (parsed === undefined) return false
    values.set(parsed, at)
    return true
  }
}

/** Reads `a.b.c.d` into the low half. */
function dotted(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start
  let address = 0
  for (let part = 0; part < 4; part++) {
    if (part > 0 && bytes[at++] !== DOT) return false
    const first = at
    let value = 0
    while (at < end && at < first + 3) {
      const digit = (bytes[at] as number) - ZERO
      if (digit < 0 || digit > 9) break
      value = value * 10 + digit
      at++
    }
    if (at === first || value > 255 || (bytes[first] === ZERO && at > first + 1)) return false
    address = (address << 8) | value
  }
  halves[0] = address
  return at === end
}

/** Reads into `halves`. Gives where it ends; -1 when it does not, within ten bytes. */
function varint(bytes: Uint8Array, start: number, end: number): number {
  let at = start
  let low = 0
  let high = 0
  for (let shift = 0; shift < 70 && at < end; shift += 7) {
    const byte = bytes[at++] as number
    const part = byte & 0x7f
    if (shift < 28) low |= part << shift
    else if (shift === 28) {
      low |= part << 28
      high = part >>> 4
    } else if (shift < 63) high |= part << (shift - 32)
    else high |= (part & 1) << 31
    if (byte < 0x80) {
      halves[0] = low
      halves[1] = high
      return at
    }
  }
  return -1
}
