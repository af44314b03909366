/**
 * Texts of bytes that come again and again: targets and hosts. To find one by its bytes costs a
 * fraction of making it anew and hashing it for each table that it is looked up in later.
 *
 * One place for each hash, and the latest text has it: bounded at 1 MB, and nothing to evict.
 */
const PLACES = 4096
/** Longer ones are seldom repeated. */
const BYTES_MAX = 256

const texts: string[] = new Array(PLACES).fill('')

/** `bytes[at … to)` as Latin-1. */
export function textOf(bytes: Buffer, at: number, to: number): string {
  if (to - at > BYTES_MAX) return bytes.toString('latin1', at, to)
  let hash = 0
  for (let i = at; i < to; i++) hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193)
  const place = (hash ^ (hash >>> 15)) & (PLACES - 1)
  const known = texts[place] as string
  if (isText(known, bytes, at, to)) return known
  const text = bytes.toString('latin1', at, to)
  texts[place] = text
  return text
}

function isText(text: string, bytes: Buffer, at: number, to: number): boolean {
  if (text.length !== to - at) return false
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) !== bytes[at + i]) return false
  return true
}
