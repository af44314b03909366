/** Whether bytes begin like a message of HTTP/1.x: where framing was lost, or never known. */
import { CR, indexOfLf, isDigit, SP, viewOf } from '../bytes.ts'
import { isMethodByte, METHOD_BYTES_MAX, METHODS } from './head_reader.ts'

const HTTP1 = Buffer.from('HTTP/1.')
/** `PRI * HTTP/2.0` and a TLS handshake record: what follows is never HTTP/1. */
const HTTP2_PREFACE = Buffer.from('PRI * HTTP/2')
const TLS_HANDSHAKE = 0x16
const TLS_MAJOR = 3

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
  const lf = indexOfLf(viewOf(bytes), i, to)
  return lf < 0 || versionAt(bytes, lf) >= 0
}

/** Whether `[at, to)` begins with a method of RFC 9110 or 5789 and a blank. */
export function hasKnownMethod(bytes: Buffer, at: number, to: number): boolean {
  for (const method of METHODS) {
    const end = at + method.length
    if (end >= to || bytes[end] !== SP) continue
    let i = 0
    while (i < method.length && bytes[at + i] === method.charCodeAt(i)) i++
    if (i === method.length) return true
  }
  return false
}

/**
 * As beginsMessage(), beyond doubt: a whole request line, or as much of a status line as `HTTP/1.`.
 */
export function isMessageStart(bytes: Buffer, at: number, to: number, request: boolean): boolean {
  const whole = request ? indexOfLf(viewOf(bytes), at, to) >= 0 : to - at >= HTTP1.length
  return whole && beginsMessage(bytes, at, to, request)
}

/** Whether `[at, to)` begins with a request line that no other protocol has. */
export function isRequestStart(bytes: Buffer, at: number, to: number): boolean {
  return hasKnownMethod(bytes, at, to) && isMessageStart(bytes, at, to, true)
}

/** Whether `[at, to)` begins like a protocol that is never left for HTTP/1. */
export function isOtherProtocol(bytes: Buffer, at: number, to: number): boolean {
  if (bytes[at] === TLS_HANDSHAKE) return at + 1 < to && bytes[at + 1] === TLS_MAJOR
  const end = at + HTTP2_PREFACE.length
  return end <= to && HTTP2_PREFACE.equals(bytes.subarray(at, end))
}

/** Where `HTTP/1.x` begins at the end of a line, its space before it checked; -1: nowhere. */
function versionAt(bytes: Buffer, lf: number): number {
  const end = bytes[lf - 1] === CR ? lf - 1 : lf
  const at = end - 8
  if (at < 1 || bytes[at - 1] !== SP || !startsWith(bytes, at, end, HTTP1)) return -1
  return isDigit(bytes[end - 1] as number) ? at - 1 : -1
}

function startsWith(bytes: Buffer, at: number, to: number, what: Buffer): boolean {
  const end = Math.min(to - at, what.length)
  for (let i = 0; i < end; i++) if (bytes[at + i] !== what[i]) return false
  return end > 0
}
