/**
 * An append-only log in segment files that is read as a queue.
 *
 *     head                                              tail
 *     ┌───────────┐ ┌───────────┐ ┌───────────┐ ┌──────────▶
 *     │ · · L · · │ │ · · · · L │ │ · ├ ┄ ┄ ┄ │ │ ┄ ┄ ┄     records are appended here
 *     └───────────┘ └───────────┘ └───│───────┘ └──────────▶
 *      · done   L leased              cursor: what is behind it is done, or has an entry in memory;
 *      ┄ waiting                      what is before it has none, and is read when its turn comes
 *
 * Segments are deleted from the head, once all in them is done. When the size cap presses and the
 * oldest are mostly dead, what lives in them is copied to the tail first.
 */
import { closeSync, mkdirSync, openSync, rmSync } from 'node:fs'
import type { Logger } from 'pino'
import { OK, type Outcome, permanent, retryable } from '../outcome.ts'
import type { Budget } from './budget.ts'
import { Cursor, type Missing } from './cursor.ts'
import { RECORD_HEADER_BYTES } from './format.ts'
import { Ranges } from './ranges.ts'
import { type Damage, type Recovered, recover } from './recover.ts'
import { type Count, count, discount, type Entry, type Segment } from './segment.ts'
import { SegmentReader } from './segment_reader.ts'
import { reasonOf, SegmentWriter, type Written } from './segment_writer.ts'
import type { StoredRecord } from './storage.ts'

/** A record has its length in 32 bits, and its bytes in one Buffer when it is read. */
const RECORD_BYTES_MAX = 1024 * 1024 * 1024

export interface LogOptions {
  readonly folder: string
  readonly budget: Budget
  readonly logger: Logger
  /** Called whenever a record became free to lease. */
  onReady(): void
  /** Called when the disk refuses, with the reason, and when it takes data again. */
  onDisk(problem: string | undefined): void
}

export class SegmentLog {
  /** Records that are there, whether leased or not. */
  readonly held: Count = { records: 0, items: 0, bytes: 0 }
  /** What of it was there when the log was opened. */
  readonly restored: Readonly<Count>
  readonly damage: Damage
  readonly #options: LogOptions
  readonly #segments: Segment[]
  readonly #writer: SegmentWriter
  readonly #cursor: Cursor
  readonly #passed: Ranges
  /** Behind the cursor, not leased, lowest number first. */
  readonly #free: Entry[]
  /** Done, and not yet said so in the log. */
  #unsaid: Entry[] = []
  #nextSequence: number
  #flush: NodeJS.Immediate | undefined
  #isClosed = false

