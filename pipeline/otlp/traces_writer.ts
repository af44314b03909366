/**
 * Writes an `ExportTraceServiceRequest` span by span (opentelemetry/proto/trace/v1/trace.proto).
 *
 *     message Span {
 *       bytes trace_id = 1;          bytes span_id = 2;       string trace_state = 3;
 *       bytes parent_span_id = 4;    string name = 5;         SpanKind kind = 6;
 *       fixed64 start_time_unix_nano = 7;                     fixed64 end_time_unix_nano = 8;
 *       repeated KeyValue attributes = 9;                     repeated Event events = 11;
 *       repeated Link links = 13;    Status status = 15;      fixed32 flags = 16;
 *     }
 *     message Link   { bytes trace_id = 1;  bytes span_id = 2;  repeated KeyValue attributes = 4; }
 *     message Status { string message = 2;  StatusCode code = 3; }
 *
 * Ids and times are taken from columns, `(column, row)`, as flow batches hold them: u32 words, low
 * word first, four for a trace id and two for a span id or a time. Nothing is allocated a span.
 */
import { FIXED32, FIXED64, LEN, tag, VARINT, WireWriter } from './wire.ts'
import { ITEMS, SignalWriter } from './writer.ts'

export const SPAN_KIND = { internal: 1, server: 2, client: 3, producer: 4, consumer: 5 } as const
export const STATUS_CODE = { unset: 0, ok: 1, error: 2 } as const

const TRACE_ID = tag(1, LEN)
const SPAN_ID = tag(2, LEN)
const TRACE_STATE = tag(3, LEN)
const PARENT_SPAN_ID = tag(4, LEN)
const NAME = tag(5, LEN)
const KIND = tag(6, VARINT)
const START = tag(7, FIXED64)
const END = tag(8, FIXED64)
/** `repeated KeyValue attributes = 9` of Span: for `attributePrefix`. */
export const SPAN_ATTRIBUTES = tag(9, LEN)
const LINKS = tag(13, LEN)
const STATUS = tag(15, LEN)
const FLAGS = tag(16, FIXED32)
const LINK_TRACE_ID = tag(1, LEN)
const LINK_SPAN_ID = tag(2, LEN)
const LINK_ATTRIBUTES = tag(4, LEN)
const STATUS_MESSAGE = tag(2, LEN)
const STATUS_CODE_FIELD = tag(3, VARINT)

const SPAN_GUESS = 2
/** Bytes of a span up to its end's time. */
const HEAD_MAX = 64
const LINK_GUESS = 1
const CLOSED = -1

/** Columns that the head of a span is taken from. */
export interface SpanColumns {
  readonly traceId: Uint32Array
  readonly spanId: Uint32Array
  readonly parentSpanId: Uint32Array
  readonly start: Uint32Array
  readonly end: Uint32Array
}

export class TracesWriter extends SignalWriter {
  #span = CLOSED
  #link = CLOSED

  constructor() {
    super('traces')
  }

  /** Begins a span in the open scope; attributes from here on are its own. Throws without one. */
  beginSpan(): void {
    this.requireScope()
    this.closeItem()
    this.#span = this.wire.open(ITEMS, SPAN_GUESS)
    this.attributesAs(SPAN_ATTRIBUTES)
    this.countItem()
  }

  /**
   * `beginSpan`, `traceId`, `spanId`, `parentSpanId`, `start` and `end` at once, in a third of the
   * time: no field is a call, and room is made once.
   */
  beginSpanOf(columns: SpanColumns, row: number): void {
    this.requireScope()
    this.closeItem()
    const { wire } = this
    const bytes = wire.reserve(HEAD_MAX)
    const { view } = wire
    bytes[wire.at] = ITEMS
    let at = wire.at + 1 + SPAN_GUESS
    this.#span = at
    bytes[at] = TRACE_ID
    bytes[at + 1] = 16
    putId(view, at + 2, columns.traceId, row * 4 + 2)
    putId(view, at + 10, columns.traceId, row * 4)
    bytes[at + 18] = SPAN_ID
    bytes[at + 19] = 8
    putId(view, at + 20, columns.spanId, row * 2)
    at += 28
    const parent = columns.parentSpanId
    if (((parent[row * 2] as number) | (parent[row * 2 + 1] as number)) !== 0) {
      bytes[at] = PARENT_SPAN_ID
      bytes[at + 1] = 8
      putId(view, at + 2, parent, row * 2)
      at += 10
    }
    bytes[at] = START
    putTime(view, at + 1, columns.start, row * 2)
    bytes[at + 9] = END
    putTime(view, at + 10, columns.end, row * 2)
    wire.at = at + 18
    this.attributesAs(SPAN_ATTRIBUTES)
    this.countItem()
  }

