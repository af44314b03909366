/** Tells a `KernelSink` what a recording says, entry by entry. */
import type { KernelSink } from '../kernel_events.ts'
import type { CounterReader } from '../loss.ts'
import { COUNTER_BYTES, ENTRY, ENTRY_HEAD_BYTES, LOOK_BYTES, POSITION_BYTES } from './format.ts'
import { recordBytes } from './layout.ts'
import { readReconfigured } from './run.ts'

/** Counters as they were at the moment that is played. */
export class RecordedCounters implements CounterReader {
  readonly #values: Map<number, number>

  constructor(values: Iterable<readonly [number, number]>) {
    this.#values = new Map(values)
  }

  read(index: number): number {
    return this.#values.get(index) ?? 0
  }

  /** They only grow. */
  set(index: number, value: number): void {
    if (value > this.read(index)) this.#values.set(index, value)
  }
}

/** The entries of one block. */
export class Entries {
  readonly #content: Buffer
  readonly #view: DataView
  #at = 0
  #length = 0
  #kind = 0
  #bad: string | undefined

  constructor(content: Buffer) {
    this.#content = content
    this.#view = new DataView(content.buffer, content.byteOffset, content.byteLength)
  }

  /** Why the rest makes no sense; only a file that was made so has it: blocks have checksums. */
  get bad(): string | undefined {
    return this.#bad
  }

  /** Of ENTRY. */
  get kind(): number {
    return this.#kind
  }

  /** Goes to the next entry; false: there is none. */
  next(): boolean {
    const head = this.#at + this.#length
    if (this.#bad !== undefined || head === this.#content.length) return false
    const at = head + ENTRY_HEAD_BYTES
    if (at > this.#content.length) return this.#damaged('an entry is cut')
    const word = this.#view.getUint32(head, true)
    this.#at = at
    this.#length = word >>> 8
    this.#kind = word & 0xff
    if (at + this.#length > this.#content.length) return this.#damaged('an entry is cut')
    return this.#isWhole() || this.#damaged(`an entry of kind ${this.#kind} cannot be so`)
  }

  /** Of a look: when it began. */
  get nowNs(): number {
    return this.#view.getFloat64(this.#at, true)
  }

  /** Tells what the entry says. */
  play(sink: KernelSink, counters: RecordedCounters): void {
    const view = this.#view
    const at = this.#at
    switch (this.#kind) {
      case ENTRY.look:
        sink.look(this.nowNs, [view.getUint32(at + 8, true), view.getUint32(at + 12, true)])
        return
      case ENTRY.connection:
        sink.connectionRecord(view, at, this.#length)
        return
      case ENTRY.payload:
        sink.payloadRecord(view, at, this.#length)
        return
      case ENTRY.losses:
        this.#losses(sink, counters)
        return
      case ENTRY.behind:
        sink.behind(view.getFloat64(at, true))
        return
      case ENTRY.settle:
        sink.settle(view.getFloat64(at, true))
        return
      case ENTRY.sweep:
        sink.sweep()
        return
      case ENTRY.flush:
        sink.flush()
        return
      case ENTRY.reconfigure:
        this.#reconfigure(sink)
        return
      default:
        sink.stop()
    }
  }

  #losses(sink: KernelSink, counters: RecordedCounters): void {
    const end = this.#at + this.#length
    for (let at = this.#at; at < end; at += COUNTER_BYTES) {
      counters.set(this.#view.getUint32(at, true), this.#view.getFloat64(at + 4, true))
    }
    sink.losses()
  }

  #reconfigure(sink: KernelSink): void {
    const read = readReconfigured(this.#content.subarray(this.#at, this.#at + this.#length))
    if (read === undefined) this.#damaged('options cannot be read')
    else sink.reconfigure(read.config, read.names)
  }

  #isWhole(): boolean {
    const length = this.#length
    switch (this.#kind) {
      case ENTRY.look:
        return length === LOOK_BYTES && this.nowNs >= 0 && this.nowNs <= Number.MAX_SAFE_INTEGER
      case ENTRY.connection:
      case ENTRY.payload:
        return length > 0 && length >= (recordBytes(this.#view.getUint8(this.#at)) ?? Infinity)
      case ENTRY.losses:
        return length % COUNTER_BYTES === 0 && this.#areCounts()
      case ENTRY.behind:
      case ENTRY.settle:
        return length === POSITION_BYTES
      case ENTRY.reconfigure:
        return true
      case ENTRY.sweep:
      case ENTRY.flush:
      case ENTRY.stop:
        return length === 0
      default:
        return false
    }
  }

  #areCounts(): boolean {
    for (let at = this.#at + 4; at < this.#at + this.#length; at += COUNTER_BYTES) {
      if (!isCount(this.#view.getFloat64(at, true))) return false
    }
    return true
  }

  #damaged(reason: string): false {
    this.#bad = reason
    return false
  }
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}
