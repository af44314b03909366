/** Reads spans from the bytes of an `ExportTraceServiceRequest`; grammar: traces_writer.ts. */
import { difference } from '../u64.ts'
import { Range, Scalars } from './scalars.ts'
import { AttributesView } from './values.ts'
import { SignalView } from './view.ts'
import { FIXED32, FIXED64, LEN, VARINT } from './wire.ts'
import { FieldReader, type WireSource } from './wire_reader.ts'

const SPAN_FIELDS = {
  1: LEN,
  2: LEN,
  3: LEN,
  4: LEN,
  5: LEN,
  6: VARINT,
  7: FIXED64,
  8: FIXED64,
  15: LEN,
  16: FIXED32,
}

export class TracesView extends SignalView {
  readonly span: SpanView

  constructor(bytes: Uint8Array) {
    super(bytes)
    this.span = new SpanView(this.source)
  }

  nextSpan(): boolean {
    return this.items.nextMessage(2) && this.span.over(this.items)
  }
}

export class SpanView {
  readonly attributes: AttributesView
  readonly links: LinksView
  readonly events: EventsView
  readonly #span: Scalars
  readonly #status: Scalars
  readonly #range = new Range()

  constructor(source: WireSource) {
    this.attributes = new AttributesView(source)
    this.links = new LinksView(source)
    this.events = new EventsView(source)
    this.#span = new Scalars(source, SPAN_FIELDS)
    this.#status = new Scalars(source, { 2: LEN, 3: VARINT })
  }

  /** The view's: moves to the span in `range`. False when it is malformed. */
  over(range: { readonly start: number; readonly end: number }): boolean {
    if (!this.#span.over(range)) return false
    this.attributes.over(range, 9)
    this.events.over(range, 11)
    this.links.over(range, 13)
    return this.#status.over(this.#span.range(15, this.#range))
  }

  /** 32 hexadecimal digits, '' when absent. */
  get traceId(): string {
    return this.#span.hex(1)
  }

  /** 16 hexadecimal digits. */
  get spanId(): string {
    return this.#span.hex(2)
  }

  get traceState(): string {
    return this.#span.text(3)
  }

  /** 16 hexadecimal digits, '' for a root. */
  get parentSpanId(): string {
    return this.#span.hex(4)
  }

  get name(): string {
    return this.#span.text(5)
  }

  /** One of SPAN_KIND, 0 when unspecified. */
  get kind(): number {
    return this.#span.lo(6)
  }

  get startLo(): number {
    return this.#span.lo(7)
  }

  get startHi(): number {
    return this.#span.hi(7)
  }

  get endLo(): number {
    return this.#span.lo(8)
  }

  get endHi(): number {
    return this.#span.hi(8)
  }

  /** End less start, in nanoseconds; negative when the sender's clock went back. */
  get durationNs(): number {
    return difference(this.endLo, this.endHi, this.startLo, this.startHi)
  }

  /** One of STATUS_CODE. */
  get statusCode(): number {
    return this.#status.lo(3)
  }

  get statusMessage(): string {
    return this.#status.text(2)
  }

  get flags(): number {
    return this.#span.lo(16)
  }
}

/** Iterates `Link`s. */
export class LinksView {
  readonly attributes: AttributesView
  readonly #fields: FieldReader
  readonly #link: Scalars

  constructor(source: WireSource) {
    this.attributes = new AttributesView(source)
    this.#fields = new FieldReader(source)
    this.#link = new Scalars(source, { 1: LEN, 2: LEN, 3: LEN })
  }

  #field = 0

  over(range: { readonly start: number; readonly end: number }, field: number): void {
    this.#field = field
    this.#fields.reset(range.start, range.end)
  }

  next(): boolean {
    if (!this.#fields.nextMessage(this.#field)) return false
    this.attributes.over(this.#fields, 4)
    return this.#link.over(this.#fields)
  }

  get traceId(): string {
    return this.#link.hex(1)
  }

  get spanId(): string {
    return this.#link.hex(2)
  }
}

/**
 * Iterates `Event { fixed64 time_unix_nano = 1; string name = 2; repeated KeyValue attributes =
 * 3; }`.
 */
export class EventsView {
  readonly attributes: AttributesView
  readonly #fields: FieldReader
  readonly #event: Scalars
  #field = 0

  constructor(source: WireSource) {
    this.attributes = new AttributesView(source)
    this.#fields = new FieldReader(source)
    this.#event = new Scalars(source, { 1: FIXED64, 2: LEN })
  }

  over(range: { readonly start: number; readonly end: number }, field: number): void {
    this.#field = field
    this.#fields.reset(range.start, range.end)
  }

  next(): boolean {
    if (!this.#fields.nextMessage(this.#field)) return false
    this.attributes.over(this.#fields, 3)
    return this.#event.over(this.#fields)
  }

  get timeLo(): number {
    return this.#event.lo(1)
  }

  get timeHi(): number {
    return this.#event.hi(1)
  }

  get name(): string {
    return this.#event.text(2)
  }
}
