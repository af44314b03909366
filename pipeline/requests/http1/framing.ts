/** How long a message's body is, by RFC 9112 §6.3, whose cases are named by their numbers. */
import { BAD_LENGTH, type Head, NO_LENGTH } from './head.ts'

export const BODY = {
  none: 0,
  /** `head.contentLength` bytes. */
  length: 1,
  chunked: 2,
  /** To the end of the connection. */
  untilClose: 3,
  /** No more messages in this direction: upgraded, or a tunnel. */
  tunnel: 4,
  /** Not known: to what begins like the next message. */
  unknown: 5,
} as const
export type Body = (typeof BODY)[keyof typeof BODY]

export function requestBody(head: Head): Body {
  // (4) A request whose last coding is not chunked has no end; (3) chunked goes before a length.
  if (head.transferCoded) return head.chunked ? BODY.chunked : BODY.unknown
  if (head.contentLength === BAD_LENGTH) return BODY.unknown // (5)
  if (head.contentLength !== NO_LENGTH) return BODY.length // (6)
  return BODY.none // (7)
}

/** @param method of the request that this is the response to */
export function responseBody(head: Head, method: string): Body {
  const { status } = head
  if (status === 101) return BODY.tunnel
  if (method === 'HEAD' || status < 200 || status === 204 || status === 304) return BODY.none // (1)
  if (method === 'CONNECT' && status < 300) return BODY.tunnel // (2)
  if (head.transferCoded) return head.chunked ? BODY.chunked : BODY.untilClose // (3), (4)
  if (head.contentLength === BAD_LENGTH) return BODY.untilClose // (5)
  if (head.contentLength !== NO_LENGTH) return BODY.length // (6)
  return BODY.untilClose // (8)
}
