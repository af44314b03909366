/**
 * Hands batches to the next component, in order and one at a time. What it refuses for now waits
 * here; when that becomes too much the receiver stops draining, and the kernel's rings fill.
 */
import type { Consumer } from '../../pipeline/component.ts'
import type { FlowBatch } from '../../pipeline/flows/batch.ts'
import type { Ledger } from '../../pipeline/ledger.ts'
import type { Outcome } from '../../pipeline/outcome.ts'

const RETRY_MS = 100
/** How long a shutdown may go on offering what is refused. */
const SHUTDOWN_MS = 5000

export class Handover {
  /** Rows that wait. */
  rows = 0
  readonly #next: Consumer<'flows'>
  readonly #ledger: Ledger
  readonly #rowsMax: number
  readonly #queue: FlowBatch[] = []
  #busy: Promise<void> | undefined
  #retryAtMs = 0

  constructor(next: Consumer<'flows'>, settings: { ledger: Ledger; rowsMax: number }) {
    this.#next = next
    this.#ledger = settings.ledger
    this.#rowsMax = settings.rowsMax
  }

  get full(): boolean {
    return this.rows >= this.#rowsMax
  }

  push(batch: FlowBatch): void {
    this.#queue.push(batch)
    this.rows += batch.rows
    this.pump()
  }

  /** Offers what waits, until something is refused or takes its time. */
  pump(): void {
    while (this.#busy === undefined && performance.now() >= this.#retryAtMs) {
      const batch = this.#queue[0]
      if (batch === undefined) return
      const { rows } = batch
      const outcome = this.#next.consume(batch)
      if (outcome instanceof Promise) {
        this.#busy = this.#wait(outcome, rows)
        return
      }
      this.#settle(outcome, rows)
    }
  }

  /** Hands over everything, or counts it as lost. */
  async flush(): Promise<void> {
    const deadlineMs = performance.now() + SHUTDOWN_MS
    while (this.#queue.length > 0) {
      this.pump()
      if (this.#busy !== undefined) await this.#busy
      else if (performance.now() >= deadlineMs) break
      else if (this.#queue.length > 0) await new Promise((done) => setTimeout(done, RETRY_MS))
    }
    this.#ledger.lost('refused_until_shutdown', this.rows)
    this.#queue.length = 0
    this.rows = 0
  }

  async #wait(outcome: Promise<Outcome>, rows: number): Promise<void> {
    const settled = await outcome
    this.#busy = undefined
    this.#settle(settled, rows)
    this.pump()
  }

  /** `rows` is what was offered: a batch that was taken is not ours to look at any more. */
  #settle(outcome: Outcome, rows: number): void {
    if (outcome.kind === 'retryable') {
      this.#ledger.note('refused_for_now', rows)
      this.#retryAtMs = performance.now() + (outcome.afterMs ?? RETRY_MS)
      return
    }
    if (outcome.kind === 'permanent') this.#ledger.lost('refused', rows)
    this.#queue.shift()
    this.rows -= rows
  }
}
