/** Writes down what a `KernelSink` is told, and tells it: a recording is made by looking on. */
import type { HostNames } from '../../flows/origin.ts'
import type { OnRecord } from '../followed.ts'
import type { KernelEventsConfig, KernelSink } from '../kernel_events.ts'
import type { CounterReader } from '../loss.ts'
import { COUNTER_BYTES, ENTRY, LOOK_BYTES, POSITION_BYTES } from './format.ts'
import { recordedConfig } from './run.ts'
import type { RecordingWriter } from './writer.ts'

/** What is in memory alone is lost when the process is killed. */
const SEAL_INTERVAL_NS = 1e9

/** Remembers which counters somebody has read another value of. */
export class ChangedCounters implements CounterReader {
  readonly #counters: CounterReader
  readonly #seen = new Map<number, number>()
  readonly #changed = new Map<number, number>()

  constructor(counters: CounterReader) {
    this.#counters = counters
  }

  read(index: number): number {
    const value = this.#counters.read(index)
    if (value !== (this.#seen.get(index) ?? 0)) {
      this.#seen.set(index, value)
      this.#changed.set(index, value)
    }
    return value
  }

  /** Since the last call. */
  take(): (readonly [number, number])[] {
    if (this.#changed.size === 0) return []
    const changed = [...this.#changed]
    this.#changed.clear()
    return changed
  }
}

export class Recorder implements KernelSink {
  readonly connectionRecord: OnRecord
  readonly payloadRecord: OnRecord
  readonly #next: KernelSink
  readonly #writer: RecordingWriter
  readonly #counters: ChangedCounters
  /** The memory of a ring, as what copies from it best. */
  #source = Buffer.alloc(0)
  #sealedNs = 0

  /** `counters` are those that `next` reads. */
  constructor(
    next: KernelSink,
    { writer, counters }: { writer: RecordingWriter; counters: ChangedCounters },
  ) {
    this.#next = next
    this.#writer = writer
    this.#counters = counters
    const { connectionRecord, payloadRecord } = next
    this.connectionRecord = (view, at, length) => {
      this.#record(ENTRY.connection, view, { at, length })
      connectionRecord(view, at, length)
    }
    this.payloadRecord = (view, at, length) => {
      this.#record(ENTRY.payload, view, { at, length })
      payloadRecord(view, at, length)
    }
  }

  look(nowNs: number, offset: readonly [number, number]): void {
    if (nowNs - this.#sealedNs >= SEAL_INTERVAL_NS) {
      this.#sealedNs = nowNs
      this.#writer.seal()
    }
    const { content, at } = this.#writer.entry(ENTRY.look, LOOK_BYTES)
    content.writeDoubleLE(nowNs, at)
    content.writeUInt32LE(offset[0], at + 8)
    content.writeUInt32LE(offset[1], at + 12)
    this.#next.look(nowNs, offset)
  }

  losses(): void {
    this.#next.losses()
    const changed = this.#counters.take()
    const entry = this.#writer.entry(ENTRY.losses, changed.length * COUNTER_BYTES)
    let { at } = entry
    for (const [index, value] of changed) {
      entry.content.writeUInt32LE(index, at)
      entry.content.writeDoubleLE(value, at + 4)
      at += COUNTER_BYTES
    }
  }

  behind(position: number): void {
    this.#position(ENTRY.behind, position)
    this.#next.behind(position)
  }

  settle(position: number): void {
    this.#position(ENTRY.settle, position)
    this.#next.settle(position)
  }

  sweep(): void {
    this.#writer.entry(ENTRY.sweep, 0)
    this.#next.sweep()
  }

  flush(): void {
    this.#writer.entry(ENTRY.flush, 0)
    this.#next.flush()
  }

  reconfigure(config: KernelEventsConfig, names: HostNames): void {
    const text = Buffer.from(JSON.stringify({ config: recordedConfig(config), names }))
    const { content, at } = this.#writer.entry(ENTRY.reconfigure, text.length)
    text.copy(content, at)
    this.#next.reconfigure(config, names)
  }

  stop(): void {
    this.#writer.entry(ENTRY.stop, 0)
    this.#next.stop()
  }

  /** Resolves when all is in the file. */
  async close(): Promise<void> {
    await this.#writer.close()
  }

  #record(kind: number, view: DataView, { at, length }: { at: number; length: number }): void {
    if (this.#source.buffer !== view.buffer || this.#source.byteOffset !== view.byteOffset) {
      this.#source = Buffer.from(view.buffer as ArrayBuffer, view.byteOffset, view.byteLength)
    }
    const entry = this.#writer.entry(kind, length)
    this.#source.copy(entry.content, entry.at, at, at + length)
  }

  #position(kind: number, position: number): void {
    const { content, at } = this.#writer.entry(kind, POSITION_BYTES)
    content.writeDoubleLE(position, at)
  }
}
