/**
 * Where the text of a COM_QUERY begins when the client may put attributes before it:
 *
 *     count:lenenc sets:lenenc (nulls{(count + 7) / 8} 1:u8 (type:u16 name:text)* value*)? query
 */
import { Reader } from './packets.ts'

/** MySQL's client takes no more than 32. */
const ATTRIBUTES_MAX = 64

/** Bytes of a value by its type; types that are not here have a length before them. */
const FIXED_BYTES: ReadonlyMap<number, number> = new Map([
  [0x01, 1], // TINY
  [0x02, 2], // SHORT
  [0x03, 4], // LONG
  [0x04, 4], // FLOAT
  [0x05, 8], // DOUBLE
  [0x06, 0], // NULL
  [0x08, 8], // LONGLONG
  [0x09, 4], // INT24
  [0x0d, 2], // YEAR
])

/** -1: not to be told. */
export function behindAttributes(body: Buffer): number {
  const reader = new Reader(body)
  const count = reader.lenenc()
  reader.lenenc()
  if (reader.isShort || count > ATTRIBUTES_MAX) return -1
  if (count === 0) return reader.at
  const nullsAt = reader.skip((count + 7) >> 3)
  if (reader.int(1) !== 1) return -1
  const types: number[] = []
  for (let i = 0; i < count; i++) {
    types.push(reader.int(2) & 0xff)
    reader.skip(reader.lenenc())
  }
  if (reader.isShort) return -1
  for (const [i, type] of types.entries()) {
    const isNull = ((body[nullsAt + (i >> 3)] as number) >> (i & 7)) & 1
    if (isNull === 0) reader.skip(FIXED_BYTES.get(type) ?? reader.lenenc())
  }
  return reader.isShort ? -1 : reader.at
}
