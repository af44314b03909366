/**
 * Names as they stand in messages (RFC 1035 §3.1, §4.1.4), and as people write them (§5.1).
 *
 *     name    ::= label* (0 | pointer)
 *     label   ::= length:u8 (1 … 63) byte{length}
 *     pointer ::= 11 offset:14
 */
const NAME_BYTES_MAX = 255
/** Each byte may be escaped as `\DDD`. */
const TEXT_BYTES_MAX = 4 * NAME_BYTES_MAX
const LABEL_BYTES_MAX = 63
const POINTER = 0xc0

const DOT = 0x2e
const BACKSLASH = 0x5c
const QUOTE = 0x22

const text = Buffer.alloc(TEXT_BYTES_MAX)

export interface NameRead {
  /** Behind the name. */
  end: number
  name: string
}

/**
 * Reads the name of a question, which no pointer can be in, as nothing stands before it. In lower
 * case, for DNS compares so (RFC 4343), and resolvers that mix cases to be harder to deceive would
 * give every look-up a name of its own. False: it is none, or not all of it is there.
 */
export function readName(out: NameRead, bytes: Buffer, of: { at: number; to: number }): boolean {
  let { at } = of
  const { to } = of
  const last = Math.min(to, at + NAME_BYTES_MAX)
  let length = 0
  while (at < last) {
    const label = bytes[at++] as number
    if (label === 0) {
      out.end = at
      out.name = length === 0 ? '.' : text.toString('latin1', 0, length)
      return true
    }
    if (label > LABEL_BYTES_MAX || at + label >= last) return false
    if (length > 0) text[length++] = DOT
    for (const end = at + label; at < end; at++) length = put(bytes[at] as number, length)
  }
  return false
}

/** Writes one byte of a label at `length`; returns where the next one goes. */
function put(byte: number, length: number): number {
  if (byte >= 0x41 && byte <= 0x5a) {
    text[length] = byte | 0x20
    return length + 1
  }
  if (byte > 0x20 && byte < 0x7f) {
    if (byte !== DOT && byte !== BACKSLASH && byte !== QUOTE) {
      text[length] = byte
      return length + 1
    }
    text[length] = BACKSLASH
    text[length + 1] = byte
    return length + 2
  }
  text[length] = BACKSLASH
  text[length + 1] = 0x30 + Math.floor(byte / 100)
  text[length + 2] = 0x30 + (Math.floor(byte / 10) % 10)
  text[length + 3] = 0x30 + (byte % 10)
  return length + 4
}

/** Behind the name at `at`, whose pointer is not followed; -1: it is none, or not all there. */
export function behindName(bytes: Buffer, at: number, to: number): number {
  const last = Math.min(to, at + NAME_BYTES_MAX)
  let next = at
  while (next < last) {
    const label = bytes[next] as number
    if (label === 0) return next + 1
    if (label >= POINTER) return next + 2 <= to ? next + 2 : -1
    if (label > LABEL_BYTES_MAX) return -1
    next += 1 + label
  }
  return -1
}
