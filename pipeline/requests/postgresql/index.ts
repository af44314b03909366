import type { FirstBytes, Protocol, Verdict } from '../parser.ts'
import {
  CANCEL_REQUEST,
  GSS_REQUEST,
  isStartupVersion,
  SSL_REQUEST,
  STARTUP_BYTES_MAX,
  STARTUP_HEADER_BYTES,
} from './messages.ts'
import { PostgresqlParser } from './postgresql_parser.ts'
import { ofClient, ofServer } from './runs.ts'

const REQUESTS = [CANCEL_REQUEST, SSL_REQUEST, GSS_REQUEST]

/** PostgreSQL, and what speaks its protocol: a startup with a version beyond doubt comes first. */
export const postgresql: Protocol = {
  name: 'postgresql',
  detect(first: FirstBytes): Verdict {
    // No other message begins with 0.
    if (first.fromClient && first.bytes[first.at] === 0) return isStartup(first)
    const verdict = first.fromClient ? ofClient(first) : ofServer(first)
    return verdict === 'yes' ? 'older' : verdict
  },
  open: (exchanges, shared, opening) => new PostgresqlParser(exchanges, shared, opening),
  resume: (exchanges, { shared, remembered }) =>
    new PostgresqlParser(exchanges, shared, { isOlder: true, remembered }),
}

function isStartup({ bytes, at, to }: FirstBytes): Verdict {
  if (to - at < STARTUP_HEADER_BYTES) {
    // Lengths are below 2^16, so two zeros come first.
    const begins = bytes.subarray(at, Math.min(to, at + 2)).every((byte) => byte === 0)
    return begins ? 'more' : 'no'
  }
  const length = bytes.readInt32BE(at)
  const version = bytes.readInt32BE(at + 4)
  if (length < STARTUP_HEADER_BYTES || length > STARTUP_BYTES_MAX) return 'no'
  if (!isStartupVersion(version)) return REQUESTS.includes(version) ? 'yes' : 'no'
  // Kafka's Metadata reads alike so far; its number follows, where the name of a parameter stands.
  const nameAt = at + STARTUP_HEADER_BYTES
  if (nameAt === to) return 'more'
  return bytes[nameAt] !== 0 || length === STARTUP_HEADER_BYTES + 1 ? 'yes' : 'no'
}
