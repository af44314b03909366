/**
 * Single values from JSON to the wire, as proto3's JSON mapping and OTLP's exceptions from it have
 * them: 64-bit integers as strings or numbers, NaN and the infinities as strings, bytes in base64
 * of either alphabet, ids in hexadecimal digits of either case, enums as numbers or by their names.
 */
import type { Target } from './json_keys.ts'
import type { JsonScanner, Kind } from './json_scanner.ts'
import type { ScalarType } from './json_schema.ts'
import type { WireWriter } from './wire.ts'

const TWO_31 = 2_147_483_648
const TWO_32 = 4_294_967_296
const MINUS = 0x2d
const PLAIN_NUMBER = /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/
const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/

const SEVERITIES = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL']

/** By the key of the field: in OTLP no two enums stand under one. */
const ENUMS: Readonly<Record<string, readonly string[]>> = {
  kind: ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'].map(
    (name) => `SPAN_KIND_${name}`,
  ),
  code: ['UNSET', 'OK', 'ERROR'].map((name) => `STATUS_CODE_${name}`),
  aggregationTemporality: ['UNSPECIFIED', 'DELTA', 'CUMULATIVE'].map(
    (name) => `AGGREGATION_TEMPORALITY_${name}`,
  ),
  severityNumber: [
    'UNSPECIFIED',
    ...SEVERITIES.flatMap((name) => ['', '2', '3', '4'].map((step) => name + step)),
  ].map((name) => `SEVERITY_NUMBER_${name}`),
}

/** The last integer that `integer` read, as halves in two's complement, and as a number. */
let lo = 0
let hi = 0
let value = 0

const id = new Uint8Array(16)

/** Reads the value that `kind` has seen and writes it as a field. False at a fault. */
export function writeScalar(
  at: { scanner: JsonScanner; writer: WireWriter },
  target: Target,
  kind: Kind,
): boolean {
  const { scanner, writer } = at
  const type = target.scalar as ScalarType
  if (type === 'bool') {
    if (kind !== 'true' && kind !== 'false') return expected(scanner, target, 'true or false')
    writer.uint(target.tag, kind === 'true' ? 1 : 0)
    return scanner.word(kind)
  }
  if (type === 'string' || type === 'hex' || type === 'base64') {
    if (kind !== 'string') return expected(scanner, target, 'a string')
    if (!scanner.string()) return false
    if (type === 'string') return writeText(at, target)
    return type === 'hex' ? writeId(at, target) : writeBytes(at, target)
  }
  if (!readNumber(scanner, target, kind)) return false
  switch (type) {
    case 'double':
      writer.double(target.tag, value)
      break
    case 'x64':
    case 's64':
      writer.fixed64(target.tag, lo, hi)
      break
    case 'i64':
    case 'u64':
      writer.uint64(target.tag, lo, hi)
      break
    case 'x32':
      writer.fixed32(target.tag, value)
      break
    case 's32':
      writer.uint(target.tag, ((value << 1) ^ (value >> 31)) >>> 0)
      break
    default:
      writer.int(target.tag, value)
  }
  return true
}

/** The same for an element of a packed field. */
export function writePacked(
  at: { scanner: JsonScanner; writer: WireWriter },
  target: Target,
  kind: Kind,
): boolean {
  if (!readNumber(at.scanner, target, kind)) return false
  if (target.scalar === 'double') at.writer.bareDouble(value)
  else if (target.scalar === 'u64') at.writer.bareUint64(lo, hi)
  else at.writer.bare64(lo, hi)
  return true
}

/** Whether a field of this type, when it is repeated, stands packed on the wire. */
export function isPacked(type: ScalarType): boolean {
  return type === 'double' || type === 'u64' || type === 'x64'
}

function expected(scanner: JsonScanner, target: Target, what: string): false {
  return scanner.fail(`${target.key} must be ${what}`)
}

function writeText({ scanner, writer }: Writing, target: Target): boolean {
  if (!scanner.escaped) {
    writer.bytes(target.tag, scanner.bytes, scanner)
    return true
  }
  const text = scanner.text()
  if (text === undefined) return false
  writer.string(target.tag, text)
  return true
}

interface Writing {
  readonly scanner: JsonScanner
  readonly writer: WireWriter
}

function writeId({ scanner, writer }: Writing, target: Target): boolean {
  const digits = scanner.end - scanner.start
  const wanted = target.key === 'traceId' ? 32 : 16
  let wrong = digits !== wanted && digits !== 0
  for (let i = 0; i < digits && !wrong; i += 2) {
    const byte = (nibble(scanner, i) << 4) | nibble(scanner, i + 1)
    wrong = byte < 0
    id[i / 2] = byte
  }
  if (wrong) return expected(scanner, target, `${wanted} hexadecimal digits`)
  writer.bytes(target.tag, id, { start: 0, end: digits / 2 })
  return true
}

