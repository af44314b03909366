/**
 * The rest of a request of which the first piece has been taken: it cannot be given back any more,
 * as its sender would offer that piece again. So it is offered until it is taken, while the sender
 * waits; what is refused for good, or until the shutdown is over, is lost and counted.
 */
import type { Signal, SignalData } from '../../pipeline/component.ts'
import { itemsOf } from '../../pipeline/data.ts'
import type { Ledger } from '../../pipeline/ledger.ts'
import { OK, type Outcome } from '../../pipeline/outcome.ts'

const RETRY_MS = 100
/** How long it is offered in a shutdown without a deadline. */
const CLOSE_MS = 5000

export class Remainder<S extends Signal> {
  readonly #ledger: Ledger
  readonly #over = new AbortController()
  #timer: NodeJS.Timeout | undefined

  constructor(ledger: Ledger) {
    this.#ledger = ledger
  }

  async finish(
    pieces: readonly SignalData[S][],
    send: (piece: SignalData[S]) => Outcome | Promise<Outcome>,
  ): Promise<Outcome> {
    for (const piece of pieces) {
      const items = itemsOf(piece)
      let outcome = await send(piece)
      while (outcome.kind === 'retryable' && !this.#over.signal.aborted) {
        this.#ledger.note('refused_for_now', items)
        await this.#pause(outcome.afterMs ?? RETRY_MS)
        outcome = await send(piece)
      }
      if (outcome.kind === 'ok') continue
      const reason = outcome.kind === 'retryable' ? 'refused_until_shutdown' : 'refused'
      this.#ledger.lost(reason, items, { detail: outcome.reason })
    }
    return OK
  }

  /** From when the deadline passes each piece is offered once more, and not again. */
  close(deadline: AbortSignal | undefined): void {
    const end = () => this.#over.abort()
    if (deadline === undefined) this.#timer ??= setTimeout(end, CLOSE_MS)
    else if (deadline.aborted) end()
    else deadline.addEventListener('abort', end, { once: true })
  }

  closed(): void {
    clearTimeout(this.#timer)
    this.#over.abort()
  }

  async #pause(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, ms)
    this.#over.signal.addEventListener('abort', () => resolve(), { once: true })
    await promise
    clearTimeout(timer)
  }
}
