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
import { mkdirSync, rmSync } from 'node:fs'
import type { Logger } from 'pino'
import { OK, type Outcome, permanent, retryable } from '../outcome.ts'
import type { Budget } from './budget.ts'
import { Cursor } from './cursor.ts'
import { RECORD_HEADER_BYTES, SEGMENT_HEADER_BYTES } from './format.ts'
import { Ranges } from './ranges.ts'
import { reasonOf } from './reasons.ts'
import { Records } from './records.ts'
import { type Damage, type Recovered, recover } from './recover.ts'
import type { Count, Entry, Segment } from './segment.ts'
import { readEntry } from './segment_reader.ts'
import { SegmentWriter, type Written } from './segment_writer.ts'
import type { StoredRecord } from './storage.ts'
import { Survivors } from './survivors.ts'

/** A record has its length in 32 bits, and its bytes in one Buffer when it is read. */
const RECORD_BYTES_MAX = 1024 * 1024 * 1024
/** How often the file that is written to is looked for, at most. */
const LOOK_INTERVAL_MS = 1000
/** When a file that could not be opened is tried again. */
const STALL_MS = 1000

/** Why an append was not taken: the size cap, or the disk. */
export type Refusal = 'size' | 'disk'

export interface LogOptions {
  readonly folder: string
  readonly budget: Budget
  readonly logger: Logger
  /** For tests: how often the file that is written to is looked for, at most. */
  readonly lookIntervalMs?: number
  /** Called whenever a record became free to lease. */
  onReady(): void
  /** Called when the disk refuses, with the reason, and when it takes data again. */
  onDisk(problem: string | undefined): void
  /** Called when nothing was taken of an append. */
  onRefused(why: Refusal): void
}

/** A record that is the caller's until `done` or `release`. */
export interface Leased {
  readonly entry: Entry
  readonly payload: Buffer
}

export class SegmentLog {
  /** What was there when the log was opened. */
  readonly restored: Readonly<Count>
  readonly #options: LogOptions
  readonly #segments: Segment[]
  readonly #records: Records
  readonly #writer: SegmentWriter
  readonly #cursor: Cursor
  readonly #survivors: Survivors
  /** Done, and not yet said so in the log. */
  readonly #unsaid = new Ranges()
  #nextSequence: number
  #flush: NodeJS.Immediate | undefined
  #stall: NodeJS.Timeout | undefined
  #lookedAt = performance.now()
  #hasProblem = false
  #isClosed = false