/** -1 when it is not a hexadecimal digit. */
function nibble(scanner: JsonScanner, index: number): number {
  const code = scanner.bytes[scanner.start + index] as number
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const letter = code | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}

function writeBytes({ scanner, writer }: Writing, target: Target): boolean {
  const text = scanner.text() ?? ''
  if (!BASE64.test(text) || text.replace(/=+$/, '').length % 4 === 1) {
    return expected(scanner, target, 'bytes in base64')
  }
  const bytes = Buffer.from(text, 'base64')
  writer.bytes(target.tag, bytes, { start: 0, end: bytes.length })
  return true
}

/** Into `value`, and for integers `lo` and `hi`. */
function readNumber(scanner: JsonScanner, target: Target, kind: Kind): boolean {
  const type = target.scalar as ScalarType
  if (kind === 'string') {
    if (!scanner.string()) return false
    if (type === 'enum') return enumByName(scanner, target)
  } else if (kind !== 'number') return expected(scanner, target, 'a number')
  else if (!scanner.number()) return false
  return type === 'double' ? double(scanner, target) : integer(scanner, target, type)
}

function enumByName(scanner: JsonScanner, target: Target): boolean {
  value = ENUMS[target.key]?.indexOf(scanner.text() ?? '') ?? -1
  return value >= 0 || expected(scanner, target, 'a number or one of the names of the enum')
}

function double(scanner: JsonScanner, target: Target): boolean {
  const text = scanner.bytes.toString('latin1', scanner.start, scanner.end)
  value = Number(text)
  if (PLAIN_NUMBER.test(text)) return true
  const isSpecial = text === 'NaN' || text === 'Infinity' || text === '-Infinity'
  return isSpecial || expected(scanner, target, 'a number')
}

/** Digits one by one into halves, for a double has not the room of 64 bits. */
function integer(scanner: JsonScanner, target: Target, type: ScalarType): boolean {
  const { bytes, start, end } = scanner
  const negative = bytes[start] === MINUS
  let low = 0
  let high = 0
  for (let at = negative ? start + 1 : start; at < end; at++) {
    const digit = (bytes[at] as number) - 0x30
    if (digit < 0 || digit > 9) return inexact(scanner, target, type)
    low = low * 10 + digit
    const carry = Math.floor(low / TWO_32)
    low -= carry * TWO_32
    high = high * 10 + carry
    if (high >= TWO_32) return expected(scanner, target, RANGES[type] as string)
  }
  if (end === (negative ? start + 1 : start)) return expected(scanner, target, 'a number')
  return settle(scanner, target, { type, negative, low, high })
}

/** A whole number is one in `1.0` and `1e3` too. */
function inexact(scanner: JsonScanner, target: Target, type: ScalarType): boolean {
  const text = scanner.bytes.toString('latin1', scanner.start, scanner.end)
  const number = PLAIN_NUMBER.test(text) ? Number(text) : Number.NaN
  const size = Math.abs(number)
  if (!Number.isSafeInteger(number)) return expected(scanner, target, RANGES[type] as string)
  const high = Math.floor(size / TWO_32)
  return settle(scanner, target, { type, negative: number < 0, low: size % TWO_32, high })
}

const RANGES: Partial<Record<ScalarType, string>> = {
  i64: 'a whole number of 64 bits',
  s64: 'a whole number of 64 bits',
  u64: 'a whole number of 64 bits, not negative',
  x64: 'a whole number of 64 bits, not negative',
  u32: 'a whole number of 32 bits, not negative',
  x32: 'a whole number of 32 bits, not negative',
  s32: 'a whole number of 32 bits',
  enum: 'a whole number of 32 bits, or one of the names of the enum',
}

function settle(
  scanner: JsonScanner,
  target: Target,
  read: { type: ScalarType; negative: boolean; low: number; high: number },
): boolean {
  const { type, low, high } = read
  const negative = read.negative && (low > 0 || high > 0)
  if (!fits(type, { negative, low, high })) return expected(scanner, target, RANGES[type] as string)
  value = negative ? -low : low
  lo = negative ? (TWO_32 - low) % TWO_32 : low
  hi = negative ? (TWO_32 * 2 - high - (low > 0 ? 1 : 0)) % TWO_32 : high
  return true
}

function fits(
  type: ScalarType,
  { negative, low, high }: { negative: boolean; low: number; high: number },
): boolean {
  switch (type) {
    case 'u64':
    case 'x64':
      return !negative
    case 'u32':
    case 'x32':
      return !negative && high === 0
    case 'i64':
    case 's64':
      return high < TWO_31 || (negative && high === TWO_31 && low === 0)
    default:
      return high === 0 && (low < TWO_31 || (negative && low === TWO_31))
  }
}
