/**
 * A file that lines are appended to in the background.
 *
 * Nothing is lost to a full disk as long as there is hope: what could not be written stays in
 * memory, whole lines in order, and is tried again at each flush. When too much waits, more is
 * refused; what still waits at the end is counted as lost.
 */
import { type FileHandle, open } from 'node:fs/promises'
import type { Logger } from 'pino'
import type { Ledger } from '../../pipeline/ledger.ts'
import { OK, type Outcome, retryable } from '../../pipeline/outcome.ts'
import type { FileConfig } from './config.ts'
import type { Lines } from './lines.ts'

/** What may wait to be written. */
const WAITING_BYTES_MAX = 8 * 1024 * 1024
/** What waits is written when there is this much, though the interval has not passed. */
const FLUSH_BYTES = 256 * 1024
/** A disk that is full fails every flush: one line in this time tells as much. */
const LOG_INTERVAL_MS = 10_000
const LF = 10

interface Chunk {
  readonly bytes: Buffer
  readonly items: number
  readonly ledger: Ledger
}

export class LineFile {
  #config: FileConfig
  readonly #id: string
  readonly #logger: Logger
  readonly #chunks: Chunk[] = []
  /** Bytes of the first chunk that are in the file already. */
  #written = 0
  #waitingBytes = 0
  /** A kill has cut the last line of the file short: the next one must not go on with it. */
  #isTorn = false
  #error: string | undefined
  #lastLog = Number.NEGATIVE_INFINITY
  #file: FileHandle | undefined
  #flushing: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #users = 0

  constructor(config: FileConfig, of: { id: string; logger: Logger }) {
    this.#config = config
    this.#id = of.id
    this.#logger = of.logger
  }

  /** Opens the file for the first that asks. Throws when it cannot be opened. */
  async start(): Promise<void> {
    this.#users++
    if (this.#users > 1) return
    try {
      this.#file = await open(this.#config.path, 'a', 0o640)
      if (!this.#config.append && (await this.#file.stat()).isFile()) await this.#file.truncate()
    } catch (error) {
      throw new Error(this.#openProblem(error as NodeJS.ErrnoException))
    }
    this.#isTorn = this.#config.append && (await this.#endsTorn(this.#file))
    this.#setTimer()
  }

  /** Of the same path. Whether a file is truncated is asked when it is opened: this one is. */
  reconfigure(config: FileConfig): void {
    this.#config = config
    if (this.#file !== undefined) this.#setTimer()
  }

  /** Takes the lines, to be booked in `ledger` once they are in the file. */
  append(lines: Lines, ledger: Ledger): Outcome {
    if (this.#file === undefined) return retryable(`${this.#config.path} is not open`)
    if (this.#waitingBytes >= WAITING_BYTES_MAX) {
      ledger.note('refused_not_written', lines.items)
      return retryable(this.#error ?? `${this.#config.path} is written too slowly`)
    }
    const bytes = Buffer.from(this.#isTorn ? `\n${lines.text}` : lines.text)
    this.#isTorn = false
    this.#chunks.push({ bytes, items: lines.items, ledger })
    this.#waitingBytes += bytes.length
    if (this.#waitingBytes >= FLUSH_BYTES && this.#error === undefined) void this.flush()
    return OK
  }

  /** Items of one of the users that wait to be written. */
  held(ledger: Ledger): number {
    return this.#chunks.reduce((sum, c) => sum + (c.ledger === ledger ? c.items : 0), 0)
  }

  /** Writes what waits, as far as the disk allows. */
  async flush(): Promise<void> {
    this.#flushing ??= this.#writeAll().finally(() => {
      this.#flushing = undefined
    })
    return this.#flushing
  }

  /** Writes the rest, counts what cannot be written, and closes the file after its last user. */
  async shutdown(ledger: Ledger): Promise<void> {
    await this.flush()
    // What came while the flush before this one was under way.
    if (this.held(ledger) > 0) await this.flush()
    const left = this.held(ledger)
    if (left > 0) {
      await this.#forget(ledger)
      ledger.lost('not_written', left, { error: this.#error })
    }
    if (--this.#users > 0) return
    clearInterval(this.#timer)
    await this.#file?.close()
    this.#file = undefined
  }

  /** A file that may be written and not read is taken as it is. */
  async #endsTorn(file: FileHandle): Promise<boolean> {
    const stat = await file.stat()
    if (!stat.isFile() || stat.size === 0) return false
    const reader = await open(this.#config.path, 'r').catch(() => undefined)
    const last = await reader?.read(Buffer.alloc(1), 0, 1, stat.size - 1)
    await reader?.close()
    return last !== undefined && last.buffer[0] !== LF
  }

  #setTimer(): void {
    clearInterval(this.#timer)
    this.#timer = setInterval(() => void this.flush(), this.#config.flush_interval)
  }

  /** Drops what waits for this user, and a line of it that is half in the file. */
  async #forget(ledger: Ledger): Promise<void> {
    if (this.#written > 0 && this.#chunks[0]?.ledger === ledger) {
      const stat = await this.#file?.stat()
      if (stat?.isFile()) await this.#file?.truncate(stat.size - this.#written).catch(() => {})
      this.#written = 0
    }
    const others = this.#chunks.filter((chunk) => chunk.ledger !== ledger)
    this.#chunks.splice(0, this.#chunks.length, ...others)
    this.#waitingBytes = others.reduce((sum, { bytes }) => sum + bytes.length, 0)
  }

  async #writeAll(): Promise<void> {
    for (let chunk = this.#chunks[0]; chunk !== undefined; chunk = this.#chunks[0]) {
      try {
        await this.#write(chunk)
        this.#error = undefined
      } catch (error) {
        this.#failed(error as Error)
        return
      }
      this.#chunks.shift()
      this.#waitingBytes -= chunk.bytes.length
      this.#written = 0
      chunk.ledger.used('written', chunk.items)
    }
  }

  /** A full disk takes a part and then nothing: the part that is in the file is not repeated. */
  async #write(chunk: Chunk): Promise<void> {
    while (this.#written < chunk.bytes.length) {
      const file = this.#file as FileHandle
      const { bytesWritten } = await file.write(chunk.bytes, this.#written)
      this.#written += bytesWritten
    }
  }

  #failed(error: Error): void {
    this.#error = `exporters::${this.#id}::path: cannot write ${this.#config.path}: ${error.message}`
    const now = performance.now()
    if (now - this.#lastLog < LOG_INTERVAL_MS) return
    this.#lastLog = now
    this.#logger.error({ error: this.#error, waiting_bytes: this.#waitingBytes }, 'Writing failed')
  }

  #openProblem(error: NodeJS.ErrnoException): string {
    const where = `exporters::${this.#id}::path: cannot open ${this.#config.path}`
    if (error.code !== 'EACCES' && error.code !== 'EPERM') return `${where}: ${error.message}`
    return (
      `${where}: uid ${process.getuid?.()} may not write there; the pipeline runs without ` +
      'privileges, so give that user a directory of its own'
    )
  }
}
