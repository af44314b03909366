/**
 * Reads the head of an HTTP/1.x message in place (RFC 9112 §2–5).
 *
 *     request-line / status-line CRLF *( field-name ":" OWS field-value OWS CRLF ) CRLF
 *
 * Tolerated as RFC 9112 §2.2 and §5.2 allow: a bare LF as line end, folded field values. Only
 * fields that framing, identity or trace context need are looked at; none but those are kept.
 */
import { textOf } from './texts.ts'
import { parseTraceparent } from './traceparent.ts'

const LF = 10
const CR = 13
const SP = 32
const TAB = 9
const COLON = 58
const COMMA = 44

/** What is kept of a target and of an authority, at most. */
const TARGET_BYTES_MAX = 4096
const HOST_BYTES_MAX = 255
const METHOD_BYTES_MAX = 24

const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH', 'CONNECT', 'TRACE']
const HTTP1 = Buffer.from('HTTP/1.')

const CONTENT_LENGTH = Buffer.from('content-length')
const TRANSFER_ENCODING = Buffer.from('transfer-encoding')
const HOST = Buffer.from('host')
const EXPECT = Buffer.from('expect')
const CONTINUE = Buffer.from('100-continue')
const TRACEPARENT = Buffer.from('traceparent')
const UPGRADE = Buffer.from('upgrade')
const H2C = Buffer.from('h2c')
const FIELDS = [HOST, EXPECT, UPGRADE, TRACEPARENT, CONTENT_LENGTH, TRANSFER_ENCODING]
/** Bit n is set where the name of such a field is n bytes long. */
const LENGTHS = FIELDS.reduce((bits, name) => bits | (1 << name.length), 0)

/** `contentLength` when there is none, and when what is there is not one length. */
export const NO_LENGTH = -1
export const BAD_LENGTH = -2

/** A head that has been read. One object is used for many messages: copy what is to be kept. */
export class Head {
  method = ''
  target = ''
  /** 1.0, 1.1; empty when the request line was cut before it. */
  version = ''
  status = 0
  host = ''
  contentLength = NO_LENGTH
  /** There is a transfer coding; `chunked`: the last one is that. */
  transferCoded = false
  chunked = false
  /** `Expect: 100-continue`. */
  expects = false
  /** `Upgrade: h2c` (RFC 7540 §3.2). */
  upgradesToHttp2 = false
  /** The valid trace context: trace id (4 words), parent id (2 words), low first; then flags. */
  readonly trace = new Uint32Array(7)
  traces = 0

  reset(): void {
    this.method = ''
    this.target = ''
    this.version = ''
    this.status = 0
    this.host = ''
    this.contentLength = NO_LENGTH
    this.transferCoded = false
    this.chunked = false
    this.expects = false
    this.upgradesToHttp2 = false
    this.traces = 0
  }

  /** It says two things of where its body ends (RFC 9112 §6.1, §6.3). */
  get isAmbiguous(): boolean {
    const { contentLength, transferCoded, version } = this
    if (contentLength === BAD_LENGTH) return true
    return transferCoded && (contentLength !== NO_LENGTH || version === '1.0')
  }
}

/**
 * Whether `[at, to)` begins like a request or a response. What is not there yet is taken to be
 * right; what is there must be: a request line that is whole must end in `HTTP/1.x`.
 */
export function beginsMessage(bytes: Buffer, at: number, to: number, request: boolean): boolean {
  if (!request) return startsWith(bytes, at, to, HTTP1)
  const max = Math.min(to, at + METHOD_BYTES_MAX + 1)
  let i = at
  while (i < max && isMethodByte(bytes[i] as number)) i++
  if (i === at) return false
  if (i === to) return true
  if (bytes[i] !== SP) return false
  const first = i + 1 < to ? (bytes[i + 1] as number) : SP + 1
  if (first <= SP || first >= 127) return false
  const lf = indexOfLf(bytes, i, to)
  return lf < 0 || versionAt(bytes, lf) >= 0
}

