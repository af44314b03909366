let tables = 0

/** The strings of one batch: a column stores an index, 0 is the empty string. */
export class StringTable {
  /** Tells tables apart for who keeps indexes of one, without keeping it alive. */
  readonly serial = ++tables
  readonly #values: string[] = ['']
  readonly #index = new Map<string, number>([['', 0]])

  /** The index of `value`, which is added when it is new. */
  intern(value: string): number {
    // Most cells of most string columns.
    if (value === '') return 0
    const known = this.#index.get(value)
    if (known !== undefined) return known
    const index = this.#values.length
    this.#values.push(value)
    this.#index.set(value, index)
    return index
  }

  at(index: number): string {
    return this.#values[index] ?? ''
  }

  get size(): number {
    return this.#values.length
  }
}
