/**
 * PostgreSQL's messages, version 3 of the protocol
 * (https://www.postgresql.org/docs/current/protocol-message-formats.html):
 *
 *     startup ::= length:i32 version:i32 (name NUL value NUL)* NUL     the first of a client
 *     message ::= type:u8 length:i32 body{length - 4}
 *
 * A request for encryption is a startup with a version of its own; one byte answers it.
 */
export const STARTUP_VERSION = 196_608 // 3.0; 3.2 is 196610
export const CANCEL_REQUEST = 80_877_102
export const SSL_REQUEST = 80_877_103
export const GSS_REQUEST = 80_877_104

export const STARTUP_HEADER_BYTES = 8
export const HEADER_BYTES = 5
/** pg_hba.conf and libpq allow no longer ones (MAX_STARTUP_PACKET_LENGTH). */
export const STARTUP_BYTES_MAX = 10_000
/** PQ_LARGE_MESSAGE_LIMIT: 1 GiB less one. */
const MESSAGE_BYTES_MAX = 0x3fffffff

const CLIENT_TYPES = 'QPBDECSHFXpdcf'
const SERVER_TYPES = 'RKSZTDCEINAnst123VvGHWdc'

export function isStartupVersion(version: number): boolean {
  return version >= STARTUP_VERSION && version < STARTUP_VERSION + 16
}

/** Bytes of the body, or -1 for what is no header: `type:u8 length:i32` at `at`. */
export function bodyBytes(header: Buffer, isClient: boolean, at = 0): number {
  const type = String.fromCharCode(header[at] as number)
  if (!(isClient ? CLIENT_TYPES : SERVER_TYPES).includes(type)) return -1
  const length = header.readInt32BE(at + 1)
  return length >= 4 && length <= MESSAGE_BYTES_MAX ? length - 4 : -1
}

/** The text from `at` up to a NUL, or to the end of what is known. */
export function cString(body: Buffer, at = 0): string {
  const nul = body.indexOf(0, at)
  return body.toString('utf8', Math.min(at, body.length), nul < 0 ? body.length : nul)
}

/** Behind the NUL that ends the text at `at`. */
export function behindString(body: Buffer, at: number): number {
  const nul = body.indexOf(0, at)
  return nul < 0 ? body.length : nul + 1
}

/** SQLSTATE of an ErrorResponse: `(field:u8 text NUL)* NUL`, field C. */
export function sqlState(body: Buffer): string {
  for (let at = 0; at < body.length && body[at] !== 0; at = behindString(body, at + 1)) {
    if (body[at] === 0x43) return cString(body, at + 1).slice(0, 5)
  }
  return ''
}

/** The database of a startup: its parameter, or the user's name, as the server has it. */
export function databaseOf(body: Buffer): string {
  let user = ''
  for (let at = 0; at < body.length && body[at] !== 0; ) {
    const name = cString(body, at)
    const valueAt = behindString(body, at)
    const value = cString(body, valueAt)
    if (name === 'database') return value
    if (name === 'user') user = value
    at = behindString(body, valueAt)
  }
  return user
}
