/** Walks through the segments of a log, record by record, behind the writer. */
import { closeSync, openSync } from 'node:fs'
import type { Ranges } from './ranges.ts'
import { type Count, discount, type Entry, type Segment } from './segment.ts'
import { type Found, openProblem, SegmentReader, type Unreadable } from './segment_reader.ts'

export interface Missing extends Count {
  readonly segment: Segment
  readonly reason: string
}

export class Cursor {
  readonly #segments: readonly Segment[]
  readonly #passed: Ranges
  /** Told of records that were there when the log was opened or written, and are not any more. */
  readonly #onMissing: (missing: Missing) => void
  #segment: Segment | undefined
  #at = 0
  #fd = -1
  #reader: SegmentReader | undefined
  #problem: Unreadable | undefined

  constructor(of: {
    segments: readonly Segment[]
    passed: Ranges
    onMissing: (missing: Missing) => void
  }) {
    this.#segments = of.segments
    this.#passed = of.passed
    this.#onMissing = of.onMissing
  }

  /** Whether the segment is behind the cursor: what lives of it has an entry. */
  isPast(segment: Segment): boolean {
    return this.#segment !== undefined && segment.name.number < this.#segment.name.number
  }

  /** Whether the cursor has come by this place. */
  hasPassed({ segment, at }: { segment: Segment; at: number }): boolean {
    return this.isPast(segment) || (segment === this.#segment && at < this.#at)
  }

  /** The next record that is not done, now the caller's; undefined at the end of the log. */
  next(): { entry: Entry; payload: Buffer } | undefined {
    for (;;) {
      const segment = this.#current()
      if (segment === undefined) return undefined
      const found = this.#reader?.next(this.#at, segment.end)
      if (found === undefined) {
        if (!this.#leave(segment)) return undefined
        continue
      }
      this.#at = found.end
      const taken = this.#take(segment, found)
      if (taken !== undefined) return taken
    }
  }

  /** Whether there is more to read that cannot be opened at the moment. */
  get isStalled(): boolean {
    return this.#problem?.isPassing === true
  }

  close(): void {
    if (this.#fd >= 0) closeSync(this.#fd)
    this.#fd = -1
    this.#reader = undefined
  }

  #take(segment: Segment, found: Found): { entry: Entry; payload: Buffer } | undefined {
    if (found.type !== 'data' || this.#passed.has(found.sequence)) return undefined
    const payload = this.#reader?.payload(found)
    // Damaged since it was counted: it is missing when the segment ends.
    if (payload === undefined) return undefined
    discount(segment.unread, found)
    const { sequence, items, payloadBytes, at } = found
    return { entry: { sequence, items, payloadBytes, segment, at, state: 'leased' }, payload }
  }

  /** The segment to read in, opened. */
  #current(): Segment | undefined {
    if (this.#segment === undefined) this.#enter(this.#segments[0])
    return this.#segment
  }

  #enter(segment: Segment | undefined): void {
    this.close()
    this.#segment = segment
    this.#at = 0
    this.#problem = undefined
    if (segment === undefined || segment.unread.records === 0) return
    this.#open(segment)
  }

  #open(segment: Segment): void {
    this.#problem = undefined
    try {
      this.#fd = openSync(segment.path, 'r')
      this.#reader = new SegmentReader(this.#fd, segment.name.salt)
    } catch (error) {
      this.#problem = openProblem(error)
    }
  }

  /** At the end of a segment: goes on to the next; false when there is none, or not now. */
  #leave(segment: Segment): boolean {
    // A segment that had nothing to read when it was entered may be the one that is written to.
    const isUnopened = this.#fd < 0 && (this.#problem === undefined || this.#problem.isPassing)
    if (segment.unread.records > 0 && isUnopened) {
      this.#open(segment)
      return !this.isStalled
    }
    if (segment.unread.records > 0) {
      const reason = this.#problem?.reason ?? 'damaged since it was written'
      this.#onMissing({ segment, reason, ...segment.unread })
    }
    this.#at = segment.end
    const next = this.#segments[this.#segments.indexOf(segment) + 1]
    if (next === undefined) return false
    this.#enter(next)
    return !this.isStalled
  }
}
