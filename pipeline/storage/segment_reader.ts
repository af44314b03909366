/**
 * Reads the records of one segment file in order, and finds the next one after damage.
 *
 * Bytes that are no intact record header are stepped over one by one until the next is; whatever
 * the bytes are, it ends, and nothing is thrown. What the disk cannot read counts as zeros.
 */
import { closeSync, openSync, readSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import { decodeRecordHeader, RECORD_HEADER_BYTES, type RecordHeader, SYNC } from './format.ts'
import { reasonOf } from './reasons.ts'
import type { Entry } from './segment.ts'

/** Read at once: many small records; little beside a large one, whose rest is read for itself. */
const WINDOW_BYTES = 16 * 1024
/** What is read again piece by piece when a larger read fails. */
const BLOCK_BYTES = 4096

export interface Found extends RecordHeader {
  /** Where the record begins, and where the next one may. */
  readonly at: number
  readonly end: number
}

export class SegmentReader {
  readonly #fd: number
  readonly #salt: number
  readonly #window: Buffer
  /** The bytes of the file that the window holds. */
  #from = 0
  #to = 0
  /** The last error of the disk. */
  error: NodeJS.ErrnoException | undefined

  /** @param window memory to work in, at least a record's header; nobody else's meanwhile */
  constructor(fd: number, salt: number, window = Buffer.allocUnsafeSlow(WINDOW_BYTES)) {
    this.#fd = fd
    this.#salt = salt
    this.#window = window
  }

  /**
   * The first record at or after `at` that ends at or before `end`: its header is intact, its
   * payload need not be. Undefined when there is none.
   */
  next(at: number, end: number): Found | undefined {
    for (let from = at; from >= 0; from = this.#findSync(from + 1, end)) {
      const found = this.#recordAt(from, end)
      if (found !== undefined) return found
    }
    return undefined
  }

  /** @param end up to where it may read ahead */
  isIntact({ at, payloadBytes, payloadCrc }: Found, end: number): boolean {
    const from = at + RECORD_HEADER_BYTES
    let crc = 0
    for (let done = 0; done < payloadBytes; ) {
      const bytes = Math.min(payloadBytes - done, this.#window.length)
      const start = this.#fill(from + done, bytes, end)
      if (start < 0) return false
      crc = crc32(this.#window.subarray(start, start + bytes), crc)
      done += bytes
    }
    return crc === payloadCrc
  }

  /** The payload in memory of its own, or undefined when it is damaged. */
  payload({ at, payloadBytes, payloadCrc }: Found): Buffer | undefined {
    const from = at + RECORD_HEADER_BYTES
    const bytes = Buffer.allocUnsafe(payloadBytes)
    const start = from - this.#from
    if (start >= 0 && from + payloadBytes <= this.#to) {
      this.#window.copy(bytes, 0, start, start + payloadBytes)
    } else if (this.#read(bytes, from) < payloadBytes) return undefined
    return crc32(bytes) === payloadCrc ? bytes : undefined
  }

  /** The `length` bytes at `at`, or fewer at the end of the file. */
  bytes(at: number, length: number): Buffer {
    const bytes = Buffer.alloc(length)
    return bytes.subarray(0, this.#read(bytes, at))
  }

  #recordAt(at: number, end: number): Found | undefined {
    if (at + RECORD_HEADER_BYTES > end) return undefined
    const start = this.#fill(at, RECORD_HEADER_BYTES, end)
    if (start < 0) return undefined
    const header = decodeRecordHeader(this.#window, start, { salt: this.#salt, at })
    if (header === undefined) return undefined
    const recordEnd = at + RECORD_HEADER_BYTES + header.payloadBytes
    return recordEnd > end ? undefined : { ...header, at, end: recordEnd }
  }

  /** Where the next bytes stand that every record begins with, or -1. */
  #findSync(at: number, end: number): number {
    for (let from = at; from + RECORD_HEADER_BYTES <= end; ) {
      const start = this.#fill(from, RECORD_HEADER_BYTES, end)
      if (start < 0) return -1
      const held = this.#window.subarray(0, this.#to - this.#from)
      const found = held.indexOf(SYNC, start)
      if (found >= 0) return this.#from + found
      // The first of the bytes that are looked for may be the last ones of the window.
      from = this.#to - (SYNC.length - 1)
    }
    return -1
  }

  /** Where in the window the bytes at `at` stand, or -1 when the file has not so many. */
  #fill(at: number, length: number, end: number): number {
    if (at < this.#from || at + length > this.#to) {
      const wanted = Math.min(this.#window.length, end - at)
      this.#from = at
      this.#to = at + this.#read(this.#window.subarray(0, wanted), at)
      if (at + length > this.#to) return -1
    }
    return at - this.#from
  }

  /** How many bytes there were; fewer than asked for only at the end of the file. */
  #read(into: Buffer, at: number): number {
    for (let done = 0; ; ) {
      if (done === into.length) return done
      try {
        const bytes = readSync(this.#fd, into, done, into.length - done, at + done)
        if (bytes === 0) return done
        done += bytes
      } catch (error) {
        this.error = error as NodeJS.ErrnoException
        return done + this.#readBlocks(into.subarray(done), at + done)
      }
    }
  }

  /** Block by block, as one that cannot be read need not take its neighbours along. */
  #readBlocks(into: Buffer, at: number): number {
    for (let done = 0; done < into.length; ) {
      const length = Math.min(into.length - done, BLOCK_BYTES - ((at + done) % BLOCK_BYTES))
      try {
        const bytes = readSync(this.#fd, into, done, length, at + done)
        if (bytes === 0) return done
        done += bytes
      } catch {
        into.fill(0, done, done + length)
        done += length
      }
    }
    return into.length
  }
}

export interface Unreadable {
  readonly reason: string
  /** Nothing is gone: it may be read later. */
  readonly isPassing: boolean
}

/** The payload of one record, from a file that is opened for it. */
export function readEntry({ segment, at, sequence }: Entry): Buffer | Unreadable {
  let fd: number
  try {
    fd = openSync(segment.path, 'r')
  } catch (error) {
    return openProblem(error)
  }
  try {
    const reader = new SegmentReader(fd, segment.name.salt, Buffer.allocUnsafe(RECORD_HEADER_BYTES))
    const found = reader.next(at, segment.end)
    const payload = found?.sequence === sequence ? reader.payload(found) : undefined
    return payload ?? { reason: 'damaged since it was written', isPassing: false }
  } finally {
    closeSync(fd)
  }
}

/** Too many open files are over some time; a file that is not there is not. */
export function openProblem(error: unknown): Unreadable {
  const { code } = error as NodeJS.ErrnoException
  return { reason: `cannot open it: ${reasonOf(error)}`, isPassing: code !== 'ENOENT' }
}
