/** When what is played is due: a clock that goes `speed` times as fast as the recording's. */
import { setTimeout as sleep } from 'node:timers/promises'

/** Nobody sees whether a row comes so much too early; a timer costs more than that. */
const EARLY_MS = 1

export class Pace {
  readonly #speed: number
  readonly #over = new AbortController()
  #startNs = Number.NaN
  #startMs = 0

  /** `speed` 0: everything is due. */
  constructor(speed: number) {
    this.#speed = speed
  }

  /** Milliseconds until `nowNs` of the recording is due. */
  waitMs(nowNs: number): number {
    if (this.#speed === 0) return 0
    if (Number.isNaN(this.#startNs)) {
      this.#startNs = nowNs
      this.#startMs = performance.now()
    }
    const dueMs = this.#startMs + (nowNs - this.#startNs) / 1e6 / this.#speed
    const waitMs = dueMs - performance.now()
    return waitMs < EARLY_MS ? 0 : waitMs
  }

  async wait(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#over.signal }).catch(() => {})
  }

  /** Nothing is waited for any more. */
  stop(): void {
    this.#over.abort()
  }
}
