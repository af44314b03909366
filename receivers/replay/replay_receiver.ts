/**
 * Plays a recording of the `ebpf` receiver.
 *
 *     file ─▶ RecordingReader ─▶ Entries ─▶ KernelEvents ─▶ Outbox ─▶ next
 *
 * Everything that rows depend on stands in the recording, the moments of looking included, so
 * neither the speed nor what the pipeline takes at a time changes a row, or where a batch ends.
 */
import { once } from 'node:events'
import { createReadStream, type ReadStream } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Component, Consumer, Host, Settings } from '../../pipeline/component.ts'
import { BLOCK } from '../../pipeline/kernel_events/recording/format.ts'
import { Entries } from '../../pipeline/kernel_events/recording/player.ts'
import { type Block, RecordingReader } from '../../pipeline/kernel_events/recording/reader.ts'
import { readEnd } from '../../pipeline/kernel_events/recording/run.ts'
import { Outbox } from '../../pipeline/outbox.ts'
import type { ReplayConfig } from './config.ts'
import { Pace } from './pace.ts'
import { isLook, PlayedRun, runOf } from './played_run.ts'

const CHUNK_BYTES = 256 * 1024
/** How often a full pipeline is asked again. */
const BACKLOG_WAIT_MS = 20

export class ReplayReceiver implements Component {
  readonly #settings: Settings
  readonly #config: ReplayConfig
  readonly #outbox: Outbox<'flows'>
  readonly #reader = new RecordingReader()
  readonly #pace: Pace
  #stream: ReadStream | undefined
  #run: PlayedRun | undefined
  /** What the block says that ends the recording. */
  #end: string | undefined
  #damage: string | undefined
  #reading: Promise<void> | undefined
  #stopped = false

  constructor(settings: Settings, config: ReplayConfig, next: Consumer<'flows'>) {
    this.#settings = settings
    this.#config = config
    this.#outbox = new Outbox(next, settings.ledger)
    this.#pace = new Pace(config.speed)
  }

  /** Throws when the file cannot be opened, or its first block is none that can be played. */
  async start(host: Host): Promise<void> {
    const stream = createReadStream(this.#config.path, { highWaterMark: CHUNK_BYTES })
    this.#stream = stream
    try {
      await once(stream, 'open')
      const chunks: AsyncIterator<Buffer> = stream[Symbol.asyncIterator]()
      await this.#begin(chunks)
      this.#reading = this.#read(chunks, host)
    } catch (error) {
      stream.destroy()
      const { id } = this.#settings
      const why = (error as Error).message
      throw new Error(`receivers::${id}::path: cannot play ${this.#config.path}: ${why}`)
    }
  }

  async shutdown(deadline?: AbortSignal): Promise<void> {
    this.#stopped = true
    this.#stream?.destroy()
    this.#pace.stop()
    await this.#reading
    await this.#outbox.close(deadline)
  }

  held(): number {
    return (this.#run?.held ?? 0) + this.#outbox.held
  }

  /** Reads as far as the first block, which must say what the others are of. */
  async #begin(chunks: AsyncIterator<Buffer>): Promise<void> {
    let block: Block | undefined
    while (block === undefined && this.#reader.bad === undefined) {
      const { value, done } = await chunks.next()
      if (done === true) this.#reader.finish()
      else this.#reader.feed(value)
      block = this.#reader.next()
      if (done === true && block === undefined) break
    }
    if (block?.type !== BLOCK.begin) throw new Error(this.#reader.bad?.reason ?? 'it is empty')
    this.#beginRun(block)
  }

  async #read(chunks: AsyncIterator<Buffer>, host: Host): Promise<void> {
    try {
      // Others are started first: a block is some work.
      await nextTurn()
      for (;;) {
        await this.#blocks()
        if (this.#stopped || this.#damage !== undefined || this.#reader.bad !== undefined) break
        const { value, done } = await chunks.next()
        if (done === true) break
        this.#reader.feed(value)
      }
    } catch (error) {
      // Destroyed by the shutdown, or the disk failed below it.
      if (!this.#stopped) this.#damage = (error as Error).message
    }
    this.#finish()
    host.finished()
  }

  /** Those that have been read. */
  async #blocks(): Promise<void> {
    while (!this.#stopped && this.#damage === undefined) {
      const block = this.#reader.next()
      if (block === undefined) return
      if (block.type === BLOCK.entries) await this.#play(new Entries(block.content))
      else if (block.type === BLOCK.begin) this.#nextRun(block)
      else if (block.type === BLOCK.end) this.#end = readEnd(block.content)?.why
      else this.#damage = `a block of type ${block.type} is not known`
    }
  }

  async #play(entries: Entries): Promise<void> {
    const run = this.#run
    while (!this.#stopped && run !== undefined && entries.next()) {
      if (isLook(entries)) {
        const waitMs = this.#pace.waitMs(entries.nowNs)
        if (waitMs > 0) await this.#pace.wait(waitMs)
        if (this.#isFull) await this.#room()
        if (this.#stopped) return
      }
      run.play(entries)
    }
    this.#damage = entries.bad
  }

  /** The receiver's process ended there, and another went on. */
  #nextRun(block: Block): void {
    this.#run?.stop()
    try {
      this.#beginRun(block)
    } catch (error) {
      this.#damage = (error as Error).message
    }
  }

  #beginRun({ content }: Block): void {
    const { ledger, logger } = this.#settings
    const run = runOf(content)
    const { version, kernel, names } = run
    logger.info({ version, kernel, host: names.name }, 'Playing what was recorded')
    this.#end = undefined
    this.#run = new PlayedRun(run, {
      config: this.#config,
      ledger,
      send: (batch) => this.#outbox.send(batch),
    })
  }

  #finish(): void {
    const { ledger, logger } = this.#settings
    const { path } = this.#config
    this.#run?.stop()
    if (this.#stopped) return
    this.#reader.finish()
    const { bad, bytes } = this.#reader
    const reason = this.#damage ?? bad?.reason ?? (this.#end ? undefined : 'nothing says its end')
    if (reason !== undefined) {
      ledger.note('recording_damaged', 1)
      logger.warn({ path, byte: bad?.byte ?? bytes, reason }, 'The recording ends before its end')
      return
    }
    logger.info({ path, bytes, ended: this.#end }, 'The recording was played')
  }

  get #isFull(): boolean {
    return this.#outbox.held > this.#config.backlog_rows_max
  }

  /** Waits until the pipeline has taken enough. */
  async #room(): Promise<void> {
    while (this.#isFull && !this.#stopped) await this.#pace.wait(BACKLOG_WAIT_MS)
  }
}
