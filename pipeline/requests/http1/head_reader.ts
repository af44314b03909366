/**
 * Reads the head of an HTTP/1.x message in place (RFC 9112 §2–5).
 *
 *     request-line / status-line CRLF *( field-name ":" OWS field-value OWS CRLF ) CRLF
 *
 * Tolerated as RFC 9112 §2.2 and §5.2 allow: a bare LF as line end, folded field values. Only
 * fields that framing, identity or trace context need are looked at; none but those are kept.
 */
import { CR, indexOfLf, indexOfNoText, isDigit, LF, SP, TAB, viewOf, wordOf } from '../bytes.ts'
import { TARGET_BYTES_MAX } from '../target.ts'
import { textOf } from '../texts.ts'
import { readField } from './fields.ts'
import type { Head } from './head.ts'

export const METHOD_BYTES_MAX = 24

export const METHODS: readonly string[] = [
  'GET',
  'POST',
  'PUT',
  'DELETE',
  'HEAD',
  'OPTIONS',
  'PATCH',
  'CONNECT',
  'TRACE',
]

/** What readHead() says instead of an index. */
export const INCOMPLETE = -1
export const INVALID = -2

export interface HeadRange {
  at: number
  to: number
  request: boolean
  cut: boolean
}

/**
 * Reads the head that begins at `at` into `head`, and returns the index behind its blank line.
 * INCOMPLETE: that is not there yet; with `cut` it never will be, and what is there was read.
 */
export function readHead(head: Head, bytes: Buffer, range: HeadRange): number {
  const fields = readFirstLine(head, bytes, range)
  return fields < 0 ? fields : readFields(head, bytes, fields, range.to)
}

/** Returns the index behind the first line, or as readHead() where that is not whole, or none. */
export function readFirstLine(head: Head, bytes: Buffer, range: HeadRange): number {
  head.reset()
  const { at, to, request } = range
  const line = request ? requestLine(head, bytes, at, to) : statusLine(head, viewOf(bytes), at, to)
  return line < 0 ? noLine(head, bytes, range) : line
}

/** A first line that is not whole, or none. */
function noLine(head: Head, bytes: Buffer, { at, to, request, cut }: HeadRange): number {
  const view = viewOf(bytes)
  if (indexOfLf(view, at, to) >= 0) return INVALID
  if (!cut) return INCOMPLETE
  const isRead = request ? readCutLine(head, bytes, at, to) : readStatus(head, view, at, to)
  return isRead ? INCOMPLETE : INVALID
}

/** Reads the fields that begin at `from`; returns the index behind the blank line. */
export function readFields(head: Head, bytes: Buffer, from: number, to: number): number {
  const view = viewOf(bytes)
  let line = from
  let first = line < to ? view.getUint8(line) : 0
  while (line < to) {
    if (first === LF) return line + 1
    if (first === CR && line + 1 < to && view.getUint8(line + 1) === LF) return line + 2
    let lf = indexOfLf(view, line, to)
    if (lf < 0) return INCOMPLETE
    first = lf + 1 < to ? view.getUint8(lf + 1) : 0
    // A folded value goes on in the next line.
    while (first === SP || first === TAB) {
      lf = indexOfLf(view, lf + 1, to)
      if (lf < 0) return INCOMPLETE
      first = lf + 1 < to ? view.getUint8(lf + 1) : 0
    }
    readField(head, bytes, line, lf)
    line = lf + 1
  }
  return INCOMPLETE
}

const GET_ = wordOf('GET ')
const POST = wordOf('POST')
const HTTP = wordOf('HTTP')
/** Without its highest byte, the digit. */
const SLASH_ONE_DOT = wordOf('/1.\0')
const LOW_BYTES = 0xffffff
const VERSION_LINE_BYTES = ' HTTP/1.1\n'.length

