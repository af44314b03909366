/**
 * Reads a recording's blocks out of chunks of its file. What is damaged ends it, at the place that
 * is named, and all before counts. Nothing is allocated by a length that was not checked.
 */
import { zstdDecompressSync } from 'node:zlib'
import {
  BLOCK_HEAD_BYTES,
  ENCODING,
  FORMAT_VERSION,
  formatVersion,
  HEADER_BYTES,
  isIntact,
  isRecording,
  readBlockHead,
} from './format.ts'

export interface Block {
  readonly type: number
  readonly content: Buffer
}

/** From which byte of the file on, and why. */
export interface Damage {
  readonly byte: number
  readonly reason: string
}

export class RecordingReader {
  #pending: Buffer = Buffer.alloc(0)
  /** Of the file: where `#pending` begins. */
  #byte = 0
  #isBegun = false
  #bad: Damage | undefined

  /** Why no more can be read. */
  get bad(): Damage | undefined {
    return this.#bad
  }

  /** Bytes of what was read whole. */
  get bytes(): number {
    return this.#byte
  }

  feed(chunk: Buffer): void {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk])
  }

  /** The next block; undefined where more of the file is needed, or it is `bad`. */
  next(): Block | undefined {
    if (this.#bad !== undefined || !this.#header()) return undefined
    const bytes = this.#pending
    if (bytes.length < BLOCK_HEAD_BYTES) return undefined
    const head = readBlockHead(bytes)
    if (head === undefined) return this.#damaged('no block begins here')
    const end = BLOCK_HEAD_BYTES + head.stored
    if (bytes.length < end) return undefined
    const stored = bytes.subarray(BLOCK_HEAD_BYTES, end)
    if (!isIntact(bytes, stored)) return this.#damaged('a block does not have its checksum')
    const content = contentOf(stored, head)
    if (content === undefined) return this.#damaged('a block cannot be decompressed')
    this.#skip(end)
    return { type: head.type, content }
  }

  /** The file has ended. */
  finish(): void {
    if (this.#pending.length > 0 && this.#bad === undefined) this.#damaged('the file was cut here')
  }

  #header(): boolean {
    if (this.#isBegun) return true
    if (this.#pending.length < HEADER_BYTES) return false
    const version = formatVersion(this.#pending)
    if (!isRecording(this.#pending)) this.#damaged('it is no recording')
    else if (version !== FORMAT_VERSION) {
      this.#damaged(`it has version ${version} of the format, and only ${FORMAT_VERSION} is known`)
    } else {
      this.#skip(HEADER_BYTES)
      this.#isBegun = true
    }
    return this.#isBegun
  }

  #skip(bytes: number): void {
    this.#pending = this.#pending.subarray(bytes)
    this.#byte += bytes
  }

  #damaged(reason: string): undefined {
    this.#bad = { byte: this.#byte, reason }
    return undefined
  }
}

function contentOf(
  stored: Buffer,
  { encoding, content }: { encoding: number; content: number },
): Buffer | undefined {
  if (encoding === ENCODING.none) return stored.length === content ? stored : undefined
  if (encoding !== ENCODING.zstd || content === 0) return undefined
  try {
    const bytes = zstdDecompressSync(stored, { maxOutputLength: content })
    return bytes.length === content ? bytes : undefined
  } catch {
    return undefined
  }
}
