/**
 * Batches whose sender is answered only when `next` has them (`acknowledge: handed_on`): until then
 * they are the sender's, which offers them again if this process ends. So a batch goes whole, when
 * the last of its rows is settled: one of which a part had gone would come a second time with it.
 *
 *     settled ──▶ ready ──▶ gathered into parcels ──▶ next ──▶ each sender's answer
 *                   ▲                                  │
 *                   └──────── refused for now ─────────┘ after a pause, the first alone
 *
 * A thousand agents send batches of a few rows, and a batch costs what follows more than its rows
 * do. Many are offered at once, as `next` may answer when a backend has: what bounds them is that
 * `next` refuses. Then one parcel is offered until it is taken, since to look at all that waits
 * costs as much as to deliver it.
 */
import type { Consumer } from '../../pipeline/component.ts'
import { FlowBatch } from '../../pipeline/flows/batch.ts'
import type { Ledger } from '../../pipeline/ledger.ts'
import { OK, type Outcome, retryable } from '../../pipeline/outcome.ts'

const RETRY_MS = 100
const CLOSE_MS = 5000
/** How long batches are gathered, and how many rows are worth no waiting. */
const GATHER_MS = 100
const ROWS_ENOUGH = 4096
/** Of several batches in one parcel. */
const PARCEL_ROWS_MAX = 4096

/** Takes the batch that goes on; undefined when all of it had come before. */
export type SettledBatch = (batch: FlowBatch | undefined) => void

/** What is offered at once, and the senders who wait for what becomes of it. */
interface Parcel {
  readonly batch: FlowBatch
  readonly answers: readonly ((outcome: Outcome) => void)[]
}

export class HandingOn {
  readonly #next: Consumer<'flows'>
  readonly #ledger: Ledger
  /** Answers that senders wait for. */
  readonly #open = new Set<Promise<Outcome>>()
  #rows = 0
  /** Settled, the first to go first. */
  #ready: Parcel[] = []
  #readyRows = 0
  /** Runs until batches have been gathered. */
  #gathering: NodeJS.Timeout | undefined
  /** Runs until what was refused may be offered again. */
  #pause: NodeJS.Timeout | undefined
  #state: 'open' | 'closing' | 'over' = 'open'

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
      if (before !== undefined) await before
      this.#rows -= rows
      this.#open.delete(answer)
      if (outcome.kind === 'ok') this.#ledger.used('doubled', doubles)
      return outcome
    })
    this.#rows += rows
    this.#open.add(answer)
    const settled = (batch: FlowBatch | undefined) => {
      if (batch === undefined) resolve(OK)
      else this.#add({ batch, answers: [resolve] })
    }
    return { answer, settled }
  }

  /** Goes on offering what is settled until the deadline; the rest stays with its senders. */
  async close(deadline: AbortSignal = AbortSignal.timeout(CLOSE_MS)): Promise<void> {
    const give = () => this.#give()
    if (this.#state === 'open') this.#state = 'closing'
    this.#offerAll()
    if (deadline.aborted) give()
    else deadline.addEventListener('abort', give, { once: true })
    await Promise.all(this.#open)
    deadline.removeEventListener('abort', give)
  }

  #add(parcel: Parcel): void {
    this.#ready.push(parcel)
    this.#readyRows += parcel.batch.rows
    if (this.#state !== 'open' || this.#readyRows >= ROWS_ENOUGH) this.#offerAll()
    else this.#gathering ??= setTimeout(() => this.#offerAll(), GATHER_MS)
  }

  #offerAll(): void {
    clearTimeout(this.#gathering)
    this.#gathering = undefined
    if (this.#state === 'over') this.#give()
    while (this.#pause === undefined && this.#ready.length > 0) this.#offer(this.#gathered())
  }

  #offer(parcel: Parcel): void {
    // Asked first: to be refused costs all that stands between.
    const outcome = this.#next.refusal?.() ?? this.#next.consume(parcel.batch)
    if (outcome instanceof Promise) void outcome.then((later) => this.#settle(parcel, later))
    else this.#settle(parcel, outcome)
  }

  #settle(parcel: Parcel, outcome: Outcome): void {
    if (outcome.kind !== 'retryable') {
      for (const answer of parcel.answers) answer(outcome)
      return
    }
    this.#ledger.note('refused_for_now', parcel.batch.rows)
    this.#ready.unshift(parcel)
    this.#readyRows += parcel.batch.rows
    if (this.#state === 'over') this.#give()
    else this.#pause ??= setTimeout(() => this.#resume(), outcome.afterMs ?? RETRY_MS)
  }

  #resume(): void {
    this.#pause = undefined
    this.#offerAll()
  }

  /** The first of what is ready, with as many of the next as one parcel takes. */
  #gathered(): Parcel {
    const ready = this.#ready
    let count = 1
    let rows = (ready[0] as Parcel).batch.rows
    while (count < ready.length) {
      const more = (ready[count] as Parcel).batch.rows
      if (rows + more > PARCEL_ROWS_MAX) break
      rows += more
      count++
    }
    const parts = ready.splice(0, count)
    this.#readyRows -= rows
    return parts.length === 1 ? (parts[0] as Parcel) : joined(parts, rows)
  }

  /** The senders keep what nobody has taken. */
  #give(): void {
    this.#state = 'over'
    clearTimeout(this.#pause)
    this.#pause = undefined
    const outcome = retryable('stitch is shutting down')
    for (const { answers } of this.#ready.splice(0)) for (const answer of answers) answer(outcome)
    this.#readyRows = 0
  }
}

function joined(parts: readonly Parcel[], rows: number): Parcel {
  const batch = new FlowBatch(rows)
  for (const part of parts) batch.appendAll(part.batch)
  return { batch, answers: parts.flatMap(({ answers }) => answers) }
}
