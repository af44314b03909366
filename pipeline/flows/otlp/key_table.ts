/**
 * Finds what belongs to a key by the key's bytes, without making a string of them.
 *
 * Records of a sender have the same keys in the same order but for a few, so the key that followed
 * the last one in the record before is tried first; then no hash is needed. Keys are compared four
 * bytes at a time, the last four overlapping those before. Ranges are two numbers: as an array each
 * was made anew for every attribute, half of what decoding left to the garbage collector.
 */
const MULTIPLIER = 0x01000193

interface Key {
  readonly length: number
  readonly words: Uint32Array
  /** The last four bytes. */
  readonly last: number
  /** Index of the key that came after it, the last time. */
  next: number
}

export class KeyTable {
  readonly #keys: readonly Key[]
  /** Index of the key plus one; 0 is empty. */
  readonly #slots: Uint16Array

  /** @param keys at least four bytes long, each */
  constructor(keys: readonly string[]) {
    const all = keys.map((key) => Buffer.from(key))
    this.#keys = all.map((key, i) => keyOf(key, (i + 1) % keys.length))
    this.#slots = new Uint16Array(2 ** Math.ceil(Math.log2(keys.length * 4)))
    for (const [i, key] of all.entries()) {
      let slot = this.#slot(viewOf(key), 0, key.length)
      while (this.#slots[slot] !== 0) slot = (slot + 1) & (this.#slots.length - 1)
      this.#slots[slot] = i + 1
    }
  }

  /** The index of the key in [start, end), or -1. */
  find(view: DataView, start: number, end: number): number {
    if (isKey(this.#keys[0] as Key, view, start, end)) return 0
    return this.#search(view, start, end)
  }

  /** The same of a key that stands behind that of index `before`. */
  findAfter(before: number, view: DataView, start: number, end: number): number {
    const previous = this.#keys[before] as Key
    if (isKey(this.#keys[previous.next] as Key, view, start, end)) return previous.next
    const index = this.#search(view, start, end)
    if (index >= 0) previous.next = index
    return index
  }

  #search(view: DataView, start: number, end: number): number {
    const slots = this.#slots
    if (end - start < 4) return -1
    for (let slot = this.#slot(view, start, end); ; slot = (slot + 1) & (slots.length - 1)) {
      const index = (slots[slot] as number) - 1
      if (index < 0 || isKey(this.#keys[index] as Key, view, start, end)) return index
    }
  }

  /** Keys differ in their length and their last bytes: the first are `flowspan.` in most. */
  #slot(view: DataView, start: number, end: number): number {
    const middle = view.getUint32(start + ((end - start - 4) >> 1), true)
    let hash = Math.imul(view.getUint32(end - 4, true) ^ (end - start), MULTIPLIER)
    hash = Math.imul(hash ^ (hash >>> 15) ^ middle, MULTIPLIER)
    return (hash ^ (hash >>> 13)) & (this.#slots.length - 1)
  }
}

function keyOf(bytes: Uint8Array, next: number): Key {
  const view = viewOf(bytes)
  const { length } = bytes
  const words = Uint32Array.from({ length: length >> 2 }, (_, i) => view.getUint32(4 * i, true))
  return { length, words, last: view.getUint32(length - 4, true), next }
}

function isKey(key: Key, view: DataView, start: number, end: number): boolean {
  if (key.length !== end - start || key.last !== view.getUint32(end - 4, true)) return false
  const { words } = key
  for (let i = 0; i < words.length; i++) {
    if (words[i] !== view.getUint32(start + 4 * i, true)) return false
  }
  return true
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
