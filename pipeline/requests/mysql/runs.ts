/**
 * Finds MySQL in the midst of what is spoken, by what an end sends at once: packets that fill it to
 * its last byte, numbered from 0 by a client, from 1 by a server. What a client sends so could be
 * another protocol's with a length and a 0 before its messages, so the answer tells.
 */
import type { Run, Verdict } from '../parser.ts'
import { COMMANDS } from './commands.ts'
import { EOF, ERR, HEADER_BYTES, OK, Reader } from './packets.ts'

/** Packets in order, each where the one before says, that no other protocol has by chance. */
const PACKETS_MIN = 3
/** How the definition of a column begins, always. */
const CATALOG = Buffer.from('\x03def')
const EOF_BYTES = 5
/** Codes of a server's errors. */
const ERROR_MIN = 1000
const STATES_MARK = 0x23

/** Whether a piece is nothing but whole messages of a client, which begin exchanges or say so. */
export function isWholeRequest(run: Run): boolean {
  const { bytes, to, end } = run
  let { at } = run
  while (at + HEADER_BYTES + 1 <= to) {
    const length = bytes.readUIntLE(at, 3)
    const known = COMMANDS.has(bytes[at + HEADER_BYTES] as number)
    if (length === 0 || bytes[at + 3] !== 0 || !known) return false
    at += HEADER_BYTES + length
    if (at === end) return true
  }
  return false
}

/** Whether a piece is the header of a message alone: MariaDB's server reads it by itself. */
export function isHeader({ bytes, at, to, end }: Run): boolean {
  if (end - at !== HEADER_BYTES || to < end) return false
  return bytes.readUIntLE(at, 3) > 0 && bytes[at + 3] === 0
}

/** Whether a server's first bytes are answers: each begins with packet 1. */
export function ofServer({ bytes, at: from, to, end }: Run): Verdict {
  let sequence = 0
  let at = from
  for (let packets = 1; at < end; packets++) {
    const body = at + HEADER_BYTES
    if (body > to) return to < end ? 'no' : 'more'
    const length = bytes.readUIntLE(at, 3)
    const isNext = bytes[at + 3] === sequence + 1
    if (length === 0 || !(isNext || (packets > 1 && bytes[at + 3] === 1))) return 'no'
    if (packets === PACKETS_MIN || isDefinition(bytes, body, to)) return 'yes'
    sequence = bytes[at + 3] as number
    at = body + length
    if (at === end && end <= to && isOutcome(bytes.subarray(body, end))) return 'yes'
  }
  return 'more'
}

function isDefinition(bytes: Buffer, at: number, to: number): boolean {
  return at + CATALOG.length <= to && CATALOG.equals(bytes.subarray(at, at + CATALOG.length))
}

/** `0:u8 rows:lenenc id:lenenc status:u16 warnings:u16 …`, `255:u8 code:u16 '#' …`, or an EOF. */
function isOutcome(body: Buffer): boolean {
  if (body[0] === ERR) return body[3] === STATES_MARK && body.readUInt16LE(1) >= ERROR_MIN
  if (body[0] === EOF) return body.length === EOF_BYTES
  if (body[0] !== OK) return false
  const reader = new Reader(body, 1)
  reader.lenenc()
  reader.lenenc()
  const status = reader.int(2)
  reader.skip(2)
  return !reader.isShort && status < 0x8000
}
