/** Requests wait in memory. What was taken over is sent, or counted as lost with the reason. */
import type { Ledger } from '../ledger.ts'
import type { OtlpBatch } from '../otlp/batch.ts'
import { OK, type Outcome } from '../outcome.ts'
import { type Backlog, type BacklogEvents, sizeOf } from './backlog.ts'
import { bookFailure, bookSent } from './books.ts'
import { Fifo } from './fifo.ts'
import type { QueueConfig } from './options.ts'
import { NOT_SENT, Request, type RequestOwner } from './request.ts'
import { Room } from './room.ts'

/** A caller that hears what becomes of its request, and whose the request is until then. */
interface Waiting {
  readonly resolve: (outcome: Outcome) => void
  sent: number
  outcome: Outcome
}

export class MemoryBacklog implements Backlog, RequestOwner {
  readonly outlivesProcess = false
  readonly #config: QueueConfig
  readonly #ledger: Ledger
  readonly #events: BacklogEvents
  readonly #room: Room
  readonly #requests = new Fifo<Request>()
  readonly #waiting = new Map<Request, Waiting>()
  #size = 0
  #bytes = 0
  #held = 0
  #isStopped = false

  constructor(config: QueueConfig, of: { ledger: Ledger; events: BacklogEvents }) {
    this.#config = config
    this.#ledger = of.ledger
    this.#events = of.events
    this.#room = new Room({
      capacity: config.queue_size,
      blocks: config.block_on_overflow,
      size: () => this.#size,
      ledger: of.ledger,
    })
  }

  get size(): number {
    return this.#size
  }

  get bytes(): number {
    return this.#bytes
  }

  get isFull(): boolean {
    return this.#isStopped || this.#room.isFull
  }

  held(): number {
    return this.#held
  }

  offer(batch: OtlpBatch): Outcome | Promise<Outcome> {
    const size = sizeOf(batch, this.#config.sizer)
    return this.#room.pass({ size, items: batch.items }, () => this.#enter(batch, size))
  }

  take(): Request | undefined {
    return this.#requests.shift()
  }

  stop(): void {
    this.#isStopped = true
    this.#room.close()
  }

  async close(): Promise<void> {
    for (let request = this.take(); request !== undefined; request = this.take()) {
      request.settle(request.batch.items, NOT_SENT)
    }
  }

  settle(request: Request, items: number, outcome: Outcome): void {
    const waiting = this.#waiting.get(request)
    if (waiting !== undefined) {
      if (outcome.kind === 'ok') waiting.sent += items
      else if (waiting.outcome.kind !== 'retryable') waiting.outcome = outcome
      return
    }
    this.#held -= items
    if (outcome.kind === 'ok') bookSent(this.#ledger, items)
    else bookFailure(this.#ledger, { items, outcome, stopping: this.#isStopped })
  }

  end(request: Request): void {
    this.#size -= sizeOf(request.batch, this.#config.sizer)
    this.#bytes -= request.batch.bytes.length
    const waiting = this.#waiting.get(request)
    if (waiting !== undefined) {
      this.#waiting.delete(request)
      this.#answer(request, waiting)
    }
    this.#room.freed()
  }

  #enter(batch: OtlpBatch, size: number): Outcome | Promise<Outcome> {
    const request = new Request(batch, this)
    this.#size += size
    this.#bytes += batch.bytes.length
    this.#requests.push(request)
    if (!this.#config.wait_for_result) {
      this.#held += batch.items
      this.#events.onReady()
      return OK
    }
    const { promise, resolve } = Promise.withResolvers<Outcome>()
    this.#waiting.set(request, { resolve, sent: 0, outcome: OK })
    this.#events.onReady()
    return promise
  }

  #answer({ batch }: Request, { sent, outcome, resolve }: Waiting): void {
    if (outcome.kind !== 'ok') {
      // The caller keeps all of it, and what was sent of it in another batch may go twice: the
      // books say so, as the part that was sent was taken in too.
      this.#ledger.in += sent
      this.#ledger.note('send_failed', batch.items - sent)
      this.#ledger.note('refused_after_sending', batch.items)
    }
    bookSent(this.#ledger, sent)
    resolve(outcome)
  }
}
