/**
 * How the status of one component may change: the Collector's rules.
 *
 *     none ─▶ starting ─▶ ok ⇄ recoverable_error ─▶ stopping ─▶ stopped
 *                │         └────────┬──────────────────▲ │
 *                └──────────────────┼─▶ permanent_error ┘ └─▶ any error
 *                                   └─▶ fatal_error          is the last word
 *
 * A permanent error ends with the component alone: it may say that it is `ok`, nobody believes it.
 */
import type { Status, StatusEvent } from './status.ts'

const RUNNING: readonly Status[] = ['ok', 'recoverable_error', 'permanent_error', 'fatal_error']

const NEXT: { readonly [S in Status]: readonly Status[] } = {
  none: ['starting', 'stopping'],
  starting: [...RUNNING, 'stopping'],
  ok: [...RUNNING, 'stopping'],
  recoverable_error: [...RUNNING, 'stopping'],
  permanent_error: ['stopping'],
  fatal_error: [],
  stopping: ['recoverable_error', 'permanent_error', 'fatal_error', 'stopped'],
  stopped: [],
}

export interface Change {
  readonly status: Status
  readonly reason?: string
}

export class StatusMachine {
  #event: StatusEvent = { status: 'none', at: Date.now() }

  get event(): StatusEvent {
    return this.#event
  }

  /**
   * Makes the change and answers with the event; undefined when the rules forbid it. A status that
   * is said again keeps the time since when it is so, whatever the reason is by now.
   */
  change({ status, reason }: Change): StatusEvent | undefined {
    const before = this.#event
    if (status === before.status && reason === before.reason) return before
    if (!NEXT[before.status].includes(status)) return undefined
    const at = status === before.status ? before.at : Date.now()
    this.#event = { status, ...(reason !== undefined && { reason }), at }
    return this.#event
  }

  /** A component that has started and said nothing is doing well. */
  started(): void {
    if (this.#event.status === 'starting') this.change({ status: 'ok' })
  }
}
