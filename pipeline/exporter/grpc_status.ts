/**
 * What a gRPC status means for the batch (opentelemetry-proto docs/specification.md, "OTLP/gRPC
 * Response", and "OTLP/gRPC Throttling"): some codes may be tried again, the others never.
 */
import { status as CODE, type ServiceError } from '@grpc/grpc-js'
import { LEN, VARINT } from '../otlp/wire.ts'
import { FieldReader, WireSource } from '../otlp/wire_reader.ts'
import { type Outcome, permanent, retryable } from '../outcome.ts'

const RETRYABLE: ReadonlySet<number> = new Set([
  CODE.CANCELLED,
  CODE.DEADLINE_EXCEEDED,
  CODE.ABORTED,
  CODE.OUT_OF_RANGE,
  CODE.UNAVAILABLE,
  CODE.DATA_LOSS,
])

/**
 * What grpc-js makes of a server that ends the connection for too many pings or streams. It looks
 * as if the server had answered RESOURCE_EXHAUSTED, and says nothing of the request.
 */
const CALMED = 'Bandwidth exhausted or memory limit exceeded'

const DETAILS_KEY = 'grpc-status-details-bin'
const RETRY_INFO = 'type.googleapis.com/google.rpc.RetryInfo'

export function outcomeOfError(error: ServiceError): Outcome {
  const errorType = CODE[error.code] ?? String(error.code)
  const reason = `${errorType}: ${plain(error.details)}`
  const afterMs = retryDelayMs(error)
  // Only with RetryInfo does the server say that its exhaustion will pass.
  const willPass =
    error.code === CODE.RESOURCE_EXHAUSTED && (afterMs !== undefined || error.details === CALMED)
  if (RETRYABLE.has(error.code) || willPass) return { ...retryable(reason, afterMs), errorType }
  return { ...permanent(reason), errorType }
}

/** What keeps grpc-js from a connection: innermost in what its balancers say of one another. */
const NO_CONNECTION =
  /^(?:\w+: )?(?:No connection established\. Last error: )+(?:Error: )?(.*?)(?:\. Resolution note: )?$/s

function plain(details: string): string {
  const cause = NO_CONNECTION.exec(details)?.[1]
  if (cause === undefined) return details
  return cause === 'null' ? 'No connection established' : `No connection established: ${cause}`
}

function retryDelayMs(error: ServiceError): number | undefined {
  const [details] = error.metadata?.get(DETAILS_KEY) ?? []
  return details instanceof Buffer ? readRetryDelayMs(details) : undefined
}

/**
 * The delay in a `google.rpc.Status`, in milliseconds; undefined when there is none.
 *
 *     message Status    { int32 code = 1;  string message = 2;  repeated Any details = 3; }
 *     message Any       { string type_url = 1;  bytes value = 2; }
 *     message RetryInfo { Duration retry_delay = 1; }
 *     message Duration  { int64 seconds = 1;  int32 nanos = 2; }
 */
export function readRetryDelayMs(bytes: Uint8Array): number | undefined {
  const source = new WireSource(bytes)
  const status = new FieldReader(source)
  const any = new FieldReader(source)
  let delay: number | undefined
  status.reset(0, bytes.length)
  while (status.nextMessage(3)) {
    any.reset(status.start, status.end)
    let type = ''
    let from = 0
    let to = 0
    while (any.next()) {
      if (any.wireType !== LEN) continue
      if (any.field === 1) type = source.text(any.start, any.end)
      if (any.field === 2) [from, to] = [any.start, any.end]
    }
    if (type === RETRY_INFO) delay = durationMs(source, { from, to })
  }
  return source.fault === undefined ? delay : undefined
}

/** The `message` of a `google.rpc.Status`; undefined when the bytes are none. */
export function readStatusMessage(bytes: Uint8Array): string | undefined {
  const source = new WireSource(bytes)
  const status = new FieldReader(source)
  let message = ''
  status.reset(0, bytes.length)
  while (status.nextMessage(2)) message = source.text(status.start, status.end)
  return source.fault === undefined ? message : undefined
}

function durationMs(source: WireSource, info: { from: number; to: number }): number {
  const retryInfo = new FieldReader(source)
  const duration = new FieldReader(source)
  let ms = 0
  retryInfo.reset(info.from, info.to)
  while (retryInfo.nextMessage(1)) {
    duration.reset(retryInfo.start, retryInfo.end)
    while (duration.next()) {
      if (duration.wireType !== VARINT) continue
      if (duration.field === 1) ms += duration.signed * 1000
      if (duration.field === 2) ms += duration.signed / 1e6
    }
  }
  return Math.max(ms, 0)
}
