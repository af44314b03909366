/**
 * Values found by a handful of u32. As RowIndex, for where a row looks up nothing else: all words
 * are in one array, so that nothing is allocated for a value, and no object is gone through to
 * find one.
 *
 *     index.words[0] = …                         all of them
 *     index.get() ?? index.set(make(row))
 */
const FIRST_ENTRIES = 64
/** Slots an entry: few look-ups meet another one's. */
const SLOTS_PER_ENTRY = 4

export class WordIndex<T> {
  /** To be filled before `get` and `set`. */
  readonly words: Uint32Array
  readonly #entriesMax: number
  /** By hash: the entry's number from 1 on, 0 where there is none. A power of two. */
  #slots = new Uint32Array(FIRST_ENTRIES * SLOTS_PER_ENTRY)
  /** Of all entries, one after the other. */
  #keys: Uint32Array
  readonly #values: T[] = []

  /** @param entriesMax beyond, all are forgotten */
  constructor(words: number, entriesMax: number) {
    this.words = new Uint32Array(words)
    this.#entriesMax = entriesMax
    this.#keys = new Uint32Array(FIRST_ENTRIES * words)
  }

  clear(): void {
    if (this.#values.length === 0) return
    this.#slots.fill(0)
    this.#values.length = 0
  }

  get(): T | undefined {
    const slots = this.#slots
    const mask = slots.length - 1
    let slot = this.#hash(this.words, 0) & mask
    for (let entry = slots[slot] as number; entry !== 0; entry = slots[slot] as number) {
      if (this.#equals(entry - 1)) return this.#values[entry - 1]
      slot = (slot + 1) & mask
    }
    return undefined
  }

  /** For words that `get` did not find. */
  set(value: T): T {
    if (this.#values.length >= this.#entriesMax) this.clear()
    const { words } = this
    const entry = this.#values.push(value) - 1
    if ((entry + 1) * words.length > this.#keys.length) this.#grow()
    this.#keys.set(words, entry * words.length)
    this.#place(entry)
    return value
  }

  /** Two at a time, as each step waits for the one before. */
  #hash(words: Uint32Array, from: number): number {
    const to = from + this.words.length
    let even = 0
    let odd = 0
    let i = from
    for (; i + 1 < to; i += 2) {
      even = Math.imul(even ^ (words[i] as number), 0x01000193)
      odd = Math.imul(odd ^ (words[i + 1] as number), 0x01000193)
    }
    if (i < to) even = Math.imul(even ^ (words[i] as number), 0x01000193)
    const hash = Math.imul(even ^ (odd >>> 16), 0x85ebca6b) ^ odd
    // The low bits of a product know nothing of the factors' high ones.
    return hash ^ (hash >>> 15)
  }

  #equals(entry: number): boolean {
    const { words } = this
    const keys = this.#keys
    const count = words.length
    const from = entry * count
    for (let i = 0; i < count; i++) if (keys[from + i] !== words[i]) return false
    return true
  }

  #place(entry: number): void {
    const slots = this.#slots
    const mask = slots.length - 1
    let slot = this.#hash(this.#keys, entry * this.words.length) & mask
    while (slots[slot] !== 0) slot = (slot + 1) & mask
    slots[slot] = entry + 1
  }

  /** Room for twice as many; the last value has no place yet. */
  #grow(): void {
    const keys = new Uint32Array(this.#keys.length * 2)
    keys.set(this.#keys)
    this.#keys = keys
    this.#slots = new Uint32Array(this.#slots.length * 2)
    for (let entry = 0; entry < this.#values.length - 1; entry++) this.#place(entry)
  }
}

/** One of the four words of an address, of which the first byte is at `at`. */
export function addressWord(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)
  )
}