/** Whether `[at, to)` begins with a method of RFC 9110 or 5789 and a blank. */
export function hasKnownMethod(bytes: Buffer, at: number, to: number): boolean {
  return METHODS.some((method) => {
    const end = at + method.length
    return end < to && bytes[end] === SP && bytes.toString('latin1', at, end) === method
  })
}

/** The same beyond doubt: a whole request line, or as much of a status line as `HTTP/1.`. */
export function isMessageStart(bytes: Buffer, at: number, to: number, request: boolean): boolean {
  const whole = request ? indexOfLf(bytes, at, to) >= 0 : to - at >= HTTP1.length
  return whole && beginsMessage(bytes, at, to, request)
}

/** What readHead() says instead of an index. */
export const INCOMPLETE = -1
export const INVALID = -2

/**
 * Reads the head that begins at `at` into `head`, and returns the index behind its blank line.
 * INCOMPLETE: that is not there yet; with `cut` it never will be, and what is there was read.
 */
export function readHead(
  head: Head,
  bytes: Buffer,
  range: { at: number; to: number; request: boolean; cut: boolean },
): number {
  head.reset()
  const { at, to, request, cut } = range
  let lf = indexOfLf(bytes, at, to)
  if (lf < 0 && !cut) return INCOMPLETE
  const end = lf < 0 ? to : lf
  const known = request
    ? readRequestLine(head, bytes, { at, to: end, cut: lf < 0 })
    : readStatusLine(head, bytes, at, end)
  if (!known) return INVALID
  while (lf >= 0) {
    const line = lf + 1
    lf = indexOfLf(bytes, line, to)
    if (lf === line || (lf === line + 1 && bytes[line] === CR)) return lf + 1
    // A folded value goes on in the next line.
    while (lf >= 0 && lf + 1 < to && isBlank(bytes[lf + 1] as number)) {
      lf = indexOfLf(bytes, lf + 1, to)
    }
    if (lf >= 0) readField(head, bytes, line, lf)
  }
  return INCOMPLETE
}

function readRequestLine(
  head: Head,
  bytes: Buffer,
  { at, to, cut }: { at: number; to: number; cut: boolean },
): boolean {
  let sp = at
  while (sp < to && isMethodByte(bytes[sp] as number)) sp++
  if (sp === at || sp - at > METHOD_BYTES_MAX || bytes[sp] !== SP || sp >= to) return false
  head.method = methodOf(bytes, at, sp)
  let end = to
  if (cut) {
    if (!METHODS.includes(head.method)) return false
  } else {
    end = versionAt(bytes, to)
    if (end < 0) return false
    head.version = bytes[end + HTTP1.length + 1] === 0x30 ? '1.0' : '1.1'
  }
  if (end <= sp + 1) return cut
  for (let i = sp + 1; i < end; i++) {
    const byte = bytes[i] as number
    if (byte <= SP || byte === 127) return false
  }
  head.target = textOf(bytes, sp + 1, Math.min(end, sp + 1 + TARGET_BYTES_MAX))
  return true
}

/** `HTTP/1.x SP 3DIGIT SP reason`; a reason may be missing with its space. */
function readStatusLine(head: Head, bytes: Buffer, at: number, to: number): boolean {
  if (to - at < 12 || !startsWith(bytes, at, to, HTTP1)) return false
  const minor = bytes[at + 7] as number
  if (!isDigit(minor) || bytes[at + 8] !== SP) return false
  let status = 0
  for (let i = at + 9; i < at + 12; i++) {
    if (!isDigit(bytes[i] as number)) return false
    status = status * 10 + (bytes[i] as number) - 48
  }
  if (status < 100) return false
  if (to > at + 12 && (bytes[at + 12] as number) > SP) return false
  head.status = status
  head.version = minor === 0x30 ? '1.0' : '1.1'
  return true
}

