/**
 * Reads a log that an earlier process left: what is live, what is damaged, where to go on.
 *
 * Segments are read last to first, because a `done` record is never in an earlier segment than the
 * record that it is about: so when a record is met, everything that can be said of it is known. In
 * memory are ranges of sequence numbers, and the record headers of one segment at a time.
 */
import {
  closeSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
} from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Logger } from 'pino'
import {
  decodeSegmentHeader,
  parseSegmentFileName,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
  VERSION,
} from './format.ts'
import { Ranges } from './ranges.ts'
import { reasonOf } from './reasons.ts'
import { count, type Entry, Segment } from './segment.ts'
import { type Found, SegmentReader } from './segment_reader.ts'

/** Read at once; a log is read whole when it is opened. */
const WINDOW_BYTES = 1024 * 1024
/** Damage beyond that is counted and no longer logged. */
const DAMAGE_LOGGED_MAX = 20

export interface Damage {
  /** Records that are lost, as far as the numbers around them tell; at least one a place. */
  records: number
  bytes: number
  /** Cut off at the end: what was being written when the process was killed. */
  tornBytes: number
}

export interface Recovered {
  /** By number. */
  readonly segments: Segment[]
  /** The last one, when it can be written on. */
  readonly tail: Segment | undefined
  /** Records out of their place, lowest number first. */
  readonly moved: Entry[]
  /** What the cursor must pass over: done, or moved elsewhere. */
  readonly passed: Ranges
  readonly nextSequence: number
  readonly nextNumber: number
  readonly damage: Damage
}

/** Throws when the folder cannot be read, or holds what a newer flowspan wrote. */
export async function recover(folder: string, logger: Logger): Promise<Recovered> {
  const segments = listSegments(folder)
  refuseNewer(segments)
  const recovery = new Recovery(logger)
  recovery.dropStubs(segments)
  for (let i = segments.length - 1; i >= 0; i--) {
    recovery.read(segments[i] as Segment, i === segments.length - 1)
    await nextTurn()
  }
  return recovery.result(segments)
}

function listSegments(folder: string): Segment[] {
  return readdirSync(folder, { withFileTypes: true })
    .flatMap((file) => {
      const name = file.isFile() ? parseSegmentFileName(file.name) : undefined
      return name === undefined ? [] : [new Segment(folder, name)]
    })
    .sort((a, b) => a.name.number - b.name.number || a.name.salt - b.name.salt)
}

/** Before anything is touched. */
function refuseNewer(segments: readonly Segment[]): void {
  for (const { path, name } of segments) {
    const fd = openSync(path, 'r')
    try {
      const version =
        headerOf(new SegmentReader(fd, name.salt, Buffer.alloc(0)), name)?.version ?? VERSION
      if (version !== VERSION) {
        throw new Error(
          `${path} has format ${version} and this flowspan knows ${VERSION} alone: ` +
            'run the version that wrote it until the queue is empty, or move the file away',
        )
      }
    } finally {
      closeSync(fd)
    }
  }
}

function headerOf(reader: SegmentReader, name: Segment['name']): SegmentHeader | undefined {
  return decodeSegmentHeader(reader.bytes(0, SEGMENT_HEADER_BYTES), name)
}

class Recovery {
  readonly #logger: Logger
  readonly #window = Buffer.allocUnsafeSlow(WINDOW_BYTES)
  readonly #passed = new Ranges()
  readonly #moved = new Map<number, Entry>()
  readonly #damage: Damage = { records: 0, bytes: 0, tornBytes: 0 }
  #places = 0
  #maxSequence = 0
  #tail: Segment | undefined

  constructor(logger: Logger) {
    this.#logger = logger
  }

