/**
 * Finds PostgreSQL in the midst of what is spoken, by what an end sends at once: messages that fill
 * it to its last byte, the last of which makes the other end answer, or ends the answer.
 *
 *     client   Parse Bind Describe Execute Sync │ Query
 *     server   RowDescription DataRow … CommandComplete ReadyForQuery
 */
import type { Run, Verdict } from '../parser.ts'
import { bodyBytes, HEADER_BYTES } from './messages.ts'

/** Longer ones are not believed where nothing else tells. */
const BODY_BYTES_MAX = 1 << 20
/** Headers, each where the one before says, that no other protocol has by chance. */
const HEADERS_MIN = 4
const READY_BYTES = 6

/** Whether a piece is nothing but whole messages of a client, the last of which is answered. */
export function isWholeRequest(run: Run): boolean {
  return ofClient(run) === 'yes'
}

/** `more`: up to here it may be such messages. */
export function ofClient({ bytes, at: from, to, end }: Run): Verdict {
  let last = ''
  let at = from
  while (at < end) {
    const length = messageBytes({ bytes, at, to, end }, true)
    if (typeof length === 'string') return length
    last = String.fromCharCode(bytes[at] as number)
    at += length
  }
  if (at > end || (last !== 'S' && last !== 'Q')) return 'more'
  const isTextEnded = last === 'S' || end > to || bytes[end - 1] === 0
  return isTextEnded ? 'yes' : 'no'
}

/** The same of a server. */
export function ofServer({ bytes, at: from, to, end }: Run): Verdict {
  let at = from
  for (let headers = 1; at < end; headers++) {
    const length = messageBytes({ bytes, at, to, end }, false)
    if (typeof length === 'string') return length
    if (headers === HEADERS_MIN) return 'yes'
    at += length
  }
  return at === end && end <= to && endsReady(bytes, { from, to: end }) ? 'yes' : 'more'
}

/** Whether the last bytes are a whole ReadyForQuery: `Z`, 5, and I, T or E. */
export function endsReady(bytes: Buffer, { from, to }: { from: number; to: number }): boolean {
  const at = to - READY_BYTES
  if (at < from || bytes[at] !== 0x5a || bytes.readInt32BE(at + 1) !== 5) return false
  return /[ITE]/.test(String.fromCharCode(bytes[at + 5] as number))
}

/** Of the message at `at`, with its header; else whether its header can still be one. */
function messageBytes({ bytes, at, to, end }: Run, isClient: boolean): number | 'no' | 'more' {
  if (at + HEADER_BYTES > to) return to < end ? 'no' : 'more'
  const length = bodyBytes(bytes, isClient, at)
  return length < 0 || length > BODY_BYTES_MAX ? 'no' : HEADER_BYTES + length
}
