/** Waits and tries again, ever longer, until it succeeds, is pointless, or has taken too long. */
import type { Logger } from 'pino'
import type { OtlpBatch } from '../otlp/batch.ts'
import { type Outcome, retryable } from '../outcome.ts'
import type { RetryConfig } from './options.ts'
import type { Sender } from './sender.ts'

/** A backend that is down fails every batch: one line in this time tells as much. */
const LOG_INTERVAL_MS = 10_000

export class Retry implements Sender {
  readonly #config: RetryConfig
  readonly #next: Sender
  readonly #logger: Logger
  /** Ends the waits. */
  readonly #waiting = new Set<() => void>()
  #hurried = false
  #lastLog = Number.NEGATIVE_INFINITY

  constructor(config: RetryConfig, layers: { next: Sender; logger: Logger }) {
    this.#config = config
    this.#next = layers.next
    this.#logger = layers.logger
  }

  async send(batch: OtlpBatch): Promise<Outcome> {
    const { initial_interval, max_interval, max_elapsed_time, multiplier } = this.#config
    const started = performance.now()
    let interval = initial_interval
    for (;;) {
      const hurried = this.#hurried
      const outcome = await this.#next.send(batch)
      if (outcome.kind !== 'retryable' || hurried) return outcome
      // The server's word is a lower bound: it knows when it will be there again.
      const delay = Math.max(this.#jittered(interval), outcome.afterMs ?? 0)
      const elapsed = performance.now() - started
      if (max_elapsed_time > 0 && elapsed + delay > max_elapsed_time) {
        return retryable(`no more retries left: ${outcome.reason}`)
      }
      this.#log(outcome.reason, { delay, items: batch.items })
      await this.#wait(delay)
      interval = Math.min(interval * multiplier, max_interval)
    }
  }

  hurry(): void {
    this.#hurried = true
    for (const wake of this.#waiting) wake()
    this.#next.hurry()
  }

  close(): void {
    this.hurry()
    this.#next.close()
  }

  #jittered(interval: number): number {
    const spread = this.#config.randomization_factor * interval
    return interval - spread + Math.random() * 2 * spread
  }

  /** Resolves after the delay, or when `hurry` is called. */
  async #wait(delayMs: number): Promise<void> {
    if (this.#hurried) return
    await new Promise<void>((resolve) => {
      const wake = () => {
        clearTimeout(timer)
        this.#waiting.delete(wake)
        resolve()
      }
      const timer = setTimeout(wake, delayMs)
      this.#waiting.add(wake)
    })
  }

  #log(error: string, detail: { delay: number; items: number }): void {
    const now = performance.now()
    if (now - this.#lastLog < LOG_INTERVAL_MS) return
    this.#lastLog = now
    const interval = `${(detail.delay / 1000).toFixed(1)}s`
    this.#logger.info(
      { error, interval, items: detail.items },
      'Exporting failed. Will retry the request after interval.',
    )
  }
}
