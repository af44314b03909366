/**
 * A name for a look-up over UDP that both ends give it without talking, as `flow_id` is one for a
 * connection: a hash of what both see alike, be there a Service's address between them or not.
 *
 *     client's address and port, id, question as it was sent, and when: one of every 275 s
 *
 * Id and port are random, 32 bits together, so two look-ups share a name only if a client asks the
 * same question from the same port under the same id within that time. Two ends that see a query
 * at either side of the boundary have two names for it, and are not joined: one in 10^5 where
 * clocks differ by a millisecond or two. Behind a masquerade the client's end is another, too.
 */
import type { Piece } from '../piece.ts'
import type { DnsMessage } from './message.ts'

const PERIOD_NS = 2 ** 38

interface Client {
  readonly srcAddress: Uint8Array
  readonly srcPort: number
}

export function lookupId(
  { id, questionAt, questionEnd }: DnsMessage,
  { bytes }: Piece,
  { client, unixNs }: { client: Client; unixNs: number },
): { lo: number; hi: number } {
  const period = Math.floor(unixNs / PERIOD_NS)
  const ends = Math.imul(client.srcPort, 0x10000) | id
  let lo = round(round(0x9747b28c, ends), period)
  let hi = round(round(0x2545f491, period), ends)
  for (const byte of client.srcAddress) {
    lo = Math.imul(lo ^ byte, 0x01000193)
    hi = Math.imul(hi ^ byte, 0x85ebca6b) + 1
  }
  for (let at = questionAt; at < questionEnd; at++) {
    const byte = bytes[at] as number
    lo = Math.imul(lo ^ byte, 0x01000193)
    hi = Math.imul(hi ^ byte, 0x85ebca6b) + 1
  }
  return { lo: finish(lo) || 1, hi: finish(hi) }
}

/** MurmurHash3 takes words and ends so; bytes are taken as FNV-1a does. */
function round(hash: number, word: number): number {
  const h = hash ^ Math.imul(rotate(Math.imul(word, 0xcc9e2d51), 15), 0x1b873593)
  return (Math.imul(rotate(h, 13), 5) + 0xe6546b64) | 0
}

function rotate(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by))
}

function finish(hash: number): number {
  let h = hash
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}
