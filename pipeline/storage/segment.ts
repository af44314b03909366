/** What is known of a segment file while it is part of a log. Nothing of it grows with records. */
import { join } from 'node:path'
import {
  RECORD_HEADER_BYTES,
  SEGMENT_HEADER_BYTES,
  type SegmentName,
  segmentFileName,
} from './format.ts'

/** Records, and what they hold. */
export interface Count {
  records: number
  items: number
  /** Of payload. */
  bytes: number
}

/** A record that is or was leased, or that stands where the cursor does not come by. */
export interface Entry {
  readonly sequence: number
  readonly items: number
  readonly payloadBytes: number
  segment: Segment
  at: number
  state: 'free' | 'leased' | 'done'
}

export class Segment {
  readonly name: SegmentName
  readonly path: string
  /** Up to where the file holds what counts. */
  end = SEGMENT_HEADER_BYTES
  /** Records that are not done. */
  readonly live: Count = { records: 0, items: 0, bytes: 0 }
  /** Of these, what the cursor has not come by yet. */
  readonly unread: Count = { records: 0, items: 0, bytes: 0 }
  /** Of these, the others. */
  readonly entries = new Set<Entry>()

  constructor(folder: string, name: SegmentName) {
    this.name = name
    this.path = join(folder, segmentFileName(name))
  }

  /** Bytes of the file that must not be lost. */
  get liveBytes(): number {
    return this.live.bytes + this.live.records * RECORD_HEADER_BYTES
  }

  get deadBytes(): number {
    return this.end - this.liveBytes
  }
}

export function count(to: Count, { items, payloadBytes }: { items: number; payloadBytes: number }) {
  to.records++
  to.items += items
  to.bytes += payloadBytes
}

export function discount(
  from: Count,
  { items, payloadBytes }: { items: number; payloadBytes: number },
) {
  from.records--
  from.items -= items
  from.bytes -= payloadBytes
}
