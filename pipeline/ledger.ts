/**
 * The books of one component: `in = out + lost{why} + held`, in items (flow rows, spans, metric
 * points, log records).
 *
 * The graph counts `in` and `out` at the edges, so a component that only passes data on does no
 * bookkeeping. (What a connector makes are other items: no `out` of it, but a note, `made`.)
 * What a component does not pass on it accounts for here, with a reason:
 * - `lost`: items that are gone although somebody wanted them (queue full, backend refused);
 * - `used`: items that did their work in the component and were not meant to go further (a
 *   connector's input, an exporter's sent items).
 */
import type { Logger } from 'pino'

export interface LedgerEntry {
  readonly in: number
  readonly out: number
  readonly used: Readonly<Record<string, number>>
  readonly lost: Readonly<Record<string, number>>
  readonly held: number
}

/** How often one reason for loss may be logged, at most; the counts are always exact. */
const LOG_INTERVAL_MS = 10_000

export class Ledger {
  in = 0
  out = 0
  /** Counts outside the balance, such as refusals that the sender will offer again. */
  readonly notes = new Map<string, number>()
  readonly #used = new Map<string, number>()
  readonly #lost = new Map<string, number>()
  readonly #lastLog = new Map<string, number>()
  readonly #logger: Logger
  #held: () => number = () => 0

  constructor(logger: Logger) {
    this.#logger = logger
  }

  /** The graph's: where the component's `held()` is read. */
  set heldBy(held: () => number) {
    this.#held = held
  }

  /** Items whose work ends here as intended. */
  used(reason: string, count: number): void {
    if (count > 0) this.#used.set(reason, (this.#used.get(reason) ?? 0) + count)
  }

  /** Items that are gone: counted, and logged at most once in ten seconds for each reason. */
  lost(reason: string, count: number, detail?: Record<string, unknown>): void {
    if (count <= 0) return
    const total = (this.#lost.get(reason) ?? 0) + count
    this.#lost.set(reason, total)
    const now = performance.now()
    if (now - (this.#lastLog.get(reason) ?? Number.NEGATIVE_INFINITY) < LOG_INTERVAL_MS) return
    this.#lastLog.set(reason, now)
    this.#logger.warn({ ...detail, reason, lost: count, lost_total: total }, 'Data lost')
  }

  note(name: string, count: number): void {
    this.notes.set(name, (this.notes.get(name) ?? 0) + count)
  }

  entry(): LedgerEntry {
    return {
      in: this.in,
      out: this.out,
      used: Object.fromEntries(this.#used),
      lost: Object.fromEntries(this.#lost),
      held: this.#held(),
    }
  }
}
