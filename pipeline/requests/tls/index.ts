import type { FirstBytes, Protocol, Verdict } from '../parser.ts'
import {
  CLIENT_HELLO,
  FRAGMENT_BYTES_MAX,
  RECORD,
  RECORD_HEADER_BYTES,
  SERVER_HELLO,
} from './hello_reader.ts'
import { TlsParser } from './tls_parser.ts'

/** What begins with a hello: only that is read. */
export const tls: Protocol = {
  name: 'tls',
  detect: ({ bytes, at, to, fromClient }: FirstBytes): Verdict =>
    beginsTls(bytes.subarray(at, to), fromClient),
  open: (exchanges, shared) => new TlsParser(exchanges, shared),
}

/** A record of a handshake, and in it a hello. */
export function beginsTls(bytes: Buffer, fromClient: boolean): Verdict {
  if (bytes.length > 0 && bytes[0] !== RECORD.handshake) return 'no'
  if (bytes.length > 1 && bytes[1] !== 3) return 'no'
  if (bytes.length > 2 && (bytes[2] as number) > 4) return 'no'
  if (bytes.length > RECORD_HEADER_BYTES - 1) {
    const length = bytes.readUInt16BE(3)
    if (length === 0 || length > FRAGMENT_BYTES_MAX) return 'no'
  }
  if (bytes.length <= RECORD_HEADER_BYTES) return 'more'
  return bytes[RECORD_HEADER_BYTES] === (fromClient ? CLIENT_HELLO : SERVER_HELLO) ? 'yes' : 'no'
}
