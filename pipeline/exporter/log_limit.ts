/** A backend that is down fails every batch: one line in ten seconds tells as much. */
const LOG_INTERVAL_MS = 10_000

export class LogLimit {
  #last = Number.NEGATIVE_INFINITY

  /** Whether the line may be logged. */
  pass(): boolean {
    const now = performance.now()
    if (now - this.#last < LOG_INTERVAL_MS) return false
    this.#last = now
    return true
  }
}
