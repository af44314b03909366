/**
 * Rows that are ready, on their way into few batches: a batch costs what follows more than its rows
 * do, and a row that is copied more than one that is not.
 *
 * A batch of which all rows go goes as it is. What else is there, a few rows of this batch and of
 * that, goes with the largest of those if it has room, else in batches of its own.
 */
import { FlowBatch } from '../../pipeline/flows/batch.ts'

const ROWS_MAX = 4096
/** A whole batch of so few rows goes with another too. */
const FEW_ROWS = 64

export class Gathering {
  readonly #whole: FlowBatch[] = []
  readonly #parts: { readonly batch: FlowBatch; readonly rows: readonly number[] }[] = []
  /** Of the parts, still to go. */
  #left = 0

  /** A batch of which all rows go; it is nobody's from now on. */
  whole(batch: FlowBatch): void {
    this.#whole.push(batch)
  }

  /** Rows of a batch, the others of which stay. */
  part(batch: FlowBatch, rows: readonly number[]): void {
    this.#parts.push({ batch, rows })
    this.#left += rows.length
  }

  send(to: (batch: FlowBatch) => void): void {
    const largest = this.#largest()
    for (const batch of this.#whole) {
      if (batch === largest) continue
      if (batch.rows <= FEW_ROWS && largest !== undefined && roomIn(largest) >= batch.rows) {
        largest.appendAll(batch)
        batch.recycle()
      } else to(batch)
    }
    let target = largest
    for (const { batch, rows } of this.#parts) {
      for (let from = 0; from < rows.length; ) {
        if (target === undefined || target.full) {
          if (target !== undefined) to(target)
          target = new FlowBatch(Math.min(this.#left, ROWS_MAX))
        }
        const room = roomIn(target)
        const some = from === 0 && rows.length <= room ? rows : rows.slice(from, from + room)
        target.appendRows(batch, some)
        from += some.length
        this.#left -= some.length
      }
    }
    if (target !== undefined) to(target)
  }

  #largest(): FlowBatch | undefined {
    let largest = this.#whole[0]
    for (const batch of this.#whole) {
      if (batch.rows > (largest as FlowBatch).rows) largest = batch
    }
    return largest
  }
}

function roomIn(batch: FlowBatch): number {
  return batch.capacity - batch.rows
}
