/**
 * Batches whose sender is answered only when `next` has them (`acknowledge: handed_on`): until then
 * they are the sender's, which offers them again if this process ends. So a batch goes whole, when
 * the last of its rows is settled: one of which a part had gone would come a second time with it.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Consumer } from '../../pipeline/component.ts'
import type { FlowBatch } from '../../pipeline/flows/batch.ts'
import type { Ledger } from '../../pipeline/ledger.ts'
import { OK, type Outcome, retryable } from '../../pipeline/outcome.ts'

const RETRY_MS = 100
const CLOSE_MS = 5000

export class HandingOn {
  readonly #next: Consumer<'flows'>
  readonly #ledger: Ledger
  readonly #over = new AbortController()
  /** Answers that senders wait for. */
  readonly #open = new Set<Promise<Outcome>>()
  #rows = 0

  constructor(next: Consumer<'flows'>, ledger: Ledger) {
    this.#next = next
    this.#ledger = ledger
  }

  /** Rows of batches whose senders wait. */
  get rows(): number {
    return this.#rows
  }

  /**
   * The answer to a batch of so many rows, and how to give it when its rows are settled. One with
   * rows that had come before is answered only after all that had: they may be among those.
   */
  begin(rows: number, doubles: number): { answer: Promise<Outcome>; settled: SettledBatch } {
    const before = doubles > 0 ? Promise.all(this.#open) : undefined
    const { promise, resolve } = Promise.withResolvers<Outcome>()
    const answer = promise.then(async (outcome) => {
      await before
      this.#rows -= rows
      this.#open.delete(answer)
      if (outcome.kind === 'ok') this.#ledger.used('doubled', doubles)
      return outcome
    })
    this.#rows += rows
    this.#open.add(answer)
    return { answer, settled: (batch) => void this.#offer(batch).then(resolve) }
  }

  /** Goes on offering what is settled until the deadline; the rest stays with its senders. */
  async close(deadline: AbortSignal = AbortSignal.timeout(CLOSE_MS)): Promise<void> {
    const give = () => this.#over.abort()
    if (deadline.aborted) give()
    else deadline.addEventListener('abort', give, { once: true })
    await Promise.all(this.#open)
    deadline.removeEventListener('abort', give)
  }

  async #offer(batch: FlowBatch | undefined): Promise<Outcome> {
    if (batch === undefined) return OK
    const { signal } = this.#over
    for (;;) {
      const outcome = await this.#next.consume(batch)
      if (outcome.kind !== 'retryable') return outcome
      this.#ledger.note('refused_for_now', batch.rows)
      await sleep(outcome.afterMs ?? RETRY_MS, undefined, { signal }).catch(() => undefined)
      if (signal.aborted) return retryable('stitch is shutting down')
    }
  }
}

/** Takes the batch that goes on; undefined when all of it had come before. */
export type SettledBatch = (batch: FlowBatch | undefined) => void
