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
 *
 * Beside the balance stands what the Collector's metrics ask for and the balance does not know:
 * by which transport a receiver got its items, and with which error an exporter lost them.
 */
import type { Logger } from 'pino'

export interface LedgerEntry {
  readonly in: number
  readonly out: number
  readonly used: Readonly<Record<string, number>>
  readonly lost: Readonly<Record<string, number>>
  readonly held: number
}

/** What a receiver's transport brought, by what became of it (Collector receiverhelper). */
export const RECEPTIONS = ['accepted', 'refused', 'failed'] as const
export type Reception = (typeof RECEPTIONS)[number]

/** What became of a request; one that is refused unread has no count of items. */
export const REQUEST_OUTCOMES = ['success', 'refused', 'failure'] as const
export type RequestOutcome = (typeof REQUEST_OUTCOMES)[number]

/** What may be logged with a loss; `error_type` is counted too. */
export interface LossDetail {
  /** A name for the kind of error, one of few: `Unavailable`, `503`, `ECONNREFUSED`. */
  readonly error_type?: string
  /** Instead of the warning "Data lost": the Collector's own words, where it has them. */
  readonly event?: { readonly level: 'warn' | 'error'; readonly message: string }
  readonly [key: string]: unknown
}

/** How often one reason for loss may be logged, at most; the counts are always exact. */
const LOG_INTERVAL_MS = 10_000
const DATA_LOST = { level: 'warn', message: 'Data lost' } as const

export class Ledger {
  in = 0
  out = 0
  /** Counts outside the balance, such as refusals that the sender will offer again. */
  readonly notes = new Map<string, number>()
  /** By transport; empty for a receiver that has but one, and tells nothing of it. */
  readonly received = new Map<string, Record<Reception, number>>()
  /** Requests, by transport and outcome; empty for a receiver that takes none. */
  readonly requests = new Map<string, Record<RequestOutcome, number>>()
  /** Of what was lost: by `error_type`, and within that by reason. */
  readonly lostByError = new Map<string, Map<string, number>>()
  readonly #used = new Map<string, number>()
  readonly #lost = new Map<string, number>()
  readonly #lastLog = new Map<string, number>()
  readonly logger: Logger
  /**
   * The graph's: items that were handed over for good although the component has not answered yet
   * (graph/late.ts). They count as taken in, and held.
   */
  unanswered = 0
  #held: () => number = () => 0

  constructor(logger: Logger) {
    this.logger = logger
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
  lost(reason: string, count: number, detail?: LossDetail): void {
    if (count <= 0) return
    const total = (this.#lost.get(reason) ?? 0) + count
    this.#lost.set(reason, total)
    if (detail?.error_type !== undefined) {
      const reasons = this.lostByError.get(detail.error_type) ?? new Map<string, number>()
      this.lostByError.set(detail.error_type, reasons)
      reasons.set(reason, (reasons.get(reason) ?? 0) + count)
    }
    const now = performance.now()
    if (now - (this.#lastLog.get(reason) ?? Number.NEGATIVE_INFINITY) < LOG_INTERVAL_MS) return
    this.#lastLog.set(reason, now)
    const { event = DATA_LOST, ...rest } = detail ?? {}
    this.logger[event.level]({ ...rest, reason, lost: count, lost_total: total }, event.message)
  }

  /**
   * A receiver's, for each batch: `accepted` by the pipeline, `refused` by it, or `failed` within
   * the receiver. `transport` is one of few: `grpc`, `http`.
   */
  reception(transport: string, became: Reception, count: number): void {
    let counts = this.received.get(transport)
    if (counts === undefined) {
      counts = { accepted: 0, refused: 0, failed: 0 }
      this.received.set(transport, counts)
    }
    counts[became] += count
  }

  /** A receiver's, for each request: `failure` is one that is none, or that the receiver lost. */
  request(transport: string, outcome: RequestOutcome, count = 1): void {
    let counts = this.requests.get(transport)
    if (counts === undefined) {
      counts = { success: 0, refused: 0, failure: 0 }
      this.requests.set(transport, counts)
    }
    counts[outcome] += count
  }

  note(name: string, count: number): void {
    this.notes.set(name, (this.notes.get(name) ?? 0) + count)
  }

  /** Nothing was ever counted. */
  get isEmpty(): boolean {
    const { size } = this.notes
    const counted =
      this.#used.size + this.#lost.size + size + this.received.size + this.requests.size
    return this.in + this.out + counted + this.unanswered + this.#held() === 0
  }

  /** Adds what another ledger has counted; what that one holds counts as held here for good. */
  absorb(other: Ledger): void {
    const { in: taken, out, used, lost, held } = other.entry()
    const before = this.#held
    this.#held = () => before() + held
    this.in += taken
    this.out += out
    addAll(this.#used, Object.entries(used))
    addAll(this.#lost, Object.entries(lost))
    addAll(this.notes, other.notes)
    for (const [transport, counts] of other.received) {
      for (const became of RECEPTIONS) this.reception(transport, became, counts[became])
    }
    for (const [transport, counts] of other.requests) {
      for (const outcome of REQUEST_OUTCOMES) this.request(transport, outcome, counts[outcome])
    }
    for (const [type, reasons] of other.lostByError) {
      const known = this.lostByError.get(type) ?? new Map<string, number>()
      this.lostByError.set(type, known)
      addAll(known, reasons)
    }
  }

  entry(): LedgerEntry {
    return {
      in: this.in + this.unanswered,
      out: this.out,
      used: Object.fromEntries(this.#used),
      lost: Object.fromEntries(this.#lost),
      held: this.#held() + this.unanswered,
    }
  }
}

function addAll(to: Map<string, number>, counts: Iterable<readonly [string, number]>): void {
  for (const [name, count] of counts) to.set(name, (to.get(name) ?? 0) + count)
}
