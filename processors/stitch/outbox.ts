import type { Consumer } from '../../pipeline/component.ts'
import type { FlowBatch } from '../../pipeline/flows/batch.ts'
import type { Ledger } from '../../pipeline/ledger.ts'
import type { Outcome } from '../../pipeline/outcome.ts'

const RETRY_MS = 1000

/**
 * Hands batches to `next` one after the other, and keeps those that it refuses for now.
 * It takes whatever it is given: who fills it looks at `rows` before.
 */
export class Outbox {
  readonly #next: Consumer<'flows'>
  readonly #ledger: Ledger
  readonly #queue: FlowBatch[] = []
  #rows = 0
  /** An answer is awaited, or the time to try again. */
  #waiting = false
  #answer: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #closed = false

  constructor(next: Consumer<'flows'>, ledger: Ledger) {
    this.#next = next
    this.#ledger = ledger
  }

  /** Rows not yet taken by `next`. */
  get rows(): number {
    return this.#rows
  }

  send(batch: FlowBatch): void {
    this.#rows += batch.rows
    this.#queue.push(batch)
    if (!this.#waiting) this.#drain()
  }

  /** Offers what is left once more, and counts as lost what is refused even so. Safe twice. */
  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    await this.#answer
    for (let batch = this.#queue[0]; batch !== undefined; batch = this.#queue[0]) {
      const outcome = await this.#next.consume(batch)
      if (outcome.kind === 'retryable') this.#lose(batch, outcome.reason)
      else this.#finish(batch, outcome)
    }
  }

  #drain(): void {
    this.#waiting = false
    for (let batch = this.#queue[0]; batch !== undefined; batch = this.#queue[0]) {
      const outcome = this.#next.consume(batch)
      if (outcome instanceof Promise) {
        const offered = batch
        this.#waiting = true
        this.#answer = outcome.then((late) => {
          if (this.#finish(offered, late) && !this.#closed) this.#drain()
        })
        return
      }
      if (!this.#finish(batch, outcome)) return
    }
  }

  /** Whether the first batch is done with; if not, it will be offered again. */
  #finish(batch: FlowBatch, outcome: Outcome): boolean {
    if (outcome.kind === 'retryable') {
      this.#ledger.note('refused_by_next', batch.rows)
      this.#waiting = true
      if (!this.#closed) {
        this.#timer = setTimeout(() => this.#drain(), outcome.afterMs ?? RETRY_MS)
      }
      return false
    }
    if (outcome.kind === 'permanent') {
      this.#lose(batch, outcome.reason)
      return true
    }
    this.#queue.shift()
    this.#rows -= batch.rows
    return true
  }

  #lose(batch: FlowBatch, detail: string): void {
    this.#queue.shift()
    this.#rows -= batch.rows
    this.#ledger.lost('refused_by_next', batch.rows, { detail })
  }
}
