/**
 * Appends records to the last segment, and begins a new one when that is full.
 *
 * A write that fails leaves the log as it was: what is half in the file is cut off again, and where
 * even that fails nothing is ever appended behind it.
 */
import {
  closeSync,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  rmSync,
  writevSync,
} from 'node:fs'
import { dirname } from 'node:path'
import type { Budget } from './budget.ts'
import {
  crcOfParts,
  encodeRecordHeader,
  encodeSegmentHeader,
  newSegmentName,
  RECORD_HEADER_BYTES,
  type RecordType,
  SEGMENT_HEADER_BYTES,
} from './format.ts'
import { reasonOf } from './reasons.ts'
import { Segment } from './segment.ts'

/** Linux takes so many pieces in one write (IOV_MAX), one of them being the header. */
const PARTS_MAX = 1023

export interface NewRecord {
  readonly type: RecordType
  readonly sequence: number
  readonly items: number
  readonly parts: readonly Uint8Array[]
}

export interface Written {
  readonly segment: Segment
  readonly at: number
  readonly payloadBytes: number
}

export interface Failed {
  /** For a person: what failed where, and why. */
  readonly reason: string
}

export class SegmentWriter {
  readonly #folder: string
  readonly #budget: Budget
  /** The lowest sequence number that a new record can have. */
  readonly #first: () => number
  /** Called with each new segment, once it is there. */
  readonly #onNew: (segment: Segment) => void
  #nextNumber: number
  /** Whether the segment has copies of which the originals may be gone by the time it is sealed. */
  #hasCopies = false
  #tail: Segment | undefined
  #fd = -1
  /** Whether something was written that no sync has covered. */
  #dirty = false
  /** Why the segment before this one could not be synced: for those who wait for it. */
  #lostSync: unknown
  #syncing: Promise<void> | undefined
  #nextSync: Promise<void> | undefined

  constructor(of: {
    folder: string
    budget: Budget
    nextNumber: number
    first: () => number
    onNew: (segment: Segment) => void
  }) {
    this.#folder = of.folder
    this.#budget = of.budget
    this.#nextNumber = of.nextNumber
    this.#first = of.first
    this.#onNew = of.onNew
  }

  /** The segment that is written to, if there is one. */
  get tail(): Segment | undefined {
    return this.#tail
  }

  /** Goes on in a segment that an earlier process began. Throws when it cannot be opened. */
  resume(segment: Segment): void {
    this.#fd = openSync(segment.path, 'r+')
    this.#tail = segment
  }

  write(record: NewRecord): Written | Failed {
    const payloadBytes = record.parts.reduce((sum, part) => sum + part.length, 0)
    const bytes = RECORD_HEADER_BYTES + payloadBytes
    const { segmentBytes } = this.#budget.limits
    let tail = this.#tail
    if (tail !== undefined && tail.end > SEGMENT_HEADER_BYTES && tail.end + bytes > segmentBytes) {
      this.seal()
      tail = undefined
    }
    if (tail === undefined) {
      const begun = this.#begin()
      if ('reason' in begun) return begun
      tail = begun
    }
    const at = tail.end
    const parts = record.parts.length > PARTS_MAX ? [Buffer.concat(record.parts)] : record.parts
    const { type, sequence, items } = record
    const header = encodeRecordHeader(
      { type, sequence, items, payloadBytes, payloadCrc: crcOfParts(parts) },
      { salt: tail.name.salt, at },
    )
    const reason = this.#put([header, ...parts], { at, bytes })
    if (reason !== undefined) return { reason: `cannot write to ${tail.path}: ${reason}` }
    tail.end += bytes
    this.#budget.used += bytes
    this.#dirty = true
    this.#hasCopies ||= type === 'moved'
    return { segment: tail, at, payloadBytes }
  }

