/** Waits and tries again, ever longer, until it succeeds, is pointless, or has taken too long. */
import type { Logger } from 'pino'
import type { OtlpBatch } from '../otlp/batch.ts'
import type { Outcome } from '../outcome.ts'
import { LogLimit } from './log_limit.ts'
import type { RetryConfig } from './options.ts'
import type { Hurry, SendContext, Sender } from './sender.ts'

const WILL_RETRY = 'Exporting failed. Will retry the request after interval.'
/** A longer timer fires at once; a server may well ask for more. */
const TIMER_MS_MAX = 2 ** 31 - 1

export class Retry implements Sender {
  readonly #config: RetryConfig
  readonly #next: Sender
  readonly #logger: Logger
  readonly #logLimit = new LogLimit()
  /** Ends the waits. */
  readonly #waiting = new Set<() => void>()
  #hurry: Hurry | undefined

  constructor(config: RetryConfig, layers: { next: Sender; logger: Logger }) {
    this.#config = config
    this.#next = layers.next
    this.#logger = layers.logger
  }

  async send(batch: OtlpBatch, context: SendContext): Promise<Outcome> {
    const { initial_interval, max_interval, max_elapsed_time, multiplier } = this.#config
    const started = performance.now()
    let interval = initial_interval
    for (let retry_num = 0; ; retry_num++) {
      const hurried = this.#hurry !== undefined
      context.span?.addEvent('Sending request.', { retry_num })
      const outcome = await this.#next.send(batch, context)
      if (outcome.kind === 'ok') return outcome
      if (outcome.kind === 'permanent') return because('not retryable error', outcome)
      if (hurried) return outcome
      // The server's word is a lower bound: it knows when it will be there again.
      const delay = Math.max(this.#jittered(interval), outcome.afterMs ?? 0)
      const elapsed = performance.now() - started
      if (max_elapsed_time > 0 && elapsed + delay > max_elapsed_time) {
        return because('no more retries left', outcome)
      }
      if (this.#hurry === undefined) {
        this.#tell(context, { error: outcome.reason, delay, items: batch.items })
        await this.#wait(delay)
      }
      if ((this.#hurry as Hurry | undefined) === 'give_up') return because('shutting down', outcome)
      interval = Math.min(interval * multiplier, max_interval)
    }
  }

  hurry(waiting: Hurry): void {
    this.#hurry = waiting
    for (const wake of this.#waiting) wake()
    this.#next.hurry(waiting)
  }

  close(): void {
    this.hurry('give_up')
    this.#next.close()
  }

  #jittered(interval: number): number {
    const spread = this.#config.randomization_factor * interval
    return interval - spread + Math.random() * 2 * spread
  }

  /** Resolves after the delay, or when `hurry` is called. */
  async #wait(delayMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const wake = () => {
        clearTimeout(timer)
        this.#waiting.delete(wake)
        resolve()
      }
      const timer = setTimeout(wake, Math.min(delayMs, TIMER_MS_MAX))
      this.#waiting.add(wake)
    })
  }

  #tell(
    { span }: SendContext,
    { error, delay, items }: { error: string; delay: number; items: number },
  ): void {
    const interval = `${(delay / 1000).toFixed(1)}s`
    span?.addEvent(WILL_RETRY, { interval, error })
    if (this.#logLimit.pass()) this.#logger.info({ error, interval, items }, WILL_RETRY)
  }
}

function because<T extends Exclude<Outcome, { kind: 'ok' }>>(why: string, outcome: T): T {
  return { ...outcome, reason: `${why}: ${outcome.reason}` }
}
