/** First in, first out; `shift` takes no longer for being long. */
export class Fifo<T> {
  #values: (T | undefined)[] = []
  #head = 0

  push(value: T): void {
    this.#values.push(value)
  }

  shift(): T | undefined {
    const value = this.#values[this.#head]
    if (value === undefined) return undefined
    this.#values[this.#head++] = undefined
    // Each value is moved at most once on average: half of the array is empty then.
    if (this.#head > 64 && this.#head * 2 > this.#values.length) {
      this.#values = this.#values.slice(this.#head)
      this.#head = 0
    }
    return value
  }
}
