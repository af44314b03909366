/**
 * Values found by a handful of numbers: what a row's columns hold. Saves making a text of each row
 * to look up what belongs to it. String columns hold indexes, which are good for one batch alone:
 * who uses them clears the index with each batch.
 */
interface Found<T> {
  readonly numbers: Float64Array
  readonly value: T
  readonly next: Found<T> | undefined
}

export class RowIndex<T> {
  readonly #found = new Map<number, Found<T>>()
  readonly #entriesMax: number
  #size = 0
  /** To be filled before `get` and `set`. NaN finds nothing. */
  readonly numbers: Float64Array

  /** @param entriesMax beyond, all are forgotten */
  constructor(numbers: number, entriesMax = Number.POSITIVE_INFINITY) {
    this.numbers = new Float64Array(numbers)
    this.#entriesMax = entriesMax
  }

  get size(): number {
    return this.#size
  }

  clear(): void {
    this.#found.clear()
    this.#size = 0
  }

  get(): T | undefined {
    let found = this.#found.get(this.#hash())
    while (found !== undefined && !this.#equals(found.numbers)) found = found.next
    return found?.value
  }

  /** For numbers that `get` did not find. */
  set(value: T): T {
    if (this.#size >= this.#entriesMax) this.clear()
    const hash = this.#hash()
    const next = this.#found.get(hash)
    this.#found.set(hash, { numbers: this.numbers.slice(), value, next })
    this.#size++
    return value
  }

  #hash(): number {
    let hash = 0
    for (let i = 0; i < this.numbers.length; i++) {
      hash = Math.imul(hash ^ (this.numbers[i] as number), 0x01000193) ^ (hash >>> 15)
    }
    // Small integers are the cheapest keys of a Map.
    return hash & 0x3fffffff
  }

  #equals(other: Float64Array): boolean {
    for (let i = 0; i < other.length; i++) if (this.numbers[i] !== other[i]) return false
    return true
  }
}

/** Writes the four words of an address into `numbers` from `at` on. */
export function addressWords(
  numbers: Float64Array,
  at: number,
  [column, row]: readonly [column: Uint8Array, row: number],
): void {
  for (let i = 0; i < 4; i++) {
    const byte = row * 16 + i * 4
    const [a, b] = [column[byte] as number, column[byte + 1] as number]
    const [c, d] = [column[byte + 2] as number, column[byte + 3] as number]
    numbers[at + i] = ((a << 24) | (b << 16) | (c << 8) | d) >>> 0
  }
}