function readField(head: Head, bytes: Buffer, line: number, lf: number): void {
  let colon = line
  while (colon < lf && bytes[colon] !== COLON) colon++
  if (colon === lf) return
  const length = colon - line
  // Most lines are told by this alone to be of no interest.
  if (length > 31 || ((LENGTHS >> length) & 1) === 0) return
  let at = colon + 1
  let to = lf
  while (at < to && isSpace(bytes[at] as number)) at++
  while (to > at && isSpace(bytes[to - 1] as number)) to--
  if (length === 4 && isName(bytes, line, HOST)) {
    head.host = textOf(bytes, at, Math.min(to, at + HOST_BYTES_MAX))
  } else if (length === 6 && isName(bytes, line, EXPECT)) {
    head.expects = to - at === CONTINUE.length && isName(bytes, at, CONTINUE)
  } else if (length === 7 && isName(bytes, line, UPGRADE)) {
    head.upgradesToHttp2 = to - at === H2C.length && isName(bytes, at, H2C)
  } else if (length === 14 && isName(bytes, line, CONTENT_LENGTH)) {
    readLength(head, bytes, at, to)
  } else if (length === 17 && isName(bytes, line, TRANSFER_ENCODING)) {
    head.transferCoded = true
    head.chunked = /(?:^|,)\s*chunked$/i.test(bytes.toString('latin1', at, to))
  } else if (length === 11 && isName(bytes, line, TRACEPARENT)) {
    // W3C Trace Context §3.2: with more than one, none is valid.
    head.traces += head.traces > 0 || parseTraceparent(head.trace, bytes, at, to) ? 1 : 0
  }
}

/** RFC 9112 §6.3: several equal lengths are one, different ones are an error. */
function readLength(head: Head, bytes: Buffer, at: number, to: number): void {
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

/** Where `HTTP/1.x` begins at the end of a line, its space before it checked; -1: nowhere. */
function versionAt(bytes: Buffer, lf: number): number {
  const end = bytes[lf - 1] === CR ? lf - 1 : lf
  const at = end - 8
  if (at < 1 || bytes[at - 1] !== SP || !startsWith(bytes, at, end, HTTP1)) return -1
  return isDigit(bytes[end - 1] as number) ? at - 1 : -1
}

function methodOf(bytes: Buffer, at: number, to: number): string {
  for (const method of METHODS) {
    if (method.length !== to - at) continue
    let i = 0
    while (i < method.length && method.charCodeAt(i) === bytes[at + i]) i++
    if (i === method.length) return method
  }
  return bytes.toString('latin1', at, to)
}

function startsWith(bytes: Buffer, at: number, to: number, what: Buffer): boolean {
  const end = Math.min(to - at, what.length)
  for (let i = 0; i < end; i++) if (bytes[at + i] !== what[i]) return false
  return end > 0
}

/** Case-insensitive; `name` is lower case and as long as what stands at `at`. */
function isName(bytes: Buffer, at: number, name: Buffer): boolean {
  for (let i = 0; i < name.length; i++) {
    const byte = bytes[at + i] as number
    const lower = byte >= 65 && byte <= 90 ? byte | 0x20 : byte
    if (lower !== name[i]) return false
  }
  return true
}

function indexOfLf(bytes: Buffer, at: number, to: number): number {
  for (let i = at; i < to; i++) if (bytes[i] === LF) return i
  return -1
}

function isDigit(byte: number): boolean {
  return byte >= 48 && byte <= 57
}

/** Letters, `-` and `_`: all methods of the IANA registry, and no binary protocol's beginning. */
function isMethodByte(byte: number): boolean {
  return (byte >= 65 && byte <= 90) || (byte >= 97 && byte <= 122) || byte === 45 || byte === 95
}

function isBlank(byte: number): boolean {
  return byte === SP || byte === TAB
}

function isSpace(byte: number): boolean {
  return byte === SP || byte === TAB || byte === CR || byte === LF
}