  result(segments: Segment[]): Recovered {
    const { records, bytes, tornBytes } = this.#damage
    if (this.#places > DAMAGE_LOGGED_MAX) {
      this.#logger.error({ places: this.#places, records, bytes }, 'The log is damaged in places')
    }
    return {
      segments,
      tail: this.#tail,
      moved: [...this.#moved.values()].sort((a, b) => a.sequence - b.sequence),
      passed: this.#passed,
      // A number that stands in a damaged place must not be given again: what is said of it there
      // would come true if the disk remembers later. There is at most one number a byte.
      nextSequence: Math.max(this.#maxSequence, this.#passed.max) + 1 + bytes + tornBytes,
      nextNumber: (segments.at(-1)?.name.number ?? 0) + 1,
      damage: this.#damage,
    }
  }

  /** Segments at the end that were not even begun when the process was killed. */
  dropStubs(segments: Segment[]): void {
    for (let last = segments.at(-1); last !== undefined; last = segments.at(-1)) {
      const { size } = statSync(last.path)
      if (size >= SEGMENT_HEADER_BYTES) return
      rmSync(last.path)
      segments.pop()
      this.#damage.tornBytes += size
    }
  }

  read(segment: Segment, isLast: boolean): void {
    const fd = openSync(segment.path, isLast ? 'r+' : 'r')
    try {
      const size = fstatSync(fd).size
      const reader = new SegmentReader(fd, segment.name.salt, this.#window)
      const header = headerOf(reader, segment.name)
      if (header !== undefined) this.#maxSequence = Math.max(this.#maxSequence, header.first - 1)
      else if (size > 0) {
        this.#damaged(segment, { from: 0, to: Math.min(size, SEGMENT_HEADER_BYTES), records: 0 })
      }
      const { live, end } = this.#scan(segment, { reader, size })
      segment.end = Math.max(end, SEGMENT_HEADER_BYTES)
      this.#settle(segment, live)
      // What the disk cannot read now it may read another time: nothing of that is cut off.
      if (isLast && reader.error === undefined) {
        this.#cut(segment, { fd, size })
        if (header !== undefined) this.#tail = segment
      } else {
        if (size > segment.end) this.#damaged(segment, { from: end, to: size, records: 1 })
        segment.end = Math.max(size, SEGMENT_HEADER_BYTES)
      }
      if (reader.error !== undefined) {
        const reason = reasonOf(reader.error)
        this.#logger.error({ file: segment.path, reason }, 'The disk cannot read all of the log')
      }
    } finally {
      closeSync(fd)
    }
  }

  /** The records of the segment, and where the last intact one ends. */
  #scan(segment: Segment, { reader, size }: { reader: SegmentReader; size: number }) {
    const live: Found[] = []
    let end = SEGMENT_HEADER_BYTES
    /** Of the record of type `data` before this one, if it is in this segment. */
    let last = -1
    for (let at = end; ; ) {
      const found = reader.next(at, size)
      if (found === undefined) break
      at = found.end
      if (!reader.isIntact(found, size)) continue
      if (found.at > end) {
        const isCounted = found.type === 'data' && last >= 0
        const missing = isCounted ? found.sequence - last - 1 : 1
        this.#damaged(segment, { from: end, to: found.at, records: Math.max(1, missing) })
      }
      end = at
      if (found.type === 'done') {
        const payload = reader.payload(found)
        if (payload !== undefined) this.#passed.addEncoded(payload)
        continue
      }
      live.push(found)
      if (found.type === 'data') last = found.sequence
    }
    return { live, end }
  }

  /** Once all that is said of them is known: what lives is counted, or becomes an entry. */
  #settle(segment: Segment, found: readonly Found[]): void {
    for (const record of found) {
      const { type, sequence, items, payloadBytes, at } = record
      this.#maxSequence = Math.max(this.#maxSequence, sequence)
      if (this.#passed.has(sequence)) continue
      count(segment.live, record)
      if (type === 'data') {
        count(segment.unread, record)
        continue
      }
      const entry: Entry = { sequence, items, payloadBytes, segment, at, state: 'free' }
      this.#moved.set(sequence, entry)
      segment.entries.add(entry)
      this.#passed.add(sequence)
    }
  }

  /** What stands behind the last intact record was never answered with `ok`. */
  #cut(segment: Segment, { fd, size }: { fd: number; size: number }): void {
    const torn = size - segment.end
    if (torn <= 0) return
    ftruncateSync(fd, segment.end)
    this.#damage.tornBytes += torn
    this.#logger.warn(
      { file: segment.path, offset: segment.end, bytes: torn },
      'Cut off a record that was not written to its end',
    )
  }

  #damaged(segment: Segment, place: { from: number; to: number; records: number }): void {
    const bytes = place.to - place.from
    this.#damage.records += place.records
    this.#damage.bytes += bytes
    if (++this.#places > DAMAGE_LOGGED_MAX) return
    this.#logger.error(
      { file: segment.path, offset: place.from, bytes, records: place.records },
      'Passed over a damaged place of the log',
    )
  }
}