/** Returns the index behind a whole request line, or -1. */
function requestLine(head: Head, bytes: Buffer, at: number, to: number): number {
  const view = viewOf(bytes)
  const sp = readMethod(head, bytes, at, to)
  if (sp < 0) return -1
  const end = indexOfNoText(view, sp + 1, to)
  if (end === sp + 1 || end + VERSION_LINE_BYTES > to) return -1
  if (view.getUint8(end) !== SP || view.getInt32(end + 1, true) !== HTTP) return -1
  const word = view.getInt32(end + 5, true)
  const minor = word >>> 24
  if ((word & LOW_BYTES) !== SLASH_ONE_DOT || !isDigit(minor)) return -1
  const lf = view.getUint8(end + 9) === CR ? end + 10 : end + 9
  if (lf >= to || view.getUint8(lf) !== LF) return -1
  head.version = minor === 0x30 ? '1.0' : '1.1'
  takeTarget(head, bytes, sp + 1, end)
  return lf + 1
}

/** Returns the index of the space behind the method, or -1. */
function readMethod(head: Head, bytes: Buffer, at: number, to: number): number {
  if (at + 5 <= to) {
    const word = viewOf(bytes).getInt32(at, true)
    if (word === GET_) {
      head.method = 'GET'
      return at + 3
    }
    if (word === POST && bytes[at + 4] === SP) {
      head.method = 'POST'
      return at + 4
    }
  }
  let sp = at
  while (sp < to && isMethodByte(bytes[sp] as number)) sp++
  if (sp === at || sp - at > METHOD_BYTES_MAX || bytes[sp] !== SP || sp >= to) return -1
  head.method = textOf(bytes, at, sp)
  return sp
}

function takeTarget(head: Head, bytes: Buffer, at: number, to: number): void {
  head.bytes = bytes
  head.targetAt = at
  head.targetEnd = Math.min(to, at + TARGET_BYTES_MAX)
}

/** Of a request line whose end nobody has seen: only a method that is known will do. */
function readCutLine(head: Head, bytes: Buffer, at: number, to: number): boolean {
  const sp = readMethod(head, bytes, at, to)
  if (sp < 0 || !METHODS.includes(head.method)) return false
  if (to === sp + 1) return true
  if (indexOfNoText(viewOf(bytes), sp + 1, to) < to) return false
  takeTarget(head, bytes, sp + 1, to)
  return true
}

/** Returns the index behind a whole status line, or -1. */
function statusLine(head: Head, view: DataView, at: number, to: number): number {
  if (!readStatus(head, view, at, to)) return -1
  const lf = indexOfLf(view, at + 12, to)
  return lf < 0 ? -1 : lf + 1
}

/** `HTTP/1.x SP 3DIGIT SP reason`; a reason may be missing with its space. */
function readStatus(head: Head, view: DataView, at: number, to: number): boolean {
  if (to - at < 12 || view.getInt32(at, true) !== HTTP) return false
  const word = view.getInt32(at + 4, true)
  const minor = word >>> 24
  if ((word & LOW_BYTES) !== SLASH_ONE_DOT || !isDigit(minor)) return false
  if (view.getUint8(at + 8) !== SP) return false
  const hundreds = view.getUint8(at + 9)
  const tens = view.getUint8(at + 10)
  const ones = view.getUint8(at + 11)
  if (!isDigit(hundreds) || !isDigit(tens) || !isDigit(ones) || hundreds === 0x30) return false
  if (to > at + 12 && view.getUint8(at + 12) > SP) return false
  head.status = hundreds * 100 + tens * 10 + ones - 0x30 * 111
  head.version = minor === 0x30 ? '1.0' : '1.1'
  return true
}

/** Letters, `-` and `_`: all methods of the IANA registry, and no binary protocol's beginning. */
export function isMethodByte(byte: number): boolean {
  return (byte >= 65 && byte <= 90) || (byte >= 97 && byte <= 122) || byte === 45 || byte === 95
}
