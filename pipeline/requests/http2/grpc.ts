/** What gRPC makes of HTTP/2 (its PROTOCOL-HTTP2.md): status codes, and errors that have one. */
import { GRPC_CODES } from '../../flows/grpc_codes.ts'

const OK = 0
const CANCELLED = 1
const UNKNOWN = 2
const DEADLINE_EXCEEDED = 4
const PERMISSION_DENIED = 7
const RESOURCE_EXHAUSTED = 8
const UNIMPLEMENTED = 12
const INTERNAL = 13
const UNAVAILABLE = 14
const UNAUTHENTICATED = 16

/** '' for OK. */
export function grpcError(status: number): string {
  return status === OK ? '' : (GRPC_CODES[status] ?? `${status}`)
}

/** Of a response that ended without a status of its own. */
export function grpcStatusOfHttp(status: number): number {
  switch (status) {
    case 400:
      return INTERNAL
    case 401:
      return UNAUTHENTICATED
    case 403:
      return PERMISSION_DENIED
    case 404:
      return UNIMPLEMENTED
    case 429:
    case 502:
    case 503:
    case 504:
      return UNAVAILABLE
    default:
      return UNKNOWN
  }
}

/** RFC 9113 §7. */
const ERRORS = [
  'NO_ERROR',
  'PROTOCOL_ERROR',
  'INTERNAL_ERROR',
  'FLOW_CONTROL_ERROR',
  'SETTINGS_TIMEOUT',
  'STREAM_CLOSED',
  'FRAME_SIZE_ERROR',
  'REFUSED_STREAM',
  'CANCEL',
  'COMPRESSION_ERROR',
  'CONNECT_ERROR',
  'ENHANCE_YOUR_CALM',
  'INADEQUATE_SECURITY',
  'HTTP_1_1_REQUIRED',
]
export const NO_ERROR = 0
export const REFUSED_STREAM = 7
const CANCEL = 8
const ENHANCE_YOUR_CALM = 11
const INADEQUATE_SECURITY = 12

export function http2Error(code: number): string {
  return ERRORS[code] ?? `0x${code.toString(16)}`
}

/** Clients measure their deadline from before the request is written, and timers are coarse. */
const DEADLINE_SHARE = 0.95

/** Of a call that was reset: by the client at its deadline, or as the code says. */
export function grpcStatusOfReset(
  code: number,
  { byClient, lastedNs, timeoutNs }: { byClient: boolean; lastedNs: number; timeoutNs: number },
): number {
  if (code === CANCEL && byClient && timeoutNs > 0 && lastedNs >= timeoutNs * DEADLINE_SHARE) {
    return DEADLINE_EXCEEDED
  }
  if (code === CANCEL) return CANCELLED
  if (code === REFUSED_STREAM) return UNAVAILABLE
  if (code === ENHANCE_YOUR_CALM) return RESOURCE_EXHAUSTED
  return code === INADEQUATE_SECURITY ? PERMISSION_DENIED : INTERNAL
}