  private constructor(options: LogOptions, recovered: Recovered) {
    this.#options = options
    this.#segments = recovered.segments
    this.#passed = recovered.passed
    this.#free = recovered.moved
    this.#nextSequence = recovered.nextSequence
    this.damage = recovered.damage
    for (const { live, end } of this.#segments) {
      this.#add(live, 1)
      options.budget.used += end
    }
    this.restored = { ...this.held }
    this.#writer = new SegmentWriter({
      ...options,
      nextNumber: recovered.nextNumber,
      onNew: (segment) => this.#segments.push(segment),
    })
    if (recovered.tail !== undefined) this.#writer.resume(recovered.tail)
    this.#cursor = new Cursor({
      segments: this.#segments,
      passed: this.#passed,
      onMissing: (missing) => this.#missing(missing),
    })
    options.budget.reclaimers.add(this.#reclaim)
    this.#dropHead()
  }

  /** Makes the folder when it is not there. Throws when it cannot be read or written. */
  static async open(options: LogOptions): Promise<SegmentLog> {
    mkdirSync(options.folder, { recursive: true, mode: 0o700 })
    return new SegmentLog(options, await recover(options.folder, options.logger))
  }

  /** Bytes of the files. */
  get diskBytes(): number {
    return this.#segments.reduce((sum, { end }) => sum + end, 0)
  }

  append({ items, parts }: StoredRecord): Outcome | Promise<Outcome> {
    const { budget, onDisk, onReady } = this.#options
    if (this.#isClosed) return retryable('the queue is closed')
    const payloadBytes = parts.reduce((sum, part) => sum + part.length, 0)
    const bytes = payloadBytes + RECORD_HEADER_BYTES
    if (bytes > Math.min(RECORD_BYTES_MAX, budget.recordBytesMax)) {
      return permanent(`a record of ${bytes} bytes does not fit into the storage`)
    }
    this.#sayDone()
    if (!budget.hasRoomFor(bytes)) return retryable(this.#full())
    const record = { type: 'data', sequence: this.#nextSequence, items, parts } as const
    let written = this.#writer.write(record)
    // The disk is fuller than the cap allows for: what is dead in the log may make room.
    if ('reason' in written && budget.reclaim()) written = this.#writer.write(record)
    if ('reason' in written) {
      onDisk(written.reason)
      return retryable(written.reason)
    }
    this.#nextSequence++
    count(this.held, { items, payloadBytes })
    count(written.segment.live, { items, payloadBytes })
    count(written.segment.unread, { items, payloadBytes })
    onDisk(undefined)
    onReady()
    return budget.limits.fsync ? this.#synced(written, { items, sequence: record.sequence }) : OK
  }

  /** The oldest record that is free, now leased. */
  lease(): { entry: Entry; payload: Buffer } | undefined {
    if (this.#isClosed) return undefined
    for (let entry = this.#free.shift(); entry !== undefined; entry = this.#free.shift()) {
      const payload = this.#read(entry)
      if (payload !== undefined) {
        entry.state = 'leased'
        return { entry, payload }
      }
      this.#forget(entry)
    }
    const next = this.#cursor.next()
    if (next !== undefined) next.entry.segment.entries.add(next.entry)
    return next
  }

  /** Deletes the record, if it is not deleted already. */
  done(entry: Entry): void {
    if (entry.state === 'done' || this.#isClosed) return
    if (entry.state === 'free') this.#free.splice(this.#free.indexOf(entry), 1)
    this.#finish(entry)
    this.#unsaid.push(entry)
    // All that is done in one turn of the event loop is said in one record.
    this.#flush ??= setImmediate(() => this.#sayDone())
    this.#dropHead()
  }

  /** Lets others have the record. */
  release(entry: Entry): void {
    if (entry.state !== 'leased' || this.#isClosed) return
    entry.state = 'free'
    const after = this.#free.findIndex(({ sequence }) => sequence > entry.sequence)
    this.#free.splice(after < 0 ? this.#free.length : after, 0, entry)
    this.#options.onReady()
  }

  /** Says what is done, and closes the files. Safe twice. */
  close(): void {
    if (this.#isClosed) return
    this.#sayDone()
    this.#isClosed = true
    clearImmediate(this.#flush)
    this.#options.budget.reclaimers.delete(this.#reclaim)
    this.#cursor.close()
    this.#writer.seal()
  }

  /** Waits until the disk has it; otherwise the record is taken back, unless it is on its way. */
  async #synced(
    { segment, at, payloadBytes }: Written,
    { items, sequence }: { items: number; sequence: number },
  ): Promise<Outcome> {
    try {
      await this.#writer.sync()
      return OK
    } catch (error) {
      const reason = `cannot sync ${segment.path}: ${reasonOf(error)}`
      this.#options.onDisk(reason)
      if (this.#isClosed) return retryable(reason)
      // The kernel may have forgotten what it could not write: nothing is built on that file.
      if (this.#writer.tail === segment) this.#writer.seal()
      if (!this.#cursor.hasPassed({ segment, at })) {
        for (const counts of [this.held, segment.live, segment.unread]) {
          discount(counts, { items, payloadBytes })
        }
        this.#passed.add(sequence)
      }
      return retryable(reason)
    }
  }

  #add({ records, items, bytes }: Count, sign: 1 | -1): void {
    this.held.records += sign * records
    this.held.items += sign * items
    this.held.bytes += sign * bytes
  }

  #full(): string {
    const { used, limits, reserve } = this.#options.budget
    return `the storage is full: ${used} of max_size ${limits.maxBytes} bytes, ${reserve} in reserve`
  }

  /** Writes `done` records. Where that fails they wait: until then a crash repeats them. */
  #sayDone(): void {
    clearImmediate(this.#flush)
    this.#flush = undefined
    // The end of a segment says it too.
    this.#unsaid = this.#unsaid.filter(({ segment }) => !segment.isDeleted)
    if (this.#unsaid.length === 0) return
    const ranges = new Ranges()
    for (const { sequence } of this.#unsaid) ranges.add(sequence)
    for (const payload of ranges.encode()) {
      if (!this.#options.budget.hasReserveFor(payload.length + RECORD_HEADER_BYTES)) return
      const parts = [payload]
      const written = this.#writer.write({ type: 'done', sequence: 0, items: 0, parts })
      if ('reason' in written) {
        this.#options.onDisk(written.reason)
        return
      }
    }
    this.#unsaid = []
  }

  #read(entry: Entry): Buffer | undefined {
    const { segment, at } = entry
    try {
      const fd = openSync(segment.path, 'r')
      try {
        const reader = new SegmentReader(fd, segment.name.salt, RECORD_HEADER_BYTES)
        const found = reader.next(at, segment.end)
        return found?.sequence === entry.sequence ? reader.payload(found) : undefined
      } finally {
        closeSync(fd)
      }
    } catch {
      return undefined
    }
  }

  /** An entry that cannot be read any more. */
  #forget(entry: Entry): void {
    this.#lose({ segment: entry.segment, ...oneOf(entry), reason: 'damaged since it was written' })
    this.#finish(entry)
    this.#dropHead()
  }

  /** Records before the cursor that cannot be read any more. */
  #missing(missing: Missing): void {
    const { segment } = missing
    this.#lose(missing)
    this.#add(segment.unread, -1)
    for (const key of ['records', 'items', 'bytes'] as const) {
      segment.live[key] -= segment.unread[key]
      segment.unread[key] = 0
    }
  }

  #lose({ segment, reason, records, items, bytes }: Missing): void {
    this.damage.records += records
    this.damage.bytes += bytes
    const { logger } = this.#options
    logger.error({ file: segment.path, records, items, bytes, reason }, 'Stored records are lost')
  }

  #finish(entry: Entry): void {
    entry.state = 'done'
    entry.segment.entries.delete(entry)
    discount(this.held, entry)
    discount(entry.segment.live, entry)
  }

  /** Deletes segments from the head while nothing in them lives. */
  #dropHead(): boolean {
    let any = false
    for (let head = this.#segments[0]; head !== undefined; head = this.#segments[0]) {
      if (head.live.records > 0 || head === this.#writer.tail) break
      try {
        rmSync(head.path, { force: true })
      } catch (error) {
        // Those after it stay too: what they say is done may be in this one.
        this.#options.onDisk(`cannot delete ${head.path}: ${reasonOf(error)}`)
        break
      }
      head.isDeleted = true
      this.#segments.shift()
      this.#options.budget.used -= head.end
      any = true
    }
    return any
  }

  /**
   * Gives up the head for copies of what lives in it. Worth it when the segments from the head on,
   * up to one of those that the cursor has left, hold more that is dead than they hold that lives:
   * so each byte that is appended is copied once, at most, for each byte that becomes free.
   */
  readonly #reclaim = (): boolean => {
    let balance = 0
    const isWorthIt = this.#segments.some((segment) => {
      balance += segment.deadBytes - segment.liveBytes
      return this.#cursor.isPast(segment) && segment !== this.#writer.tail && balance >= 0
    })
    const head = this.#segments[0]
    if (!isWorthIt || head === undefined || !this.#cursor.isPast(head)) return false
    for (const entry of [...head.entries]) if (!this.#move(entry)) return false
    try {
      // The only other copy is about to be deleted.
      this.#writer.syncSync()
    } catch (error) {
      this.#options.onDisk(reasonOf(error))
      return false
    }
    return this.#dropHead()
  }

  #move(entry: Entry): boolean {
    const { segment: from, sequence, items, payloadBytes } = entry
    if (!this.#options.budget.hasReserveFor(payloadBytes + RECORD_HEADER_BYTES)) return false
    const payload = this.#read(entry)
    if (payload === undefined) {
      this.#free.splice(0, this.#free.length, ...this.#free.filter((free) => free !== entry))
      this.#forget(entry)
      return true
    }
    const written = this.#writer.write({ type: 'moved', sequence, items, parts: [payload] })
    if ('reason' in written) return false
    from.entries.delete(entry)
    discount(from.live, entry)
    entry.segment = written.segment
    entry.at = written.at
    count(written.segment.live, entry)
    written.segment.entries.add(entry)
    return true
  }
}

function oneOf({ items, payloadBytes }: Entry): Count {
  return { records: 1, items, bytes: payloadBytes }
}
