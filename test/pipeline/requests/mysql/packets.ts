/** Packets of MySQL's protocol, as servers and clients write them. */
import { client, type Said, server } from '../talk.ts'

export const PORT = 3306
export const DEPRECATE_EOF = 1 << 24
export const SESSION_TRACK = 1 << 23
export const QUERY_ATTRIBUTES = 1 << 27
export const OPTIONAL_METADATA = 1 << 25
/** MariaDB's, in the bits behind the 32 of MySQL. */
export const CACHE_METADATA = 1 << 4
export const COMPRESS = 1 << 5
export const SSL = 1 << 11
const USUAL = 1 | (1 << 3) | (1 << 9) | (1 << 15)
/** SERVER_MORE_RESULTS_EXISTS and SERVER_STATUS_CURSOR_EXISTS. */
export const MORE = 0x08
export const CURSOR = 0x40

export type Part = string | number | readonly number[] | Buffer

export function bytes(...parts: readonly Part[]): Buffer {
  return Buffer.concat(
    parts.map((part) => {
      if (typeof part === 'string') return Buffer.from(part)
      return Buffer.from(typeof part === 'number' ? [part] : part)
    }),
  )
}

export function u16(value: number): number[] {
  return [value & 0xff, value >> 8]
}

export function u32(value: number): number[] {
  return [...u16(value & 0xffff), ...u16((value >>> 16) & 0xffff)]
}

export function packet(sequence: number, ...parts: readonly Part[]): Buffer {
  const body = bytes(...parts)
  return bytes(u16(body.length & 0xffff), body.length >> 16, sequence & 0xff, body)
}

/** Packets of one answer, numbered from `first` on. */
export function answer(bodies: readonly Buffer[], first = 1): Said {
  return server(Buffer.concat(bodies.map((body, i) => packet(first + i, body))))
}

export function command(code: number, ...parts: readonly Part[]): Said {
  return client(packet(0, code, ...parts))
}

export function query(text: string): Said {
  return command(3, text)
}

export function greeting(flags: number): Buffer {
  const all = (flags | USUAL) >>> 0
  const head = bytes(10, '10.11.6-MariaDB\0', u32(7), '12345678', 0, u16(all & 0xffff), 45)
  const tail = bytes(u16(2), u16(all >>> 16), 21, Buffer.alloc(10), '123456789012\0')
  return packet(0, head, tail)
}

export function login(flags = 0, { sequence = 1, database = 'shop' } = {}): Said {
  const head = bytes(u32(flags | USUAL), u32(1 << 24), 45, Buffer.alloc(23))
  return client(packet(sequence, head, 'bob\0', 4, 'pass', `${database}\0`))
}

export function ok(status = 2): Buffer {
  return bytes(0, 0, 0, u16(status), u16(0))
}

/** As it stands at the end of rows: EOF, or the OK in its place. */
export function end(flags: number, status = 2): Buffer {
  const isDeprecated = (flags & DEPRECATE_EOF) !== 0
  return isDeprecated ? bytes(254, 0, 0, u16(status), u16(0)) : bytes(254, u16(0), u16(status))
}

export function error(code: number): Buffer {
  return bytes(255, u16(code), '#42S02', 'is not there')
}

export const DEFINITION = bytes(3, 'def', 4, 'shop', 1, 't', 1, 't', 1, 'a', 1, 'a', 12, [63, 0])

/** Bodies of the packets of a result set of one column. */
export function resultSet(flags: number, rows: readonly string[], status = 2): Buffer[] {
  const isDeprecated = (flags & DEPRECATE_EOF) !== 0
  return [
    bytes(1),
    DEFINITION,
    ...(isDeprecated ? [] : [end(flags)]),
    ...rows.map((row) => bytes(row.length, row)),
    end(flags, status),
  ]
}

/** Bodies of the answer to a COM_STMT_PREPARE. */
export function preparedAnswer(
  flags: number,
  of: { statement: number; columns: number; parameters: number },
): Buffer[] {
  const eof = (flags & DEPRECATE_EOF) !== 0 ? [] : [end(flags)]
  const definitions = (count: number) =>
    count === 0 ? [] : [...Array.from({ length: count }, () => DEFINITION), ...eof]
  const head = bytes(0, u32(of.statement), u16(of.columns), u16(of.parameters), 0, u16(0))
  return [head, ...definitions(of.parameters), ...definitions(of.columns)]
}

export function start(flags = 0): readonly Said[] {
  return [server(greeting(flags)), login(flags), server(packet(2, ok()))]
}

/** Both ends know MariaDB's extensions: they leave CLIENT_MYSQL out. */
export function startMariadb(flags: number, extensions: number): readonly Said[] {
  const [greeted, , accepted] = start(flags) as [Said, Said, Said]
  const hello = Buffer.from(greeted.bytes)
  const flagsAt = hello.indexOf(0, 5) + 14
  hello.writeUInt8((hello[flagsAt] as number) & 0xfe, flagsAt)
  hello.writeUInt32LE(extensions, flagsAt + 14)
  const answered = Buffer.from(login(flags).bytes)
  answered.writeUInt8((answered[4] as number) & 0xfe, 4)
  answered.writeUInt32LE(extensions, 4 + 28)
  return [server(hello), client(answered), accepted]
}
