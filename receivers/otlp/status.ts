/**
 * What a request is answered with, whichever way it came: a gRPC code, and what it is over HTTP
 * (Collector receiver/otlpreceiver/internal/errors).
 *
 *     message ExportLogsServiceResponse { ExportLogsPartialSuccess partial_success = 1; }
 *     message ExportLogsPartialSuccess  { int64 rejected_log_records = 1;
 *                                         string error_message = 2; }
 *     message Status    { int32 code = 1;  string message = 2;  repeated Any details = 3; }
 *     message Any       { string type_url = 1;  bytes value = 2; }
 *     message RetryInfo { Duration retry_delay = 1; }
 *     message Duration  { int64 seconds = 1;  int32 nanos = 2; }
 */

import { LEN, tag, VARINT, WireWriter } from '../../pipeline/otlp/wire.ts'
import type { Outcome } from '../../pipeline/outcome.ts'

export const CODE = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  permissionDenied: 7,
  resourceExhausted: 8,
  aborted: 10,
  outOfRange: 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  dataLoss: 15,
  unauthenticated: 16,
} as const
export type Code = (typeof CODE)[keyof typeof CODE]

export interface Status {
  readonly code: Code
  readonly message: string
  /** When the sender may try again, where that is known. */
  readonly afterMs?: number
  /** With `ok`: items that were not taken, and are not to be sent again. */
  readonly rejected?: Rejected
}

export interface Rejected {
  readonly items: number
  /** Of the first of them. */
  readonly message: string
}

export const OK_STATUS: Status = { code: CODE.ok, message: '' }

const RETRY_INFO = 'type.googleapis.com/google.rpc.RetryInfo'

export function statusOf(outcome: Outcome): Status {
  if (outcome.kind === 'ok') return OK_STATUS
  const { reason: message } = outcome
  // Not the sender's fault as far as anybody knows, so not an invalid argument.
  if (outcome.kind === 'permanent') return { code: CODE.internal, message }
  const { afterMs } = outcome
  return { code: CODE.unavailable, message, ...(afterMs !== undefined && { afterMs }) }
}

export function httpStatusOf(code: Code): number {
  switch (code) {
    case CODE.ok:
      return 200
    case CODE.cancelled:
    case CODE.deadlineExceeded:
    case CODE.aborted:
    case CODE.outOfRange:
    case CODE.unavailable:
    case CODE.dataLoss:
      return 503
    case CODE.resourceExhausted:
      return 429
    case CODE.invalidArgument:
      return 400
    case CODE.unauthenticated:
      return 401
    case CODE.permissionDenied:
      return 403
    case CODE.unimplemented:
      return 404
    default:
      return 500
  }
}

/** A response without fields, if nothing was rejected. */
export function encodeResponse({ rejected }: Status): Uint8Array {
  const writer = new WireWriter(256)
  if (rejected !== undefined) {
    const partial = writer.open(tag(1, LEN), 1)
    writer.uint(tag(1, VARINT), rejected.items)
    writer.string(tag(2, LEN), rejected.message)
    writer.close(partial, 1)
  }
  return writer.take()
}

/** The same as JSON; only records of logs are ever rejected. */
export function responseJson({ rejected }: Status): string {
  if (rejected === undefined) return '{}'
  const { items, message } = rejected
  const partialSuccess = { rejectedLogRecords: String(items), errorMessage: message }
  return JSON.stringify({ partialSuccess })
}

/** A `google.rpc.Status`, with the delay as RetryInfo. */
export function encodeStatus({ code, message, afterMs }: Status): Uint8Array {
  const writer = new WireWriter(256)
  if (code !== CODE.ok) writer.uint(tag(1, VARINT), code)
  if (message !== '') writer.string(tag(2, LEN), message)
  if (afterMs === undefined) return writer.take()
  const { seconds, nanos } = durationOf(afterMs)
  const any = writer.open(tag(3, LEN), 1)
  writer.string(tag(1, LEN), RETRY_INFO)
  const info = writer.open(tag(2, LEN), 1)
  const delay = writer.open(tag(1, LEN), 1)
  if (seconds > 0) writer.uint(tag(1, VARINT), seconds)
  if (nanos > 0) writer.uint(tag(2, VARINT), nanos)
  for (const start of [delay, info, any]) writer.close(start, 1)
  return writer.take()
}

/** The same as protobuf's JSON mapping has it. */
export function statusJson({ code, message, afterMs }: Status): string {
  const details =
    afterMs === undefined ? undefined : [{ '@type': RETRY_INFO, retryDelay: `${afterMs / 1000}s` }]
  return JSON.stringify({ code, message, details })
}

function durationOf(ms: number): { seconds: number; nanos: number } {
  const seconds = Math.floor(ms / 1000)
  return { seconds, nanos: Math.round((ms - seconds * 1000) * 1e6) }
}
