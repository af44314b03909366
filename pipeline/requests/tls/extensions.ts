/**
 * Extensions of a hello (RFC 8446 §4.2): those that are there whole, by their numbers.
 *
 *     extensions = u16 length, *( u16 type, u16 length, data )
 */
import { Cursor } from './cursor.ts'

export const EXTENSION = {
  serverName: 0,
  alpn: 16,
  preSharedKey: 41,
  supportedVersions: 43,
  encryptedClientHello: 0xfe0d,
} as const

/** More than any client sends. */
const EXTENSIONS_MAX = 64
const WANTED: readonly number[] = Object.values(EXTENSION)

export function extensionsOf(hello: Cursor): Map<number, Buffer> {
  const found = new Map<number, Buffer>()
  const list = new Cursor(hello.vector(2))
  for (let i = 0; i < EXTENSIONS_MAX && list.left > 0; i++) {
    const type = list.number(2)
    const data = list.vector(2)
    if (list.cut) break
    if (WANTED.includes(type) && !found.has(type)) found.set(type, data)
  }
  return found
}

const PROTOCOLS_MAX = 16
const PROTOCOL_CHARS_MAX = 32

/** Names in a list of ALPN (RFC 7301 §3.1), without those that are no text (RFC 8701). */
export function protocolsOf(data: Buffer | undefined): readonly string[] {
  if (data === undefined) return []
  const names: string[] = []
  const list = new Cursor(new Cursor(data).vector(2))
  for (let i = 0; i < PROTOCOLS_MAX && list.left > 0; i++) {
    const name = list.vector(1)
    if (list.cut) break
    const text = name.toString('latin1')
    if (/^[\x21-\x7e]+$/.test(text) && text.length <= PROTOCOL_CHARS_MAX) names.push(text)
  }
  return names
}
