/**
 * What packets of MySQL's protocol are made of, version 10, and MariaDB's additions
 * (https://dev.mysql.com/doc/dev/mysql-server/latest/PAGE_PROTOCOL.html,
 * https://mariadb.com/kb/en/clientserver-protocol/):
 *
 *     packet  ::= length:u24 sequence:u8 payload{length}        little-endian, all of it
 *     message ::= packet{length = 2^24 - 1}* packet
 *     lenenc  ::= u8 < 251 | 252 u16 | 253 u24 | 254 u64
 */
export const HEADER_BYTES = 4
/** A packet of this length goes on in the next one. */
export const PACKET_BYTES_MAX = 0xffffff

/** The first byte of an answer. */
export const OK = 0x00
export const LOCAL_INFILE = 0xfb
export const EOF = 0xfe
export const ERR = 0xff

/** Flags of a capability exchange. */
export const CLIENT_MYSQL = 1
const CLIENT_CONNECT_WITH_DB = 1 << 3
export const CLIENT_COMPRESS = 1 << 5
export const CLIENT_PROTOCOL_41 = 1 << 9
export const CLIENT_SSL = 1 << 11
const CLIENT_SECURE_CONNECTION = 1 << 15
const CLIENT_PLUGIN_AUTH_LENENC = 1 << 21
export const CLIENT_SESSION_TRACK = 1 << 23
export const CLIENT_DEPRECATE_EOF = 1 << 24
export const CLIENT_OPTIONAL_METADATA = 1 << 25
export const CLIENT_ZSTD = 1 << 26
export const CLIENT_QUERY_ATTRIBUTES = 1 << 27
/** Of MariaDB's flags, which stand in 32 bits of their own. */
export const MARIADB_CACHE_METADATA = 1 << 4

/** Flags of a status. */
export const MORE_RESULTS = 0x0008
export const CURSOR_EXISTS = 0x0040
const SESSION_STATE_CHANGED = 0x4000
const TRACKED_SCHEMA = 1

const DATABASE_CHARS_MAX = 64

/** Reads a payload from its beginning; behind its end there are zeros, and `isShort` is set. */
export class Reader {
  at = 0
  isShort = false
  readonly #bytes: Buffer

  constructor(bytes: Buffer, at = 0) {
    this.#bytes = bytes
    this.at = at
  }

  get isAtEnd(): boolean {
    return this.at >= this.#bytes.length
  }

  int(bytes: 1 | 2 | 3 | 4): number {
    const from = this.skip(bytes)
    return this.isShort ? 0 : this.#bytes.readUIntLE(from, bytes)
  }

  lenenc(): number {
    const first = this.int(1)
    if (first < 251) return first
    if (first === 252) return this.int(2)
    if (first === 253) return this.int(3)
    return this.int(4) + this.int(4) * 2 ** 32
  }

  /** Goes behind so many bytes; gives where they began. */
  skip(bytes: number): number {
    const from = this.at
    this.at += bytes
    if (this.at > this.#bytes.length) {
      this.isShort = true
      this.at = this.#bytes.length
    }
    return from
  }

  /** The next bytes as text. */
  text(bytes: number): string {
    const from = this.skip(bytes)
    return this.#bytes.toString('utf8', from, this.at)
  }

  /** Up to a NUL, or the end. */
  string(): string {
    const nul = this.#bytes.indexOf(0, this.at)
    const text = this.text((nul < 0 ? this.#bytes.length : nul) - this.at)
    if (nul >= 0) this.at = nul + 1
    else this.isShort = true
    return text
  }
}

/** What both ends can; `undefined` as long as it is not known. */
export interface Capabilities {
  readonly flags: number
  readonly mariadb: number
}

/**
 * The capabilities of a server's greeting:
 *
 *     10:u8 version NUL thread:u32 scramble{8} 0:u8 low:u16
 *     (charset:u8 status:u16 high:u16 scrambleLength:u8 0{6} mariadb:u32 …)?
 */
export function greetingOf(body: Buffer): Capabilities {
  const reader = new Reader(body, 1)
  reader.string()
  reader.skip(13)
  const low = reader.int(2)
  reader.skip(3)
  const high = reader.int(2)
  reader.skip(7)
  const mariadb = reader.int(4)
  const flags = low | (high << 16)
  return { flags, mariadb: (flags & CLIENT_MYSQL) === 0 ? mariadb : 0 }
}

export interface Login extends Capabilities {
  readonly database: string
}

/**
 * A client's answer to the greeting; a request for encryption ends behind the zeros:
 *
 *     flags:u32 packetBytesMax:u32 charset:u8 0{19} mariadb:u32 user NUL password database? …
 */
export function loginOf(body: Buffer): Login {
  const reader = new Reader(body)
  const flags = reader.int(4)
  reader.skip(24)
  const extended = reader.int(4)
  const mariadb = (flags & CLIENT_MYSQL) === 0 ? extended : 0
  reader.string()
  if ((flags & CLIENT_PLUGIN_AUTH_LENENC) !== 0) reader.skip(reader.lenenc())
  else if ((flags & CLIENT_SECURE_CONNECTION) !== 0) reader.skip(reader.int(1))
  else reader.string()
  const named = (flags & CLIENT_CONNECT_WITH_DB) !== 0
  return { flags, mariadb, database: named ? databaseIn(reader) : '' }
}

/** COM_CHANGE_USER: `user NUL passwordLength:u8 password database NUL …`. */
export function changedDatabaseOf(body: Buffer): string {
  const reader = new Reader(body)
  reader.string()
  reader.skip(reader.int(1))
  return databaseIn(reader)
}

function databaseIn(reader: Reader): string {
  const name = reader.string()
  return reader.isShort ? '' : name.slice(0, DATABASE_CHARS_MAX)
}

/** CR_UNKNOWN_ERROR: what a client says of an error that it cannot read. */
const UNKNOWN_ERROR = 2000

/** `0xff code:u16 …`. */
export function errorCodeOf(body: Buffer): number {
  return body.length < 3 ? UNKNOWN_ERROR : body.readUInt16LE(1) || UNKNOWN_ERROR
}

export interface Outcome {
  readonly status: number
  /** The database that was changed to, where the server says so. */
  readonly database: string | undefined
}

/**
 *     OK  ::= 0:u8 rows:lenenc id:lenenc status:u16 warnings:u16 (info:text (type:u8 data:text)*)?
 *     EOF ::= 254:u8 warnings:u16 status:u16                       an OK with 254 took its place
 */
export function outcomeOf(body: Buffer, isTracked: boolean): Outcome {
  if (body[0] === EOF && body.length === 5) {
    return { status: body.readUInt16LE(3), database: undefined }
  }
  const reader = new Reader(body, 1)
  reader.lenenc()
  reader.lenenc()
  const status = reader.int(2)
  reader.skip(2)
  if (!isTracked || (status & SESSION_STATE_CHANGED) === 0) return { status, database: undefined }
  reader.skip(reader.lenenc())
  reader.lenenc()
  while (!reader.isAtEnd) {
    const type = reader.int(1)
    const length = reader.lenenc()
    if (type !== TRACKED_SCHEMA) reader.skip(length)
    else {
      const database = reader.text(reader.lenenc()).slice(0, DATABASE_CHARS_MAX)
      return { status, database: reader.isShort ? undefined : database }
    }
  }
  return { status, database: undefined }
}
