/**
 * Reads one capture to its end, as fast as the pipeline takes the rows.
 *
 *     file ─▶ CaptureReader ─▶ Captured ─▶ RowWriter ─▶ Outbox ─▶ next
 */
import { once } from 'node:events'
import { createReadStream, type ReadStream } from 'node:fs'
import type { Component, Consumer, Host, Settings } from '../../pipeline/component.ts'
import { addressText } from '../../pipeline/flows/address_text.ts'
import type { FlowBatch } from '../../pipeline/flows/batch.ts'
import { Outbox } from '../../pipeline/outbox.ts'
import { RowWriter } from '../../pipeline/requests/rows.ts'
import { Captured } from './captured.ts'
import type { PcapConfig } from './config.ts'
import { CaptureReader } from './file/capture_reader.ts'

const CHUNK_BYTES = 256 * 1024
/** How often a full pipeline is asked again. */
const BACKLOG_WAIT_MS = 20
const STANDARD_INPUT = 0

export class PcapReceiver implements Component {
  readonly #settings: Settings
  readonly #config: PcapConfig
  readonly #outbox: Outbox<'flows'>
  readonly #rows: RowWriter
  readonly #captured: Captured
  readonly #reader: CaptureReader
  #stream: ReadStream | undefined
  #reading: Promise<void> | undefined
  #stopped = false

  constructor(settings: Settings, config: PcapConfig, next: Consumer<'flows'>) {
    this.#settings = settings
    this.#config = config
    this.#outbox = new Outbox(next, settings.ledger)
    this.#reader = new CaptureReader({ packet: (packet) => this.#captured.packet(packet) })
    this.#rows = new RowWriter({
      rowsMax: config.batch.rows,
      clock: this.#reader.clock,
      lossEpoch: () => 0,
      full: (batch) => this.#send(batch),
    })
    this.#captured = new Captured(config, { ledger: settings.ledger, rows: this.#rows })
  }

  /** Throws when the file cannot be opened. */
  async start(host: Host): Promise<void> {
    const { path } = this.#config
    const options = { highWaterMark: CHUNK_BYTES }
    const stream =
      path === '-'
        ? createReadStream('', { fd: STANDARD_INPUT, autoClose: false, ...options })
        : createReadStream(path, options)
    this.#stream = stream
    if (path !== '-') {
      try {
        await once(stream, 'open')
      } catch (error) {
        const { id } = this.#settings
        throw new Error(`receivers::${id}::path: cannot read: ${(error as Error).message}`)
      }
    }
    this.#reading = this.#read(stream, host)
  }

  async shutdown(deadline?: AbortSignal): Promise<void> {
    this.#stopped = true
    this.#stream?.destroy()
    await this.#reading
    await this.#outbox.close(deadline)
  }

  held(): number {
    return this.#rows.rows + this.#outbox.held
  }

  async #read(stream: ReadStream, host: Host): Promise<void> {
    const { logger } = this.#settings
    try {
      for await (const chunk of stream) {
        this.#reader.feed(chunk as Buffer)
        if (this.#reader.bad !== undefined) break
        await this.#room()
        if (this.#stopped) break
      }
    } catch (error) {
      // Destroyed by the shutdown, or the disk failed below it.
      if (!this.#stopped) logger.error({ reason: (error as Error).message }, 'Cannot read on')
    }
    if (!this.#stopped) this.#reader.finish()
    this.#finish()
    host.finished()
  }

  #finish(): void {
    const { ledger, logger } = this.#settings
    const { bad, bytes, unreadable } = this.#reader
    if (unreadable > 0) ledger.note('packets_unreadable', unreadable)
    if (bad !== undefined) {
      ledger.note('capture_damaged', 1)
      logger.warn({ ...bad, path: this.#config.path }, 'The capture is damaged from here on')
    }
    this.#captured.finish()
    const last = this.#rows.take()
    if (last !== undefined) this.#send(last)
    logger.info({ path: this.#config.path, bytes }, 'The capture was read')
  }

  /** Waits until the pipeline has taken enough. */
  async #room(): Promise<void> {
    while (this.#outbox.held > this.#config.backlog_rows_max && !this.#stopped) {
      await new Promise((resolve) => setTimeout(resolve, BACKLOG_WAIT_MS))
    }
  }

  #send(batch: FlowBatch): void {
    nameEnds(batch)
    this.#outbox.send(batch)
  }
}

/** A capture knows services by their hosts' addresses; k8s_attributes may know better. */
function nameEnds(batch: FlowBatch): void {
  const { base, strings } = batch
  const k8s = batch.add('k8s')
  for (let row = 0; row < batch.rows; row++) {
    k8s.src_service_name[row] = strings.intern(addressText(base.src_address, row))
    k8s.dst_service_name[row] = strings.intern(addressText(base.dst_address, row))
  }
}
