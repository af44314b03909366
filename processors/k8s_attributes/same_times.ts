/**
 * Between which times a look-up would have given what it gave at one. Who was where changes with
 * time, but seldom: requests of a connection are a moment apart, and the answer to one is that to
 * all between two changes.
 */
export class SameTimes {
  sinceMs = Number.NEGATIVE_INFINITY
  untilMs = Number.POSITIVE_INFINITY

  reset(): void {
    this.sinceMs = Number.NEGATIVE_INFINITY
    this.untilMs = Number.POSITIVE_INFINITY
  }

  /** The answer is of this moment alone. */
  only(timeMs: number): void {
    this.sinceMs = timeMs
    this.untilMs = timeMs
  }

  /** The answer at `timeMs` may be another one from `atMs` on. */
  changes(atMs: number, timeMs: number): void {
    if (timeMs >= atMs) this.sinceMs = Math.max(this.sinceMs, atMs)
    else this.untilMs = Math.min(this.untilMs, atMs)
  }
}
