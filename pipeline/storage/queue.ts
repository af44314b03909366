/** One log that several users share as a queue, each through a handle of its own. */
import { type Outcome, retryable } from '../outcome.ts'
import type { Entry } from './segment.ts'
import type { SegmentLog } from './segment_log.ts'
import type { Lease, StoredQueue, StoredRecord } from './storage.ts'

const CLOSED = retryable('the queue is closed')

export class SharedQueue {
  readonly log: SegmentLog
  readonly #handles = new Set<QueueHandle>()
  readonly #onUnused: () => void

  /** @param onUnused called when the last user has closed its handle; the log is closed by then */
  constructor(log: SegmentLog, onUnused: () => void) {
    this.log = log
    this.#onUnused = onUnused
  }

  /** Undefined when the last user has closed it already. */
  handle(): StoredQueue | undefined {
    if (this.log.isClosed) return undefined
    // Whoever comes second finds nothing restored: it is in the books of the first.
    const restored = this.#handles.size === 0 ? this.log.restored.items : 0
    const handle: QueueHandle = new QueueHandle(this.log, {
      restored,
      leave: () => this.#left(handle),
    })
    this.#handles.add(handle)
    return handle
  }

  /** A record became free to lease. */
  ready(): void {
    for (const handle of this.#handles) handle.ready()
  }

  /** Takes the log away from whoever has a handle. */
  closeAll(): void {
    for (const handle of this.#handles) handle.letGo()
  }

  #left(handle: QueueHandle): void {
    this.#handles.delete(handle)
    if (this.#handles.size > 0) return
    this.log.close()
    this.#onUnused()
  }
}

class QueueHandle implements StoredQueue {
  readonly restored: number
  readonly #log: SegmentLog
  readonly #leave: () => void
  readonly #leased = new Set<Entry>()
  #listener: (() => void) | undefined
  #isClosed = false

  constructor(log: SegmentLog, of: { restored: number; leave: () => void }) {
    this.restored = of.restored
    this.#log = log
    this.#leave = of.leave
  }

  get records(): number {
    return this.#log.held.records
  }

  get items(): number {
    return this.#log.held.items
  }

  get bytes(): number {
    return this.#log.held.bytes
  }

  append(record: StoredRecord): Outcome | Promise<Outcome> {
    return this.#isClosed ? CLOSED : this.#log.append(record)
  }

  async lease(): Promise<Lease | undefined> {
    const leased = this.#isClosed ? undefined : this.#log.lease()
    if (leased === undefined) return undefined
    const { entry, payload } = leased
    this.#leased.add(entry)
    return {
      items: entry.items,
      bytes: payload,
      // Also when the record was put back meanwhile: it has been delivered, whoever has it now.
      done: () => {
        this.#leased.delete(entry)
        this.#log.done(entry)
      },
      release: () => {
        // A lease that has ended must not end the one that somebody else has by now.
        if (this.#leased.delete(entry)) this.#log.release(entry)
      },
    }
  }

  onReady(listener: () => void): () => void {
    this.#listener = listener
    return () => {
      if (this.#listener === listener) this.#listener = undefined
    }
  }

  async close(): Promise<void> {
    this.letGo()
  }

  ready(): void {
    this.#listener?.()
  }

  letGo(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#listener = undefined
    for (const entry of this.#leased) this.#log.release(entry)
    this.#leased.clear()
    this.#leave()
  }
}
