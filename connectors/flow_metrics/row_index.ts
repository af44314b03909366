/**
 * Values found by a handful of numbers, within one batch: what a row's columns hold, string indexes
 * included. Saves making a text of each row to look its series up by.
 */
interface Found<T> {
  readonly numbers: Float64Array
  readonly value: T
  readonly next: Found<T> | undefined
}

export class RowIndex<T> {
  readonly #found = new Map<number, Found<T>>()
  /** To be filled before `get` and `set`. */
  readonly numbers: Float64Array

  constructor(numbers: number) {
    this.numbers = new Float64Array(numbers)
  }

  clear(): void {
    this.#found.clear()
  }

  get(): T | undefined {
    let found = this.#found.get(this.#hash())
    while (found !== undefined && !this.#equals(found.numbers)) found = found.next
    return found?.value
  }

  /** For numbers that `get` did not find. */
  set(value: T): T {
    const hash = this.#hash()
    const next = this.#found.get(hash)
    this.#found.set(hash, { numbers: this.numbers.slice(), value, next })
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
