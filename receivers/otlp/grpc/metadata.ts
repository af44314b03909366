/** The texts in gRPC's headers and trailers (grpc PROTOCOL-HTTP2.md). */
import type { OutgoingHttpHeaders } from 'node:http2'
import { encodeStatus, type Status } from '../status.ts'

const UNIT_MS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
}

/** Milliseconds of a `grpc-timeout`; undefined when it is malformed. */
export function parseTimeout(text: string): number | undefined {
  const [, amount, unit] = /^(\d{1,8})([HMSmun])$/.exec(text) ?? []
  return amount === undefined ? undefined : Number(amount) * (UNIT_MS[unit as string] as number)
}

/** A `grpc-message`: what is not printable ASCII, and the percent sign, as %XX of its UTF-8. */
export function percentEncode(text: string): string {
  if (/^[\x20-\x24\x26-\x7e]*$/.test(text)) return text
  let out = ''
  for (const byte of Buffer.from(text)) {
    const isPlain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25
    out += isPlain ? String.fromCharCode(byte) : `%${hex(byte)}`
  }
  return out
}

function hex(byte: number): string {
  return byte.toString(16).toUpperCase().padStart(2, '0')
}

/** The trailers that a status is sent in; the details only where they say more than the code. */
export function statusTrailers(status: Status): OutgoingHttpHeaders {
  return {
    'grpc-status': String(status.code),
    ...(status.message !== '' && { 'grpc-message': percentEncode(status.message) }),
    ...(status.afterMs !== undefined && {
      'grpc-status-details-bin': Buffer.from(encodeStatus(status)).toString('base64'),
    }),
  }
}
