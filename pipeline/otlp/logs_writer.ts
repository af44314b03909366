/**
 * Writes an `ExportLogsServiceRequest` record by record (opentelemetry/proto/logs/v1/logs.proto).
 *
 *     message LogRecord {
 *       fixed64 time_unix_nano = 1;      SeverityNumber severity_number = 2;
 *       string severity_text = 3;        AnyValue body = 5;
 *       repeated KeyValue attributes = 6;
 *       fixed32 flags = 8;               bytes trace_id = 9;          bytes span_id = 10;
 *       fixed64 observed_time_unix_nano = 11;                         string event_name = 12; }
 *
 * Ids and times are taken from columns, `(column, row)`, as in traces_writer.ts.
 */
import { FIXED64, LEN, tag, VARINT } from './wire.ts'
import { ITEMS, SignalWriter } from './writer.ts'

const TIME = tag(1, FIXED64)
const SEVERITY_NUMBER = tag(2, VARINT)
const SEVERITY_TEXT = tag(3, LEN)
const BODY = tag(5, LEN)
const BODY_STRING = tag(1, LEN)
const ATTRIBUTES = tag(6, LEN)
const TRACE_ID = tag(9, LEN)
const SPAN_ID = tag(10, LEN)
const OBSERVED_TIME = tag(11, FIXED64)
const EVENT_NAME = tag(12, LEN)

const RECORD_GUESS = 2
const CLOSED = -1

export class LogsWriter extends SignalWriter {
  #record = CLOSED

  constructor() {
    super('logs')
  }

  /** Begins a record in the open scope; attributes from here on are its own. Throws without one. */
  beginRecord(): void {
    this.requireScope()
    this.closeItem()
    this.#record = this.wire.open(ITEMS, RECORD_GUESS)
    this.attributesAs(ATTRIBUTES)
    this.countItem()
  }

  /** When it happened, nanoseconds since the Unix epoch. */
  time(column: Uint32Array, row: number): void {
    this.wire.fixed64(TIME, column[row * 2] as number, column[row * 2 + 1] as number)
  }

  /** When it was seen, nanoseconds since the Unix epoch. */
  observedTime(column: Uint32Array, row: number): void {
    this.wire.fixed64(OBSERVED_TIME, column[row * 2] as number, column[row * 2 + 1] as number)
  }

  /** 1 to 24 (9 is INFO), and the level's name where there is one. */
  severity(number: number, text = ''): void {
    this.wire.uint(SEVERITY_NUMBER, number)
    if (text !== '') this.wire.string(SEVERITY_TEXT, text)
  }

  body(text: string): void {
    const start = this.wire.open(BODY, 1)
    this.wire.string(BODY_STRING, text)
    this.wire.close(start, 1)
  }

  eventName(name: string): void {
    this.wire.string(EVENT_NAME, name)
  }

  traceId(column: Uint32Array, row: number): void {
    this.wire.id(TRACE_ID, column, row * 4, 4)
  }

  spanId(column: Uint32Array, row: number): void {
    this.wire.id(SPAN_ID, column, row * 2, 2)
  }

  protected override closeItem(): void {
    if (this.#record !== CLOSED) this.wire.close(this.#record, RECORD_GUESS)
    this.#record = CLOSED
  }
}
