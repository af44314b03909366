import type { FirstBytes, Protocol, Verdict } from '../parser.ts'
import { FLAG, FRAME, FRAME_HEADER_BYTES, FrameHeader } from './frame_types.ts'
import { Http2Parser } from './http2_parser.ts'

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'

const header = new FrameHeader()

/** HTTP/2 without TLS, and gRPC in it. */
export const http2: Protocol = {
  name: 'http2',
  detect(first: FirstBytes): Verdict {
    const { bytes, at, to, fromClient } = first
    if (!fromClient) return framesOf(first)
    const text = bytes.toString('latin1', at, Math.min(to, at + PREFACE.length))
    if (text === PREFACE) return 'yes'
    return PREFACE.startsWith(text) ? 'more' : framesOf(first)
  },
  open: (exchanges, shared) => new Http2Parser(exchanges, shared),
  resume(exchanges, { shared, remembered }) {
    const parser = new Http2Parser(exchanges, shared)
    parser.resume(remembered)
    return parser
  },
}

/**
 * A server begins with SETTINGS. A connection that is older than what is seen of it is known by
 * frames up to a header block that begins with a pseudo-header field, and the frame behind that.
 */
function framesOf({ bytes, at: from, to, fromClient }: FirstBytes): Verdict {
  let at = from
  let isKnown = false
  while (at + FRAME_HEADER_BYTES <= to) {
    header.read(bytes, at)
    const { type, length } = header
    if (!header.isUsual || bytes[at] !== 0) return 'no'
    if (type === FRAME.continuation || (type === FRAME.pushPromise && fromClient)) return 'no'
    if (isKnown) return 'yes'
    const body = at + FRAME_HEADER_BYTES
    at = body + length
    const isFirst = body - FRAME_HEADER_BYTES === from
    if (type === FRAME.settings && isFirst && !fromClient && length > 0) return 'yes'
    isKnown = type === FRAME.headers && at <= to && beginsBlock(bytes, body, fromClient)
  }
  if (isKnown && at === to) return 'yes'
  return at < to && bytes[at] !== 0 ? 'no' : 'more'
}

/** With an indexed pseudo-header field of the static table: RFC 7541 appendix A. */
function beginsBlock(bytes: Buffer, body: number, fromClient: boolean): boolean {
  if (!header.has(FLAG.endHeaders)) return false
  const at = body + (header.has(FLAG.padded) ? 1 : 0) + (header.has(FLAG.priority) ? 5 : 0)
  const first = bytes[at] as number
  return fromClient ? first >= 0x82 && first <= 0x87 : first >= 0x88 && first <= 0x8e
}
