/**
 * Writes a recording. A block is filled in memory, compressed and written by Node's thread pool,
 * and nobody waits for either: where more than `WAITING_BYTES_MAX` waits, the recording ends. It
 * must not cost the rows that it is of.
 */
import { fstatSync, ftruncate, writeSync, write as writeToFile } from 'node:fs'
import { promisify } from 'node:util'
import { constants, zstdCompress } from 'node:zlib'
import { BLOCK, BLOCK_BYTES, blockHead, ENCODING, ENTRY_HEAD_BYTES, fileHeader } from './format.ts'
import type { EndReason } from './run.ts'

/** More than both rings hold, as the last look hands over all of them at once. */
const WAITING_BYTES_MAX = 64 << 20
/** So much of the file is kept for the block that says why it ends. */
const END_BYTES = 256
const FAST = { params: { [constants.ZSTD_c_compressionLevel]: 1 } }

const compress = promisify<Uint8Array, object, Buffer>(zstdCompress)
const truncate = promisify(ftruncate)

export interface WriterSettings {
  /** Of the whole file, at most. */
  readonly bytesMax: number
  /** Not all is in the file that was told, and why. Once. */
  over(why: EndReason | Error): void
}

export class RecordingWriter {
  readonly #fd: number
  readonly #settings: WriterSettings
  #content = Buffer.allocUnsafe(BLOCK_BYTES)
  #used = 0
  /** Of the file: what is whole. */
  #bytes: number
  #waiting = 0
  /** Entries that come are not written; and neither are those that wait. */
  #isOver = false
  #isShut = false
  #isTold = false
  #written: Promise<void> = Promise.resolve()

  /** Writes to the end of the file, and what its first block says at once. Throws if it cannot. */
  constructor(fd: number, run: object, settings: WriterSettings) {
    this.#fd = fd
    this.#settings = settings
    this.#bytes = fstatSync(fd).size
    if (this.#bytes === 0) this.#bytes = writeSync(fd, fileHeader(), 0, undefined, 0)
    const stored = Buffer.from(JSON.stringify(run))
    const block = blockOf({ type: BLOCK.begin, stored })
    this.#bytes += writeSync(fd, block, 0, block.length, this.#bytes)
  }

  /** Room for an entry: `length` bytes from `at` on are the caller's to fill, at once. */
  entry(kind: number, length: number): { readonly content: Buffer; readonly at: number } {
    if (this.#used + ENTRY_HEAD_BYTES + length > BLOCK_BYTES) this.seal()
    const content = this.#content
    const at = this.#used + ENTRY_HEAD_BYTES
    content.writeUInt32LE((kind | (length << 8)) >>> 0, this.#used)
    this.#used = at + length
    return { content, at }
  }

  /** Has written what there is. */
  seal(): void {
    if (this.#used === 0) return
    const content = this.#content.subarray(0, this.#used)
    this.#content = Buffer.allocUnsafe(BLOCK_BYTES)
    this.#used = 0
    if (this.#isOver) return
    if (this.#waiting > WAITING_BYTES_MAX) {
      this.#end('behind')
      this.#tell('behind')
      return
    }
    this.#waiting += content.length
    this.#written = this.#written.then(async () => {
      await this.#write(content)
      this.#waiting -= content.length
    })
  }

  /** Resolves when all is in the file. Safe twice. */
  async close(): Promise<void> {
    this.seal()
    this.#end('stopped')
    await this.#written
  }

  /** Behind what waits already, says why there is no more. */
  #end(why: EndReason): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#written = this.#written.then(() => this.#writeEnd(why))
  }

  async #write(content: Buffer): Promise<void> {
    if (this.#isShut) return
    try {
      const block = await entriesBlock(content)
      if (this.#bytes + block.length + END_BYTES <= this.#settings.bytesMax) {
        await this.#append(block)
        return
      }
    } catch (error) {
      await this.#failed(error as Error)
      return
    }
    this.#isOver = true
    await this.#writeEnd('full')
    this.#tell('full')
  }

  async #writeEnd(why: EndReason): Promise<void> {
    if (this.#isShut) return
    this.#isShut = true
    try {
      await this.#append(blockOf({ type: BLOCK.end, stored: Buffer.from(JSON.stringify({ why })) }))
    } catch (error) {
      await this.#failed(error as Error)
    }
  }

  async #append(block: Buffer): Promise<void> {
    for (let done = 0; done < block.length; ) {
      done += await writeAt(this.#fd, block.subarray(done), this.#bytes + done)
    }
    this.#bytes += block.length
  }

  /** The disk is full, or worse: what is whole stays. */
  async #failed(error: Error): Promise<void> {
    this.#isOver = true
    this.#isShut = true
    await truncate(this.#fd, this.#bytes).catch(() => {})
    this.#tell(error)
  }

  #tell(why: EndReason | Error): void {
    if (!this.#isTold) this.#settings.over(why)
    this.#isTold = true
  }
}

function writeAt(fd: number, bytes: Uint8Array, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    writeToFile(fd, bytes, 0, bytes.length, position, (error, written) => {
      if (error === null) resolve(written)
      else reject(error)
    })
  })
}

async function entriesBlock(content: Buffer): Promise<Buffer> {
  const stored = await compress(content, FAST)
  if (stored.length >= content.length) return blockOf({ type: BLOCK.entries, stored: content })
  return blockOf({ type: BLOCK.entries, stored, contentBytes: content.length })
}

/** `contentBytes`: how long it was before it was compressed, if it was. */
function blockOf(of: { type: number; stored: Buffer; contentBytes?: number }): Buffer {
  const { type, stored, contentBytes } = of
  const encoding = contentBytes === undefined ? ENCODING.none : ENCODING.zstd
  const content = contentBytes ?? stored.length
  const head = blockHead({ stored: stored.length, content, type, encoding }, stored)
  return Buffer.concat([head, stored])
}