  private constructor(options: LogOptions, recovered: Recovered) {
    const { segments, tail, nextNumber } = recovered
    this.#options = options
    this.#segments = segments
    this.#records = new Records(recovered, options.logger)
    this.restored = { ...this.held }
    this.#nextSequence = recovered.nextSequence
    this.#writer = new SegmentWriter({
      ...options,
      nextNumber,
      first: () => this.#nextSequence,
      onNew: (segment) => segments.push(segment),
    })
    if (tail !== undefined) this.#writer.resume(tail)
    this.#cursor = new Cursor({
      segments,
      passed: this.#records.passed,
      onMissing: (missing) => this.#records.miss(missing),
    })
    this.#survivors = new Survivors({
      ...options,
      segments,
      writer: this.#writer,
      cursor: this.#cursor,
      records: this.#records,
      onDisk: (problem) => this.#disk(problem),
    })
    for (const { end } of segments) options.budget.used += end
    options.budget.reclaimers.add(this.#reclaim)
    this.#dropHead()
  }

  /** Makes the folder when it is not there. Throws when it cannot be read or written. */
  static async open(options: LogOptions): Promise<SegmentLog> {
    mkdirSync(options.folder, { recursive: true, mode: 0o700 })
    return new SegmentLog(options, await recover(options.folder, options.logger))
  }

  /** Records that are there, whether leased or not. */
  get held(): Readonly<Count> {
    return this.#records.held
  }

  get damage(): Readonly<Damage> {
    return this.#records.damage
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Bytes of the files. */
  get diskBytes(): number {
    return this.#segments.reduce((sum, { end }) => sum + end, 0)
  }

  append({ items, parts }: StoredRecord): Outcome | Promise<Outcome> {
    const { budget, onReady, onRefused } = this.#options
    if (this.#isClosed) return retryable('the queue is closed')
    const payloadBytes = parts.reduce((sum, part) => sum + part.length, 0)
    const bytes = payloadBytes + RECORD_HEADER_BYTES
    if (bytes > Math.min(RECORD_BYTES_MAX, budget.recordBytesMax)) {
      onRefused('size')
      return permanent(`a record of ${bytes} bytes does not fit into the storage`)
    }
    this.#look()
    this.#sayDone()
    if (!budget.hasRoomFor(bytes)) {
      onRefused('size')
      return retryable(budget.fullReason)
    }
    const record = { type: 'data', sequence: this.#nextSequence, items, parts } as const
    let written = this.#writer.write(record)
    // The disk is fuller than the cap allows for: what is dead in the log may make room.
    if ('reason' in written && budget.reclaim()) written = this.#writer.write(record)
    if ('reason' in written) {
      onRefused('disk')
      this.#disk(written.reason)
      return retryable(written.reason)
    }
    this.#nextSequence++
    this.#records.add(written.segment, { items, payloadBytes })
    this.#disk(undefined)
    onReady()
    return budget.limits.fsync ? this.#synced(written, { items, sequence: record.sequence }) : OK
  }

  /** The oldest record that is free. */
  lease(): Leased | undefined {
    if (this.#isClosed) return undefined
    const { free } = this.#records
    for (let entry = free[0]; entry !== undefined; entry = free[0]) {
      const read = readEntry(entry)
      if (Buffer.isBuffer(read)) {
        free.shift()
        entry.state = 'leased'
        return { entry, payload: read }
      }
      if (read.isPassing) return this.#stalled()
      this.#records.lose(entry, read.reason)
      this.#dropHead()
    }
    const next = this.#cursor.next()
    if (next !== undefined) next.entry.segment.entries.add(next.entry)
    else if (this.#cursor.isStalled) return this.#stalled()
    return next
  }

  /** Deletes the record, if it is not deleted already. */
  done(entry: Entry): void {
    if (entry.state === 'done' || this.#isClosed) return
    this.#records.finish(entry)
    this.#unsaid.add(entry.sequence)
    // All that is done in one turn of the event loop is said in one record.
    this.#flush ??= setImmediate(() => this.#sayDone())
    this.#dropHead()
  }

  /** Lets others have the record. */
  release(entry: Entry): void {
    if (entry.state !== 'leased' || this.#isClosed) return
    this.#records.setFree(entry)
    this.#options.onReady()
  }

  /** Says what is done, and closes the files. Safe twice. */
  close(): void {
    if (this.#isClosed) return
    this.#sayDone()
    this.#isClosed = true
    clearImmediate(this.#flush)
    clearTimeout(this.#stall)
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
      this.#options.onRefused('disk')
      this.#disk(reason)
      if (this.#isClosed) return retryable(reason)
      // The kernel may have forgotten what it could not write: nothing is built on that file.
      if (this.#writer.tail === segment) this.#writer.seal()
      if (!this.#cursor.hasPassed({ segment, at })) {
        this.#records.cancel(segment, { sequence, items, payloadBytes })
      }
      return retryable(reason)
    }
  }

  /** Writes `done` records. Where that fails they wait: until then a crash repeats them. */
  #sayDone(): void {
    clearImmediate(this.#flush)
    this.#flush = undefined
    if (this.#unsaid.count === 0) return
    for (const payload of this.#unsaid.encode()) {
      const { budget } = this.#options
      if (!budget.hasRoomForDone(payload.length + RECORD_HEADER_BYTES)) return
      const parts = [payload]
      const written = this.#writer.write({ type: 'done', sequence: 0, items: 0, parts })
      if ('reason' in written) {
        this.#disk(written.reason)
        return
      }
    }
    this.#unsaid.clear()
    this.#disk(undefined)
  }

  /** What is there cannot be read at the moment. */
  #stalled(): undefined {
    this.#stall ??= setTimeout(() => {
      this.#stall = undefined
      this.#options.onReady()
    }, STALL_MS)
  }

  #disk(problem: string | undefined): void {
    if (problem === undefined && !this.#hasProblem) return
    this.#hasProblem = problem !== undefined
    this.#options.onDisk(problem)
  }

  /** Looks now and then whether the file that is written to is still there. */
  #look(): void {
    const now = performance.now()
    if (now - this.#lookedAt < (this.#options.lookIntervalMs ?? LOOK_INTERVAL_MS)) return
    this.#lookedAt = now
    this.#survivors.saveDeleted()
    this.#dropHead()
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
        this.#disk(`cannot delete ${head.path}: ${reasonOf(error)}`)
        break
      }
      this.#segments.shift()
      this.#options.budget.used -= head.end
      any = true
    }
    return any
  }

  readonly #reclaim = (): boolean => {
    const [head] = this.#segments
    const isAllDone = head === this.#writer.tail && head?.live.records === 0
    // The end of the log is never deleted otherwise, but it may be what a large record needs.
    if (isAllDone && head.end > SEGMENT_HEADER_BYTES) this.#writer.seal()
    else if (!this.#survivors.saveHead()) return false
    return this.#dropHead()
  }
}
