/**
 * Takes batches over and delivers them in the background, a few at a time, merged if `batch` is on.
 *
 *     consume ─▶ backlog (memory or disk) ─▶ batcher ─▶ at most `num_consumers` at once ─▶ next
 *
 * A request is taken from the backlog only when somebody is free to send it, so that as long as the
 * backend is slow requests wait where their size counts, and batches grow to their `min_size`.
 */
import type { Logger } from 'pino'
import type { Host, Signal } from '../component.ts'
import type { Ledger } from '../ledger.ts'
import type { OtlpBatch } from '../otlp/batch.ts'
import type { Outcome, Retryable } from '../outcome.ts'
import type { Backlog } from './backlog.ts'
import { Batcher } from './batcher.ts'
import { rejecting } from './books.ts'
import { Fifo } from './fifo.ts'
import { LogLimit } from './log_limit.ts'
import { MemoryBacklog } from './memory_backlog.ts'
import type { QueueConfig } from './options.ts'
import { NOT_SENT, type Request, settleAll, type Work } from './request.ts'
import { QUEUE_FULL } from './room.ts'
import { DRAIN_DEADLINE_MS, type Sender } from './sender.ts'
import { StoredBacklog } from './stored_backlog.ts'

export interface QueueParts {
  readonly id: string
  readonly signal: OtlpBatch['signal']
  /** The pipeline's: two of one exporter do not share a queue. */
  readonly carries: Signal
  readonly next: Sender
  readonly ledger: Ledger
  readonly logger: Logger
}

export class SendingQueue {
  readonly backlog: Backlog
  readonly #consumers: number
  readonly #next: Sender
  readonly #logger: Logger
  readonly #logLimit = new LogLimit()
  readonly #batcher: Batcher | undefined
  readonly #ready = new Fifo<Work>()
  readonly #idle: (() => void)[] = []
  #sending = 0
  /** A request is being read from the disk. */
  #isTaking = false
  /** The end of the backlog was reached, and nothing has come since. */
  #isDry = true
  #stopping: Promise<void> | undefined
  #state: 'open' | 'draining' | 'over' = 'open'

  constructor(config: QueueConfig, { id, signal, carries, next, ledger, logger }: QueueParts) {
    this.#consumers = config.num_consumers
    this.#next = next
    this.#logger = logger
    const events = { onReady: () => this.#more() }
    const name = `exporter/${id}/${carries}`
    this.backlog =
      config.storage === ''
        ? new MemoryBacklog(config, { ledger, events })
        : new StoredBacklog(config, { ledger, logger, events, name, id })
    this.#batcher =
      config.batch && new Batcher(config.batch, { signal, logger, onDue: () => this.#pump() })
  }

  async start(host: Host): Promise<void> {
    await this.backlog.start?.(host)
  }

  /** `ok` as soon as the batch is in the queue; with `wait_for_result` once it has been sent. */
  consume(batch: OtlpBatch): Outcome | Promise<Outcome> {
    const { items } = batch
    const outcome = this.backlog.offer(batch)
    if (outcome instanceof Promise) return outcome.then((later) => this.#told(later, items))
    return this.#told(outcome, items)
  }

  refusal(): Retryable | undefined {
    if (this.#stopping !== undefined) return NOT_SENT
    return this.backlog.isFull ? QUEUE_FULL : undefined
  }

  held(): number {
    return this.backlog.held()
  }

  /**
   * What is in memory is delivered, within the deadline and with one attempt each, and the rest
   * counted as lost. What is on disk stays there, but for what is being sent.
   */
  shutdown(deadline?: AbortSignal): Promise<void> {
    this.#stopping ??= this.#shutdown(deadline ?? AbortSignal.timeout(DRAIN_DEADLINE_MS))
    return this.#stopping
  }

  async #shutdown(deadline: AbortSignal): Promise<void> {
    const { backlog } = this
    backlog.stop()
    this.#next.hurry(backlog.outlivesProcess ? 'give_up' : 'try_once_more')
    if (backlog.outlivesProcess) this.#abandon()
    else {
      this.#state = 'draining'
      this.#pump()
    }
    await this.#idleOr(deadline)
    this.#abandon()
    this.#next.close()
    await this.#whenIdle()
    await backlog.close()
  }

  /** Nothing more is sent; what is on its way may still arrive. */
  #abandon(): void {
    this.#state = 'over'
    for (const work of this.#batcher?.flush() ?? []) this.#ready.push(work)
    for (let work = this.#ready.shift(); work !== undefined; work = this.#ready.shift()) {
      settleAll(work, NOT_SENT)
    }
  }

  #more(): void {
    this.#isDry = false
    this.#pump()
  }

  #pump(): void {
    while (this.#state !== 'over' && this.#sending < this.#consumers) {
      const work = this.#ready.shift()
      if (work !== undefined) void this.#send(work)
      else if (this.#isTaking) break
      else if (!this.#isDry) this.#take()
      else {
        // Nobody waits for a batch to grow when the process is to end.
        const due = this.#batcher?.takeDue({ all: this.#state === 'draining' })
        if (due === undefined) break
        this.#ready.push(due)
      }
    }
    if (this.#isIdle) for (const resolve of this.#idle.splice(0)) resolve()
  }

  #take(): void {
    this.#isDry = true
    const taken = this.backlog.take()
    if (!(taken instanceof Promise)) {
      this.#took(taken)
      return
    }
    this.#isTaking = true
    void taken.then((request) => {
      this.#isTaking = false
      this.#took(request)
      this.#pump()
    })
  }

  #took(request: Request | undefined): void {
    if (request === undefined) return
    this.#isDry = false
    if (this.#state === 'over') settleAll(request.whole, NOT_SENT)
    else if (this.#batcher === undefined) this.#ready.push(request.whole)
    else for (const work of this.#batcher.add(request)) this.#ready.push(work)
  }

  async #send(work: Work): Promise<void> {
    this.#sending++
    const outcome = await this.#next.send(work.batch, {})
    settleAll(work, outcome)
    this.#sending--
    this.#pump()
  }

  /** When nothing is on its way: after `#pump` there is nothing left to send then. */
  get #isIdle(): boolean {
    return this.#sending === 0 && !this.#isTaking
  }

  #whenIdle(): Promise<void> {
    if (this.#isIdle) return Promise.resolve()
    return new Promise((resolve) => this.#idle.push(resolve))
  }

  async #idleOr(deadline: AbortSignal): Promise<void> {
    if (deadline.aborted) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const over = () => resolve()
    deadline.addEventListener('abort', over)
    await Promise.race([this.#whenIdle(), promise])
    deadline.removeEventListener('abort', over)
  }

  #told(outcome: Outcome, items: number): Outcome {
    if (outcome.kind !== 'ok') rejecting(this.#logger, { limit: this.#logLimit, outcome, items })
    return outcome
  }
}
