/**
 * Takes batches over and delivers them in the background, a few at a time.
 *
 * What is full refuses: the batch stays with the caller, as `retryable`. What was taken is either
 * sent or counted as lost, with the reason.
 */
import type { Ledger } from '../ledger.ts'
import type { OtlpBatch } from '../otlp/batch.ts'
import { OK, type Outcome, retryable } from '../outcome.ts'
import type { QueueConfig } from './options.ts'
import { DRAIN_DEADLINE_MS, type Sender } from './sender.ts'
import { settle } from './settle.ts'

const SHUTTING_DOWN = retryable('the exporter is shutting down')
const FULL = retryable('sending queue is full')

interface Blocked {
  readonly batch: OtlpBatch
  readonly resolve: (outcome: Outcome) => void
}

export class SendingQueue {
  readonly #config: QueueConfig
  readonly #next: Sender
  readonly #ledger: Ledger
  readonly #deadlineMs: number
  readonly #batches: OtlpBatch[] = []
  /** Callers that wait for room: as many as there are upstream, each with one batch. */
  readonly #blocked: Blocked[] = []
  readonly #idle: (() => void)[] = []
  #sending = 0
  #held = 0
  #stopping: Promise<void> | undefined

  constructor(
    config: QueueConfig,
    layers: { next: Sender; ledger: Ledger; drainDeadlineMs?: number },
  ) {
    this.#config = config
    this.#next = layers.next
    this.#ledger = layers.ledger
    this.#deadlineMs = layers.drainDeadlineMs ?? DRAIN_DEADLINE_MS
  }

  /** `ok` as soon as the batch is in the queue. */
  consume(batch: OtlpBatch): Outcome | Promise<Outcome> {
    if (this.#stopping !== undefined) return SHUTTING_DOWN
    if (this.#batches.length < this.#config.queue_size) {
      this.#take(batch)
      return OK
    }
    if (!this.#config.block_on_overflow) {
      this.#ledger.note('refused_queue_full', batch.items)
      return FULL
    }
    return new Promise((resolve) => this.#blocked.push({ batch, resolve }))
  }

  /** Items that wait or are on their way. */
  held(): number {
    return this.#held
  }

  /** Delivers what is held, within the deadline and with one attempt each; counts the rest. */
  shutdown(): Promise<void> {
    this.#stopping ??= this.#drain()
    return this.#stopping
  }

  async #drain(): Promise<void> {
    for (const { resolve } of this.#blocked.splice(0)) resolve(SHUTTING_DOWN)
    this.#next.hurry()
    let timer: NodeJS.Timeout | undefined
    const deadline = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, this.#deadlineMs)
    })
    await Promise.race([this.#whenIdle(), deadline])
    clearTimeout(timer)
    for (const { items } of this.#batches.splice(0)) {
      this.#held -= items
      this.#ledger.lost('shutdown', items)
    }
    this.#next.close()
    await this.#whenIdle()
  }

  #take(batch: OtlpBatch): void {
    this.#held += batch.items
    this.#batches.push(batch)
    this.#pump()
  }

  #pump(): void {
    while (this.#sending < this.#config.num_consumers) {
      const batch = this.#batches.shift()
      if (batch === undefined) break
      this.#sending++
      void this.#send(batch)
      this.#unblock()
    }
    if (this.#sending === 0) for (const resolve of this.#idle.splice(0)) resolve()
  }

  async #send(batch: OtlpBatch): Promise<void> {
    const outcome = await this.#next.send(batch)
    settle(this.#ledger, { batch, outcome, stopping: this.#stopping !== undefined })
    this.#held -= batch.items
    this.#sending--
    this.#pump()
  }

  #unblock(): void {
    const first = this.#blocked.shift()
    if (first === undefined) return
    this.#held += first.batch.items
    this.#batches.push(first.batch)
    first.resolve(OK)
  }

  #whenIdle(): Promise<void> {
    if (this.#sending === 0 && this.#batches.length === 0) return Promise.resolve()
    return new Promise((resolve) => this.#idle.push(resolve))
  }
}
