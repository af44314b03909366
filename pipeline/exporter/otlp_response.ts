/**
 * Reads `Export{Trace,Metrics,Logs}ServiceResponse`:
 *
 *     message ExportTraceServiceResponse { ExportTracePartialSuccess partial_success = 1; }
 *     message ExportTracePartialSuccess  { int64 rejected_spans = 1;  string error_message = 2; }
 *
 * The three differ in the name of the first field only.
 */
import type { OtlpBatch } from '../otlp/batch.ts'
import { LEN, VARINT } from '../otlp/wire.ts'
import { FieldReader, type Malformed, WireSource } from '../otlp/wire_reader.ts'

export interface PartialSuccess {
  readonly kind: 'partial'
  /** Items that the server took but did not accept: sending them again is pointless. */
  readonly rejected: number
  readonly message: string
}

/** Undefined for a full success, which an empty `partial_success` (the Collector's) is too. */
export function readResponse(bytes: Uint8Array): PartialSuccess | Malformed | undefined {
  const source = new WireSource(bytes)
  const response = new FieldReader(source)
  const partial = new FieldReader(source)
  let rejected = 0
  let message = ''
  response.reset(0, bytes.length)
  while (response.nextMessage(1)) {
    partial.reset(response.start, response.end)
    while (partial.next()) {
      if (partial.field === 1 && partial.wireType === VARINT) rejected = Math.max(partial.signed, 0)
      if (partial.field === 2 && partial.wireType === LEN) {
        message = source.text(partial.start, partial.end)
      }
    }
  }
  if (source.fault !== undefined) return source.fault
  return rejected === 0 && message === '' ? undefined : { kind: 'partial', rejected, message }
}

const REJECTED = {
  traces: 'rejectedSpans',
  metrics: 'rejectedDataPoints',
  logs: 'rejectedLogRecords',
} as const

/** The same of JSON: `{ "partialSuccess": { "rejectedSpans": "1", "errorMessage": "…" } }`. */
export function readJsonResponse(
  bytes: Uint8Array,
  signal: OtlpBatch['signal'],
): PartialSuccess | Malformed | undefined {
  let response: unknown
  try {
    response = JSON.parse(Buffer.from(bytes).toString())
  } catch {
    return { kind: 'malformed', reason: 'it is not JSON', offset: 0 }
  }
  const partial = (response as { partialSuccess?: Record<string, unknown> } | null)?.partialSuccess
  if (typeof partial !== 'object' || partial === null) return undefined
  const { errorMessage, [REJECTED[signal]]: count } = partial
  // An int64 is text or a number; anything else is none, and may not even be made one.
  const number = typeof count === 'string' || typeof count === 'number' ? Number(count) : 0
  const rejected = Number.isSafeInteger(number) ? Math.max(number, 0) : 0
  const message = typeof errorMessage === 'string' ? errorMessage : ''
  return rejected === 0 && message === '' ? undefined : { kind: 'partial', rejected, message }
}