  /** The next record goes into a new segment. */
  seal(): void {
    if (this.#tail === undefined) return
    const fd = this.#fd
    this.#tail = undefined
    this.#fd = -1
    try {
      const mustSync = this.#hasCopies || this.#budget.limits.fsync
      if (this.#dirty && mustSync) fdatasyncSync(fd)
    } catch (error) {
      this.#lostSync = error
    }
    this.#dirty = false
    this.#hasCopies = false
    // A sync that is under way in another thread needs the descriptor for as long.
    if (this.#syncing === undefined) closeSync(fd)
    else this.#syncing.finally(() => closeSync(fd)).catch(() => {})
  }

  /** Resolves when the disk has all that was written before; rejects when it never will. */
  sync(): Promise<void> {
    if (this.#syncing === undefined) {
      this.#syncing = this.#syncNow().finally(() => {
        this.#syncing = undefined
      })
      return this.#syncing
    }
    // That one may have begun before the last write.
    this.#nextSync ??= this.#syncing
      .catch(() => {})
      .then(() => {
        this.#nextSync = undefined
        return this.sync()
      })
    return this.#nextSync
  }

  /** The same at once. Throws. */
  syncSync(): void {
    this.#throwLost()
    if (this.#fd < 0 || !this.#dirty) return
    fdatasyncSync(this.#fd)
    this.#dirty = false
    this.#hasCopies = false
  }

  /** Whether somebody deleted the file that is written to. */
  get isDeleted(): boolean {
    return this.#fd >= 0 && fstatSync(this.#fd).nlink === 0
  }

  /** Gives the file descriptor away; the next record goes into a new segment. */
  detach(): number {
    const fd = this.#fd
    this.#tail = undefined
    this.#fd = -1
    this.#dirty = false
    this.#hasCopies = false
    return fd
  }

  #throwLost(): void {
    const lost = this.#lostSync
    this.#lostSync = undefined
    if (lost !== undefined) throw lost
  }

  async #syncNow(): Promise<void> {
    // What else this turn of the event loop writes is covered as well.
    await undefined
    this.#throwLost()
    const fd = this.#fd
    if (fd < 0 || !this.#dirty) return
    this.#dirty = false
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    fdatasync(fd, (error) => (error === null ? resolve() : reject(error)))
    await promise
  }

  #begin(): Segment | Failed {
    const segment = new Segment(this.#folder, newSegmentName(this.#nextNumber))
    let fd: number
    try {
      fd = this.#create(segment.path)
    } catch (error) {
      return { reason: `cannot create ${segment.path}: ${reasonOf(error)}` }
    }
    this.#fd = fd
    const header = encodeSegmentHeader(segment.name, this.#first())
    let reason = this.#put([header], { at: 0, bytes: header.length })
    if (reason === undefined && this.#budget.limits.fsync) reason = this.#syncFolders()
    if (reason !== undefined) {
      closeSync(fd)
      this.#fd = -1
      removeIfPossible(segment.path)
      return { reason: `cannot write to ${segment.path}: ${reason}` }
    }
    this.#budget.used += header.length
    this.#nextNumber++
    this.#tail = segment
    this.#onNew(segment)
    return segment
  }

  /** Makes the folder again when somebody deleted that. */
  #create(path: string): number {
    try {
      return openSync(path, 'wx+', 0o600)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      mkdirSync(this.#folder, { mode: 0o700 })
      return openSync(path, 'wx+', 0o600)
    }
  }

  /** So that the name of a new file survives as well as its content, and that of its folder. */
  #syncFolders(): string | undefined {
    try {
      for (const folder of [this.#folder, dirname(this.#folder)]) syncFolder(folder)
    } catch (error) {
      return reasonOf(error)
    }
    return undefined
  }

  /** All or nothing; why not, if nothing. */
  #put(parts: Uint8Array[], { at, bytes }: { at: number; bytes: number }): string | undefined {
    let reason: string
    try {
      const written = writevSync(this.#fd, parts, at)
      if (written === bytes) return undefined
      // The rest does not fit, or a signal came: the second write would tell which.
      const rest = Buffer.concat(parts).subarray(written)
      const more = writevSync(this.#fd, [rest], at + written)
      if (more === rest.length) return undefined
      reason = `only ${written + more} of ${bytes} bytes were taken`
    } catch (error) {
      reason = reasonOf(error)
    }
    try {
      ftruncateSync(this.#fd, at)
    } catch {
      this.seal()
    }
    return reason
  }
}

function syncFolder(folder: string): void {
  const fd = openSync(folder, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

/** What stays is a segment without a record, which the next start removes. */
function removeIfPossible(path: string): void {
  try {
    rmSync(path, { force: true })
  } catch {}
}
