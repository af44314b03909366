import type { FirstBytes, Protocol, Verdict } from '../parser.ts'
import { MysqlParser } from './mysql_parser.ts'
import { CLIENT_PROTOCOL_41, HEADER_BYTES } from './packets.ts'
import { isWholeRequest, ofServer } from './runs.ts'

const PROTOCOL_VERSION = 10
const VERSION_CHARS_MAX = 64
/** Of a client's first packet, up to the zeros' end. */
const LOGIN_BYTES = 32
const LOGIN_ZEROS_AT = 9
const LOGIN_ZEROS = 19

/** MySQL, MariaDB, and what speaks their protocol: the server begins. */
export const mysql: Protocol = {
  name: 'mysql',
  detect(first: FirstBytes): Verdict {
    const { bytes, at, to, fromClient } = first
    const known = bytes.subarray(at, to)
    const begins = fromClient ? isLogin(known) : isGreeting(known)
    if (begins !== 'no') return begins
    if (fromClient) return isWholeRequest(first) ? 'more' : 'no'
    const verdict = ofServer(first)
    return verdict === 'yes' ? 'older' : verdict
  },
  open: (exchanges, shared, opening) => new MysqlParser(exchanges, shared, opening),
  resume: (exchanges, { shared, remembered }) =>
    new MysqlParser(exchanges, shared, { isOlder: true, remembered }),
}

/** `length:u24 0:u8 10:u8 version NUL thread:u32 scramble{8} 0:u8`. */
function isGreeting(known: Buffer): Verdict {
  if (!fits(known, HEADER_BYTES - 1, 0) || !fits(known, HEADER_BYTES, PROTOCOL_VERSION)) return 'no'
  if (!fits(known, 2, 0)) return 'no'
  const versionAt = HEADER_BYTES + 1
  for (let at = versionAt; at < known.length; at++) {
    const byte = known[at] as number
    if (byte === 0) {
      const zeroAt = at + 13
      if (at === versionAt || known.readUIntLE(0, 3) < zeroAt - HEADER_BYTES) return 'no'
      if (known.length <= zeroAt) return 'more'
      return known[zeroAt] === 0 ? 'yes' : 'no'
    }
    if (byte < 0x20 || byte > 0x7e || at - versionAt >= VERSION_CHARS_MAX) return 'no'
  }
  return 'more'
}

/** `length:u24 1:u8 flags:u32 packetBytesMax:u32 charset:u8 0{19}`. */
function isLogin(known: Buffer): Verdict {
  if (!fits(known, 2, 0) || !fits(known, HEADER_BYTES - 1, 1)) return 'no'
  if (known.length < HEADER_BYTES + LOGIN_BYTES) {
    const zeros = known.subarray(HEADER_BYTES + LOGIN_ZEROS_AT).subarray(0, LOGIN_ZEROS)
    return zeros.every((byte) => byte === 0) ? 'more' : 'no'
  }
  if (known.readUIntLE(0, 3) < LOGIN_BYTES) return 'no'
  if ((known.readUInt32LE(HEADER_BYTES) & CLIENT_PROTOCOL_41) === 0) return 'no'
  const zeros = known.subarray(HEADER_BYTES + LOGIN_ZEROS_AT).subarray(0, LOGIN_ZEROS)
  return zeros.every((byte) => byte === 0) ? 'yes' : 'no'
}

/** Whether the byte there is that one, or may be. */
function fits(known: Buffer, at: number, byte: number): boolean {
  return known.length <= at || known[at] === byte
}
