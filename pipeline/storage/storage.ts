/**
 * What a storage extension does for queues that outlive the process (`sending_queue::storage`).
 *
 * A `StoredQueue` holds records in order. Each is leased to one consumer at a time; a lease ends
 * with `done`, which deletes the record, or with `release`, which puts it back. A record without
 * `done` is there again after a crash: delivery is at least once.
 */
import type { Extension, Host } from '../component.ts'
import { notRunning } from '../extension_use.ts'
import type { Outcome } from '../outcome.ts'

export interface Storage extends Extension {
  /**
   * The queue with this name, made when it is not there. Callers of one name share one queue, each
   * by a handle of its own, so that after a reload the exporter that goes and the one that comes
   * work side by side. A name is kind, id and signal: `exporter/otlp/traces`. Throws when it cannot
   * be read or written.
   */
  queue(name: string): Promise<StoredQueue>
}

export interface StoredQueue {
  /** Records that are there, leased ones included. */
  readonly records: number
  /** What the records say that they hold (`StoredRecord.items`). */
  readonly items: number
  /** Payload bytes of the records. */
  readonly bytes: number
  /**
   * Items in records that were there when the queue was opened; 0 for a handle on a queue that was
   * open already, so that each item is restored to one exporter's books.
   */
  readonly restored: number

  /**
   * Appends a record. `ok`: it survives the process (and with `fsync` the machine). `retryable`:
   * nothing was taken, the reason says why (disk full, size cap). `permanent`: it is larger than
   * the size cap, and never fits. Never throws.
   */
  append(record: StoredRecord): Outcome | Promise<Outcome>

  /** The oldest record that nobody has, or undefined when there is none at the moment. */
  lease(): Promise<Lease | undefined>

  /**
   * Called whenever a record became free to lease, by whichever user's doing, and never within a
   * call of the listener's own user. Answers with a function that ends it.
   */
  onReady(listener: () => void): () => void

  /** Gives this use of the queue back; leases must have ended. The last user closes the files. */
  close(): Promise<void>
}

export interface StoredRecord {
  readonly items: number
  /** Concatenated. */
  readonly parts: readonly Uint8Array[]
}

export interface Lease {
  readonly items: number
  readonly bytes: Uint8Array
  /** Deletes the record. */
  done(): void
  /** Puts the record back where it was. */
  release(): void
}

/** Throws, naming the option `path`, unless the running extension `id` is a storage. */
export function storageOf(host: Host, { id, path }: { id: string; path: string }): Storage {
  const found = host.extension(id) as Partial<Storage> | undefined
  if (found?.queue !== undefined) return found as Storage
  const why = found === undefined ? notRunning(id) : `extension "${id}" is no storage`
  throw new Error(`${path}: ${why}`)
}