  traceId(column: Uint32Array, row: number): void {
    this.wire.id(TRACE_ID, column, row * 4, 4)
  }

  spanId(column: Uint32Array, row: number): void {
    this.wire.id(SPAN_ID, column, row * 2, 2)
  }

  /** All zero (a root) is left out. */
  parentSpanId(column: Uint32Array, row: number): void {
    if (column[row * 2] === 0 && column[row * 2 + 1] === 0) return
    this.wire.id(PARENT_SPAN_ID, column, row * 2, 2)
  }

  traceState(text: string): void {
    if (text !== '') this.wire.string(TRACE_STATE, text)
  }

  name(text: string): void {
    this.wire.string(NAME, text)
  }

  /** One of SPAN_KIND. */
  kind(kind: number): void {
    this.wire.uint(KIND, kind)
  }

  /** Nanoseconds since the Unix epoch. */
  start(column: Uint32Array, row: number): void {
    this.wire.fixed64(START, column[row * 2] as number, column[row * 2 + 1] as number)
  }

  /** Nanoseconds since the Unix epoch. */
  end(column: Uint32Array, row: number): void {
    this.wire.fixed64(END, column[row * 2] as number, column[row * 2 + 1] as number)
  }

  /** W3C trace flags in the low byte; bits 8 and 9 tell whether the parent is remote. */
  flags(flags: number): void {
    this.wire.fixed32(FLAGS, flags)
  }

  /** One of STATUS_CODE; a message only with an error, as the specification wants it. */
  status(code: number, message = ''): void {
    writeStatus(this.wire, code, message)
  }

  /** Begins a link of the open span; attributes until `endLink` are the link's. */
  beginLink(): void {
    this.#link = this.wire.open(LINKS, LINK_GUESS)
    this.attributesAs(LINK_ATTRIBUTES)
  }

  linkTraceId(column: Uint32Array, row: number): void {
    this.wire.id(LINK_TRACE_ID, column, row * 4, 4)
  }

  linkSpanId(column: Uint32Array, row: number): void {
    this.wire.id(LINK_SPAN_ID, column, row * 2, 2)
  }

  endLink(): void {
    if (this.#link === CLOSED) return
    this.wire.close(this.#link, LINK_GUESS)
    this.#link = CLOSED
    this.attributesAs(SPAN_ATTRIBUTES)
  }

  protected override closeItem(): void {
    this.endLink()
    if (this.#span !== CLOSED) this.wire.close(this.#span, SPAN_GUESS)
    this.#span = CLOSED
  }
}

/** Eight bytes of an id, two words from `from` on, in big-endian order. */
function putId(view: DataView, at: number, column: Uint32Array, from: number): void {
  view.setUint32(at, column[from + 1] as number, false)
  view.setUint32(at + 4, column[from] as number, false)
}

function putTime(view: DataView, at: number, column: Uint32Array, from: number): void {
  view.setUint32(at, column[from] as number, true)
  view.setUint32(at + 4, column[from + 1] as number, true)
}

function writeStatus(wire: WireWriter, code: number, message: string): void {
  const start = wire.open(STATUS, 1)
  if (message !== '') wire.string(STATUS_MESSAGE, message)
  if (code !== STATUS_CODE.unset) wire.uint(STATUS_CODE_FIELD, code)
  wire.close(start, 1)
}

/** Fields that many spans have in common, for `raw` in each of them. */
export function encodeSpanFields(of: {
  name: string
  kind: number
  status: number
  flags: number
}): Uint8Array {
  const wire = new WireWriter(256)
  wire.string(NAME, of.name)
  wire.uint(KIND, of.kind)
  if (of.status !== STATUS_CODE.unset) writeStatus(wire, of.status, '')
  wire.fixed32(FLAGS, of.flags)
  return wire.take()
}
