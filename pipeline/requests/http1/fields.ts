/** Reads the fields of a head that framing, identity or trace context need (RFC 9110 §5). */
import { CASES, COLON, CR, isBlank, isDigit, LF, Name, SP, TAB, viewOf } from '../bytes.ts'
import { textOf } from '../texts.ts'
import { parseTraceparent } from '../traceparent.ts'
import { BAD_LENGTH, type Head, NO_LENGTH } from './head.ts'

const COMMA = 44

/** What is kept of an authority, at most. */
const HOST_BYTES_MAX = 255
/** Numbers of as many digits are exact. */
const EXACT_DIGITS_MAX = 15

const CONTENT_LENGTH = new Name('content-length')
const TRANSFER_ENCODING = new Name('transfer-encoding')
const HOST = new Name('host')
const EXPECT = new Name('expect')
const TRACEPARENT = new Name('traceparent')
const UPGRADE = new Name('upgrade')
const CHUNKED = new Name('chunked')
const CONTINUE = new Name('100-continue')
const H2C = 'h2c'

/** No name that matters is shorter. */
const NAME_BYTES_MIN = 4

/** The fields that are read. */
export const FIELD = {
  none: 0,
  contentLength: 1,
  host: 2,
  traceparent: 3,
  transferEncoding: 4,
  expect: 5,
  upgrade: 6,
} as const
export type Field = (typeof FIELD)[keyof typeof FIELD]

/** In order of FIELD. */
const NAMES = [CONTENT_LENGTH, HOST, TRACEPARENT, TRANSFER_ENCODING, EXPECT, UPGRADE]

/** Reads the line, which may be folded, from `line` to the LF at `lf`. */
export function readField(head: Head, bytes: Buffer, line: number, lf: number): void {
  const field = fieldAt(viewOf(bytes), line, lf)
  if (field === FIELD.none) return
  readValue(head, field, bytes, line + (NAMES[field - 1] as Name).length, lf)
}

/** Most lines are told by their first letters to be of no interest. */
export function fieldAt(view: DataView, line: number, lf: number): Field {
  if (lf - line <= NAME_BYTES_MIN) return FIELD.none
  switch (view.getInt32(line, true) | CASES) {
    case CONTENT_LENGTH.first:
      return isField(view, line, lf, CONTENT_LENGTH) ? FIELD.contentLength : FIELD.none
    case HOST.first:
      return isField(view, line, lf, HOST) ? FIELD.host : FIELD.none
    case TRACEPARENT.first:
      return isField(view, line, lf, TRACEPARENT) ? FIELD.traceparent : FIELD.none
    case TRANSFER_ENCODING.first:
      return isField(view, line, lf, TRANSFER_ENCODING) ? FIELD.transferEncoding : FIELD.none
    case EXPECT.first:
      return isField(view, line, lf, EXPECT) ? FIELD.expect : FIELD.none
    case UPGRADE.first:
      return isField(view, line, lf, UPGRADE) ? FIELD.upgrade : FIELD.none
    default:
      return FIELD.none
  }
}

/** Reads the value between the colon and the LF of a line. */
export function readValue(
  head: Head,
  field: Field,
  bytes: Buffer,
  colon: number,
  lf: number,
): void {
  const view = viewOf(bytes)
  const at = valueAt(view, colon, lf)
  const to = valueEnd(view, at, lf)
  switch (field) {
    case FIELD.contentLength:
      takeLength(head, bytes, at, to)
      break
    case FIELD.host:
      head.host = textOf(bytes, at, Math.min(to, at + HOST_BYTES_MAX))
      break
    case FIELD.traceparent:
      // W3C Trace Context §3.2: with more than one, none is valid.
      head.traces += head.traces > 0 || parseTraceparent(head.trace, bytes, at, to) ? 1 : 0
      break
    case FIELD.transferEncoding:
      takeCoding(head, bytes, at, to)
      break
    case FIELD.expect:
      head.expects = isValue(view, at, to, CONTINUE)
      break
    case FIELD.upgrade:
      head.upgradesToHttp2 = isHttp2(bytes, at, to)
      break
  }
}

function isField(view: DataView, line: number, lf: number, name: Name): boolean {
  const colon = line + name.length
  return colon < lf && view.getUint8(colon) === COLON && name.isAt(view, line)
}

function isValue(view: DataView, at: number, to: number, value: Name): boolean {
  return to - at === value.length && value.isAt(view, at)
}

/** Where the value behind a colon begins, and where the one that begins at `at` ends. */
function valueAt(view: DataView, colon: number, lf: number): number {
  let at = colon + 1
  while (at < lf && isSpace(view.getUint8(at))) at++
  return at
}

function valueEnd(view: DataView, at: number, lf: number): number {
  let to = lf
  while (to > at && isSpace(view.getUint8(to - 1))) to--
  return to
}

function takeCoding(head: Head, bytes: Buffer, at: number, to: number): void {
  head.transferCoded = true
  head.chunked =
    isValue(viewOf(bytes), at, to, CHUNKED) ||
    /(?:^|,)\s*chunked$/i.test(bytes.toString('latin1', at, to))
}

function isHttp2(bytes: Buffer, at: number, to: number): boolean {
  if (to - at !== H2C.length) return false
  return bytes.toString('latin1', at, to).toLowerCase() === H2C
}

/** RFC 9112 §6.3: several equal lengths are one, different ones are an error. */
function takeLength(head: Head, bytes: Buffer, at: number, to: number): void {
  let value = 0
  let i = at
  while (i < to && isDigit(bytes[i] as number)) value = value * 10 + (bytes[i++] as number) - 48
  const isPlain = i === to && to > at && to - at <= EXACT_DIGITS_MAX
  if (isPlain && head.contentLength === NO_LENGTH) head.contentLength = value
  else takeLengths(head, bytes, at, to)
}

function takeLengths(head: Head, bytes: Buffer, at: number, to: number): void {
  let value = NO_LENGTH
  for (let i = at; i <= to; i++) {
    const byte = i < to ? (bytes[i] as number) : COMMA
    if (byte === COMMA) {
      const known = head.contentLength
      if (value === NO_LENGTH || (known !== NO_LENGTH && known !== value)) value = BAD_LENGTH
      head.contentLength = value
      if (value === BAD_LENGTH) return
      value = NO_LENGTH
    } else if (isDigit(byte)) {
      value = (value === NO_LENGTH ? 0 : value * 10) + (byte - 48)
      if (value > Number.MAX_SAFE_INTEGER) break
    } else if (!isBlank(byte) || (value !== NO_LENGTH && isDigit(bytes[i + 1] as number))) {
      value = BAD_LENGTH
      break
    }
  }
  if (value !== NO_LENGTH) head.contentLength = BAD_LENGTH
}

function isSpace(byte: number): boolean {
  return byte === SP || byte === TAB || byte === CR || byte === LF
}
