/** Copies records to the end of the log, when the file that they are in is given up or gone. */
import { closeSync } from 'node:fs'
import type { Logger } from 'pino'
import type { Budget } from './budget.ts'
import type { Cursor } from './cursor.ts'
import { RECORD_HEADER_BYTES } from './format.ts'
import { reasonOf } from './reasons.ts'
import type { Records } from './records.ts'
import type { Entry, Segment } from './segment.ts'
import { type Found, readEntry, SegmentReader } from './segment_reader.ts'
import type { SegmentWriter } from './segment_writer.ts'

export interface SurvivorsOf {
  readonly segments: readonly Segment[]
  readonly writer: SegmentWriter
  readonly cursor: Cursor
  readonly records: Records
  readonly budget: Budget
  readonly logger: Logger
  onDisk(problem: string): void
}

export class Survivors {
  readonly #of: SurvivorsOf

  constructor(of: SurvivorsOf) {
    this.#of = of
  }

  /**
   * Copies what lives in the head, so that it can be deleted; answers whether it can. Worth it when
   * the segments from the head on, up to one that the cursor has left, hold more that is dead than
   * they hold that lives: so for each byte that is copied at least one becomes free.
   */
  saveHead(): boolean {
    const { segments, cursor, writer, onDisk } = this.#of
    let balance = 0
    const isWorthIt = segments.some((segment) => {
      balance += segment.deadBytes - segment.liveBytes
      return cursor.isPast(segment) && segment !== writer.tail && balance >= 0
    })
    const head = segments[0]
    if (!isWorthIt || head === undefined || !cursor.isPast(head)) return false
    if (![...head.entries].every((entry) => this.#move(entry))) return false
    try {
      // The only other copy is about to be deleted.
      writer.syncSync()
    } catch (error) {
      onDisk(`cannot sync: ${reasonOf(error)}`)
      return false
    }
    return true
  }

  /** Writes the records of a file that somebody deleted again, if it is the one written to. */
  saveDeleted(): void {
    const { writer, records, logger } = this.#of
    const { tail } = writer
    if (tail === undefined || !writer.isDeleted) return
    logger.error({ file: tail.path }, 'The file was deleted while in use; writing it again')
    const fd = writer.detach()
    try {
      const reader = new SegmentReader(fd, tail.name.salt)
      const entries = new Map([...tail.entries].map((entry) => [entry.at, entry]))
      for (let at = 0; ; ) {
        const found = reader.next(at, tail.end)
        if (found === undefined) break
        at = found.end
        const isWaiting = !entries.has(found.at) && this.#isWaiting(tail, found)
        const entry = isWaiting ? records.adopt(tail, found) : entries.get(found.at)
        const payload = entry === undefined ? undefined : reader.payload(found)
        if (entry !== undefined && payload !== undefined) this.#copy(entry, payload)
      }
    } finally {
      closeSync(fd)
    }
  }

  #isWaiting(segment: Segment, { type, sequence, at }: Found): boolean {
    const { cursor, records } = this.#of
    return type === 'data' && !cursor.hasPassed({ segment, at }) && !records.passed.has(sequence)
  }

  #move(entry: Entry): boolean {
    const { budget, records } = this.#of
    if (!budget.hasReserveFor(entry.payloadBytes + RECORD_HEADER_BYTES)) return false
    const read = readEntry(entry)
    if (Buffer.isBuffer(read)) return this.#copy(entry, read)
    if (!read.isPassing) records.lose(entry, read.reason)
    return !read.isPassing
  }

  #copy(entry: Entry, payload: Buffer): boolean {
    const { writer, records } = this.#of
    const { sequence, items } = entry
    const written = writer.write({ type: 'moved', sequence, items, parts: [payload] })
    if ('reason' in written) return false
    records.move(entry, written)
    return true
  }
}
