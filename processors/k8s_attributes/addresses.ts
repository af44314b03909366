/**
 * IP addresses as flow rows carry them: 16 bytes in network order, IPv4 as `::ffff:a.b.c.d`.
 *
 * Every row is looked up by its addresses, so the map is keyed by bytes in place: no text, no
 * object and no BigInt a lookup.
 */
export const ADDRESS_BYTES = 16

export { parseAddress } from '../../pipeline/flows/address_parse.ts'

/** 127.0.0.0/8 or ::1. */
export function isLoopback(bytes: Uint8Array, at: number): boolean {
  if (word(bytes, at) !== 0 || word(bytes, at + 4) !== 0) return false
  const third = word(bytes, at + 8)
  if (third === MAPPED) return bytes[at + 12] === 127
  return third === 0 && word(bytes, at + 12) === ONE
}

/** Words are read low byte first, as x86 and arm64 would; only equality matters. */
const MAPPED = 0xffff0000 | 0
const ONE = 0x01000000

function word(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  )
}

interface Entry<V> {
  readonly a: number
  readonly b: number
  readonly c: number
  readonly d: number
  value: V
  next: Entry<V> | undefined
}

/** A map from addresses, read in place from 16 bytes at an offset, to values. */
export class AddressMap<V> {
  /** Chains of entries of one 31-bit hash: small integers are the cheapest keys of a Map. */
  readonly #chains = new Map<number, Entry<V>>()
  #size = 0

  get size(): number {
    return this.#size
  }

  get(bytes: Uint8Array, at = 0): V | undefined {
    return this.#find(bytes, at)?.value
  }

  set(bytes: Uint8Array, value: V, at = 0): void {
    const known = this.#find(bytes, at)
    if (known !== undefined) {
      known.value = value
      return
    }
    const key = hash(bytes, at)
    this.#chains.set(key, {
      a: word(bytes, at),
      b: word(bytes, at + 4),
      c: word(bytes, at + 8),
      d: word(bytes, at + 12),
      value,
      next: this.#chains.get(key),
    })
    this.#size++
  }

  delete(bytes: Uint8Array, at = 0): void {
    const gone = this.#find(bytes, at)
    if (gone === undefined) return
    const key = hash(bytes, at)
    this.#size--
    let entry = this.#chains.get(key) as Entry<V>
    if (entry === gone) {
      if (gone.next === undefined) this.#chains.delete(key)
      else this.#chains.set(key, gone.next)
      return
    }
    while (entry.next !== gone) entry = entry.next as Entry<V>
    entry.next = gone.next
  }

  clear(): void {
    this.#chains.clear()
    this.#size = 0
  }

  #find(bytes: Uint8Array, at: number): Entry<V> | undefined {
    let entry = this.#chains.get(hash(bytes, at))
    if (entry === undefined) return undefined
    const a = word(bytes, at)
    const b = word(bytes, at + 4)
    const c = word(bytes, at + 8)
    const d = word(bytes, at + 12)
    while (entry !== undefined) {
      if (entry.d === d && entry.c === c && entry.b === b && entry.a === a) return entry
      entry = entry.next
    }
    return undefined
  }
}

function hash(bytes: Uint8Array, at: number): number {
  let h = word(bytes, at + 12)
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d) ^ word(bytes, at + 8)
  h = Math.imul(h ^ (h >>> 13), 0x297a2d39) ^ word(bytes, at + 4)
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d) ^ word(bytes, at)
  h = Math.imul(h ^ (h >>> 13), 0x297a2d39)
  return (h ^ (h >>> 16)) & 0x3fffffff
}
