/**
 * Log sampling as the Collector has it (zap's sampler): of the lines that share level and message
 * within a tick the first few are written, and then one of so many. A component that fails a
 * thousand times a second says so, and does not fill the disk with it.
 */
import type { LogOptions } from './telemetry/options.ts'

/** Messages told apart; more share one count, so that made-up messages cannot fill the memory. */
const MESSAGES_MAX = 4096

interface Seen {
  since: number
  count: number
}

export class LogSampler {
  readonly #options: LogOptions['sampling']
  readonly #now: () => number
  readonly #seen = new Map<string, Seen>()
  readonly #rest: Seen = { since: Number.NEGATIVE_INFINITY, count: 0 }

  constructor(options: LogOptions['sampling'], now = () => performance.now()) {
    this.#options = options
    this.#now = now
  }

  /** Whether a line is to be written; called once for each. */
  admits(level: string, message: string): boolean {
    const { enabled, tick, initial, thereafter } = this.#options
    if (!enabled) return true
    const seen = this.#of(`${level} ${message}`)
    const now = this.#now()
    if (now - seen.since >= tick) {
      seen.since = now
      seen.count = 0
    }
    seen.count++
    if (seen.count <= initial) return true
    return thereafter > 0 && (seen.count - initial) % thereafter === 0
  }

  #of(key: string): Seen {
    const known = this.#seen.get(key)
    if (known !== undefined) return known
    if (this.#seen.size >= MESSAGES_MAX) return this.#rest
    const seen = { since: Number.NEGATIVE_INFINITY, count: 0 }
    this.#seen.set(key, seen)
    return seen
  }
}
