/**
 * The books of a log: how much it holds, and where the records are that the cursor has left behind.
 * Of those that wait before it there are sums alone.
 */
import type { Logger } from 'pino'
import type { Missing } from './cursor.ts'
import type { Ranges } from './ranges.ts'
import type { Damage, Recovered } from './recover.ts'
import { type Count, count, discount, type Entry, type Segment } from './segment.ts'
import type { Found } from './segment_reader.ts'
import type { Written } from './segment_writer.ts'

type Size = Pick<Entry, 'items' | 'payloadBytes'>

export class Records {
  /** Everything that is not done, leased or not. */
  readonly held: Count = { records: 0, items: 0, bytes: 0 }
  readonly damage: Damage
  /** What the cursor must not give out. */
  readonly passed: Ranges
  /** Behind the cursor and not leased, lowest number first. */
  readonly free: Entry[]
  readonly #logger: Logger

  constructor({ segments, passed, moved, damage }: Recovered, logger: Logger) {
    this.damage = damage
    this.passed = passed
    this.free = moved
    this.#logger = logger
    for (const { live } of segments) addTo(this.held, live)
  }

  /** A record that was appended. */
  add(segment: Segment, size: Size): void {
    for (const counts of [this.held, segment.live, segment.unread]) count(counts, size)
  }

  /** Takes one back that the cursor has not come to. */
  cancel(segment: Segment, { sequence, ...size }: Size & { sequence: number }): void {
    for (const counts of [this.held, segment.live, segment.unread]) discount(counts, size)
    this.passed.add(sequence)
  }

  /** Makes an entry of one that the cursor has not come to. */
  adopt(segment: Segment, found: Found): Entry {
    const { sequence, items, payloadBytes, at } = found
    discount(segment.unread, found)
    this.passed.add(sequence)
    const entry: Entry = { sequence, items, payloadBytes, segment, at, state: 'free' }
    segment.entries.add(entry)
    this.setFree(entry)
    return entry
  }

  setFree(entry: Entry): void {
    entry.state = 'free'
    const after = this.free.findIndex(({ sequence }) => sequence > entry.sequence)
    this.free.splice(after < 0 ? this.free.length : after, 0, entry)
  }

  finish(entry: Entry): void {
    if (entry.state === 'free') {
      const index = this.free.indexOf(entry)
      if (index >= 0) this.free.splice(index, 1)
    }
    entry.state = 'done'
    entry.segment.entries.delete(entry)
    discount(this.held, entry)
    discount(entry.segment.live, entry)
  }

  /** The record stands there from now on. */
  move(entry: Entry, { segment, at }: Written): void {
    entry.segment.entries.delete(entry)
    discount(entry.segment.live, entry)
    entry.segment = segment
    entry.at = at
    segment.entries.add(entry)
    count(segment.live, entry)
  }

  /** An entry that cannot be read any more. */
  lose(entry: Entry, reason: string): void {
    const { segment, items, payloadBytes: bytes } = entry
    this.#note({ segment, records: 1, items, bytes, reason })
    this.finish(entry)
  }

  /** Records before the cursor that cannot be read any more. */
  miss(missing: Missing): void {
    this.#note(missing)
    const { live, unread } = missing.segment
    addTo(this.held, unread, -1)
    addTo(live, unread, -1)
    addTo(unread, { ...unread }, -1)
  }

  #note({ segment, reason, records, items, bytes }: Missing): void {
    this.damage.records += records
    this.damage.bytes += bytes
    const where = { file: segment.path, records, items, bytes }
    this.#logger.error({ ...where, reason }, 'Stored records are lost')
  }
}

function addTo(sum: Count, { records, items, bytes }: Count, sign = 1): void {
  sum.records += sign * records
  sum.items += sign * items
  sum.bytes += sign * bytes
}
