import type { FirstBytes, Protocol, Verdict } from '../parser.ts'
import { DnsParser } from './dns_parser.ts'
import { DnsMessage, HEADER_BYTES } from './message.ts'
import { DNS_PORT } from './ports.ts'

const LENGTH_BYTES = 2

const message = new DnsMessage()

/** Over TCP; over UDP: dns_datagrams.ts. Beyond doubt is what is a query to its last byte. */
export const dns: Protocol = {
  name: 'dns',
  detect({ bytes, at, to, fromClient, port }: FirstBytes): Verdict {
    if (to - at < LENGTH_BYTES + HEADER_BYTES)
      return port === DNS_PORT ? 'more' : begins(bytes, at, to)
    const length = bytes.readUInt16BE(at)
    if (length < HEADER_BYTES) return 'no'
    const captured = Math.min(length, to - at - LENGTH_BYTES)
    const isWhole = captured === length
    if (!message.read(bytes, { at: at + LENGTH_BYTES, captured, length })) return 'no'
    if (message.isResponse === fromClient) return 'no'
    if (port === DNS_PORT) return 'yes'
    if (!isWhole) return 'more'
    return message.isExact && message.hasQuestion ? 'yes' : 'no'
  },
  open: (exchanges, shared) => new DnsParser(exchanges, shared),
}

/** Whether so few bytes may begin a message: no query is longer than a datagram may be (512). */
function begins(bytes: Buffer, at: number, to: number): Verdict {
  return to > at && (bytes[at] as number) > 1 ? 'no' : 'more'
}
