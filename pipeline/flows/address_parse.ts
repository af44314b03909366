/** Addresses from text, as flow rows hold them: 16 bytes, IPv4 as `::ffff:a.b.c.d`. */
import { isIPv4, isIPv6 } from 'node:net'

const ADDRESS_BYTES = 16

/** The 16 bytes of an address in text form, or undefined when it is none. Zones are refused. */
export function parseAddress(text: string): Uint8Array | undefined {
  if (isIPv4(text)) return mapped(text)
  if (!isIPv6(text) || text.includes('%')) return undefined
  // An IPv4 tail ("::ffff:10.0.0.1") becomes two groups, so that one rule reads the rest.
  const dot = text.indexOf('.')
  return dot < 0 ? groups(text) : groups(withoutDots(text))
}

function mapped(text: string): Uint8Array {
  const bytes = new Uint8Array(ADDRESS_BYTES)
  bytes[10] = 0xff
  bytes[11] = 0xff
  bytes.set(text.split('.').map(Number), 12)
  return bytes
}

function withoutDots(text: string): string {
  const colon = text.lastIndexOf(':')
  const [a = 0, b = 0, c = 0, d = 0] = text
    .slice(colon + 1)
    .split('.')
    .map(Number)
  return `${text.slice(0, colon + 1)}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
}

/** `text` is valid and without dots: at most one "::", at most eight groups (node:net checked). */
function groups(text: string): Uint8Array {
  const bytes = new Uint8Array(ADDRESS_BYTES)
  const [head = '', tail] = text.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  write(bytes, 0, left)
  write(bytes, ADDRESS_BYTES - 2 * right.length, right)
  return bytes
}

function write(bytes: Uint8Array, at: number, words: readonly string[]): void {
  for (const [i, word] of words.entries()) {
    const value = Number.parseInt(word, 16)
    bytes[at + 2 * i] = value >> 8
    bytes[at + 2 * i + 1] = value & 0xff
  }
}
