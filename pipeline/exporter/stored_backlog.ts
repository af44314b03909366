/**
 * Requests wait on disk (`sending_queue::storage`), so that they outlive the process: a request is
 * there until it was sent, or given up, and comes back after a crash.
 *
 * After a reload the exporter that goes and the one that comes share the queue, and each may send
 * what the other took in. `#own` is what this one has taken in and not accounted for; who sends
 * more than that has taken it over from the other one, and says so.
 */
import type { Logger } from 'pino'
import type { Host } from '../component.ts'
import type { Ledger } from '../ledger.ts'
import type { OtlpBatch } from '../otlp/batch.ts'
import { type Outcome, retryable } from '../outcome.ts'
import { type Lease, type StoredQueue, storageOf } from '../storage/storage.ts'
import { type Backlog, type BacklogEvents, sizeOf } from './backlog.ts'
import { bookFailure, bookSent } from './books.ts'
import type { QueueConfig } from './options.ts'
import { decodeRecord, encodeRecord } from './record.ts'
import { NOT_SENT, Request, type RequestOwner } from './request.ts'
import { Room } from './room.ts'

interface Leased {
  readonly lease: Lease
  /** Some of it was not delivered as the time was over: it stays. */
  stays: boolean
}

export class StoredBacklog implements Backlog, RequestOwner {
  readonly outlivesProcess = true
  readonly #config: QueueConfig
  readonly #of: { ledger: Ledger; logger: Logger; events: BacklogEvents; name: string; id: string }
  readonly #room: Room
  readonly #leased = new Map<Request, Leased>()
  #queue: StoredQueue | undefined
  #endReady = () => {}
  readonly #appends = new Set<Promise<Outcome>>()
  /** Of records that are being written, in units of the sizer. */
  #entering = 0
  #own = 0
  #isStopped = false

  /** @param of.name the queue's, within its storage; `of.id` the exporter's, for messages */
  constructor(
    config: QueueConfig,
    of: { ledger: Ledger; logger: Logger; events: BacklogEvents; name: string; id: string },
  ) {
    this.#config = config
    this.#of = of
    this.#room = new Room({
      capacity: config.queue_size,
      blocks: config.block_on_overflow,
      size: () => this.size,
      ledger: of.ledger,
    })
  }

  get size(): number {
    const queue = this.#queue
    if (queue === undefined) return 0
    const { sizer } = this.#config
    const stored =
      sizer === 'requests' ? queue.records : sizer === 'items' ? queue.items : queue.bytes
    return stored + this.#entering
  }

  get bytes(): number {
    return this.#queue?.bytes ?? 0
  }

  get isFull(): boolean {
    return this.#isStopped || this.#room.isFull
  }

  held(): number {
    return this.#own
  }

  async start(host: Host): Promise<void> {
    const { logger, name, id, events } = this.#of
    const path = `exporters::${id}::sending_queue::storage`
    const storage = storageOf(host, { id: this.#config.storage, path })
    const queue = await storage.queue(name)
    this.#queue = queue
    this.#takeOver(queue.restored)
    this.#own = queue.restored
    this.#endReady = queue.onReady(() => {
      this.#room.freed()
      events.onReady()
    })
    if (queue.restored > 0) {
      const detail = { items: queue.restored, requests: queue.records }
      logger.info(detail, 'Found requests that were stored before; they are sent first')
    }
    events.onReady()
  }

  offer(batch: OtlpBatch): Outcome | Promise<Outcome> {
    const size = sizeOf(batch, this.#config.sizer)
    return this.#room.pass({ size, items: batch.items }, () => this.#enter(batch, size))
  }

  async take(): Promise<Request | undefined> {
    const { ledger, logger } = this.#of
    for (;;) {
      const lease = await this.#lease()
      if (lease === undefined) return undefined
      const batch = decodeRecord(lease.bytes)
      if (!('kind' in batch)) {
        const request = new Request(batch, this)
        this.#leased.set(request, { lease, stays: false })
        return request
      }
      // What another version wrote, or a disk has damaged in spite of its checksums.
      this.#account(lease.items)
      ledger.lost('undecodable', lease.items, { error: batch.reason })
      ledger.note('undecodable_requests', 1)
      logger.debug({ offset: batch.offset }, 'A stored request cannot be decoded')
      lease.done()
    }
  }

  stop(): void {
    this.#isStopped = true
    this.#endReady()
    this.#room.close()
  }

  async close(): Promise<void> {
    await Promise.all(this.#appends)
    this.#of.ledger.used('stored', this.#own)
    this.#own = 0
    const queue = this.#queue
    this.#queue = undefined
    await queue?.close()
  }

  settle(request: Request, items: number, outcome: Outcome): void {
    const { ledger } = this.#of
    if (outcome.kind === 'retryable' && this.#isStopped) {
      if (outcome !== NOT_SENT) ledger.note('send_failed', items)
      ;(this.#leased.get(request) as Leased).stays = true
      return
    }
    this.#account(items)
    if (outcome.kind === 'ok') bookSent(ledger, items)
    else bookFailure(ledger, { items, outcome, stopping: false })
  }

  end(request: Request): void {
    const { lease, stays } = this.#leased.get(request) as Leased
    this.#leased.delete(request)
    if (stays) lease.release()
    else lease.done()
    this.#room.freed()
  }

  #enter(batch: OtlpBatch, size: number): Outcome | Promise<Outcome> {
    if (this.#queue === undefined) return retryable('the exporter has not started')
    this.#entering += size
    const stored = this.#queue.append({ items: batch.items, parts: encodeRecord(batch) })
    if (!(stored instanceof Promise)) return this.#entered(batch, { size, outcome: stored })
    const entered = stored.then((outcome) => {
      this.#appends.delete(entered)
      return this.#entered(batch, { size, outcome })
    })
    this.#appends.add(entered)
    return entered
  }

  #entered(batch: OtlpBatch, { size, outcome }: { size: number; outcome: Outcome }): Outcome {
    this.#entering -= size
    if (outcome.kind === 'ok') {
      this.#own += batch.items
      this.#of.events.onReady()
    } else this.#of.ledger.note('refused_by_storage', batch.items)
    return outcome
  }

  async #lease(): Promise<Lease | undefined> {
    if (this.#isStopped) return undefined
    try {
      return await this.#queue?.lease()
    } catch (error) {
      this.#of.logger.error({ error: (error as Error).message }, 'Cannot read a stored request')
      return undefined
    }
  }

  #account(items: number): void {
    if (items > this.#own) this.#takeOver(items - this.#own)
    this.#own = Math.max(this.#own - items, 0)
  }

  #takeOver(items: number): void {
    if (items === 0) return
    this.#of.ledger.in += items
    this.#of.ledger.note('restored', items)
  }
}
