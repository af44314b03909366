/**
 * Memory of batches that nobody has any more, for the next ones. V8 counts it as memory outside its
 * heap, and marks the whole heap for every 64 MB that are made anew: at 10,000 requests/s that was
 * an eighth of the process's CPU time, and memory that was just read is still in the cache.
 *
 * Bounded: what a few batches of an agent take. Larger ones are left to the collector.
 */

/** Columns of a group, and how many rows they hold. */
interface Spare<C> {
  readonly columns: C
  readonly capacity: number
  readonly bytes: Uint8Array
}

/** Of a group: one batch is filled, one is held by stitch, one is gathered, and one more. */
const SPARES_MAX = 4
const ROWS_MAX = 2048
/** So few rows shall not hold the memory of many: they may be held for long. */
const CAPACITY_FACTOR_MAX = 4

export class SpareColumns<C> {
  readonly #spares: Spare<C>[] = []

  /** Columns for so many rows, all 0, the last that were given and fit. */
  take(capacity: number): C | undefined {
    for (let i = this.#spares.length - 1; i >= 0; i--) {
      const spare = this.#spares[i] as Spare<C>
      if (spare.capacity < capacity || spare.capacity > capacity * CAPACITY_FACTOR_MAX) continue
      this.#spares.splice(i, 1)
      spare.bytes.fill(0)
      return spare.columns
    }
    return undefined
  }

  /** Nobody may have them any more. `rows`: as many as they have room for, at least. */
  give(columns: C, { buffer, rows }: { buffer: ArrayBuffer; rows: number }): void {
    if (rows > ROWS_MAX) return
    if (this.#spares.length === SPARES_MAX) this.#spares.shift()
    this.#spares.push({ columns, capacity: rows, bytes: new Uint8Array(buffer) })
  }
}
