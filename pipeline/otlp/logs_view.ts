/** Reads records from the bytes of an `ExportLogsServiceRequest`; grammar: logs_writer.ts. */

import { Range, Scalars } from './scalars.ts'
import { AttributesView, readValue, type Value } from './values.ts'
import { SignalView } from './view.ts'
import { FIXED64, LEN, VARINT } from './wire.ts'
import type { WireSource } from './wire_reader.ts'

export class LogsView extends SignalView {
  readonly record: RecordView

  constructor(bytes: Uint8Array) {
    super(bytes)
    this.record = new RecordView(this.source)
  }

  nextRecord(): boolean {
    return this.items.nextMessage(2) && this.record.over(this.items)
  }
}

export class RecordView {
  readonly attributes: AttributesView
  readonly #source: WireSource
  readonly #record: Scalars
  readonly #body = new Range()

  constructor(source: WireSource) {
    this.#source = source
    this.attributes = new AttributesView(source)
    this.#record = new Scalars(source, {
      1: FIXED64,
      2: VARINT,
      3: LEN,
      5: LEN,
      9: LEN,
      10: LEN,
      11: FIXED64,
      12: LEN,
    })
  }

  /** The view's: moves to the record in `range`. False when it is malformed. */
  over(range: { readonly start: number; readonly end: number }): boolean {
    this.attributes.over(range, 6)
    return this.#record.over(range)
  }

  get timeLo(): number {
    return this.#record.lo(1)
  }

  get timeHi(): number {
    return this.#record.hi(1)
  }

  get observedTimeLo(): number {
    return this.#record.lo(11)
  }

  get observedTimeHi(): number {
    return this.#record.hi(11)
  }

  get severityNumber(): number {
    return this.#record.lo(2)
  }

  get severityText(): string {
    return this.#record.text(3)
  }

  get body(): Value {
    this.#record.range(5, this.#body)
    return readValue(this.#source, this.#body.start, this.#body.end)
  }

  get traceId(): string {
    return this.#record.hex(9)
  }

  get spanId(): string {
    return this.#record.hex(10)
  }

  get eventName(): string {
    return this.#record.text(12)
  }
}
