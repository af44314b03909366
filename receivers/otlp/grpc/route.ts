/** What the headers of a call ask for, and whether that is a call of this service at all. */
import { constants, type IncomingHttpHeaders } from 'node:http2'
import { type Encoding, isEncoding } from '../../../pipeline/server/decompress.ts'
import type { RequestSignal as Signal } from '../intake.ts'
import { CODE, type Status } from '../status.ts'
import { parseTimeout } from './metadata.ts'

const {
  HTTP2_HEADER_CONTENT_TYPE: CONTENT_TYPE,
  HTTP2_HEADER_METHOD: METHOD,
  HTTP2_HEADER_PATH: PATH,
} = constants

const IS_GRPC = /^application\/grpc(?:[+;]|$)/
const ACCEPTED = { 'grpc-accept-encoding': 'identity,gzip,deflate,zstd' }

const SERVICES: ReadonlyMap<string, Signal> = new Map([
  ['opentelemetry.proto.collector.trace.v1.TraceService', 'traces'],
  ['opentelemetry.proto.collector.metrics.v1.MetricsService', 'metrics'],
  ['opentelemetry.proto.collector.logs.v1.LogsService', 'logs'],
])

export interface Route {
  readonly signal: Signal
  readonly encoding: Encoding | undefined
  /** For how long the client waits. */
  readonly timeoutMs: number
}

export interface Refusal {
  readonly httpStatus: number
  readonly status: Status
  readonly headers: Readonly<Record<string, string>>
}

/** @param takes whether a signal has a pipeline */
export function routeOf(
  headers: IncomingHttpHeaders,
  takes: (signal: Signal) => boolean,
): Route | Refusal {
  const type = String(headers[CONTENT_TYPE] ?? '')
  if (!IS_GRPC.test(type)) {
    const message = `invalid gRPC request content-type ${JSON.stringify(type)}`
    return refusal(415, CODE.invalidArgument, message)
  }
  const timeout = headers['grpc-timeout']
  const timeoutMs = timeout === undefined ? Number.POSITIVE_INFINITY : parseTimeout(String(timeout))
  if (timeoutMs === undefined) {
    return refusal(400, CODE.internal, `malformed grpc-timeout: ${timeout}`)
  }
  if (headers[METHOD] !== 'POST') {
    const method = JSON.stringify(headers[METHOD])
    const message = `Received a HEADERS frame with :method ${method} which should be POST`
    return refusal(405, CODE.internal, message)
  }
  const signal = signalOf(String(headers[PATH] ?? ''), takes)
  if (typeof signal === 'object') return refusal(200, CODE.unimplemented, signal.unknown)
  const name = String(headers['grpc-encoding'] ?? 'identity')
  // gRPC has no encoding of the name zlib: it calls that deflate.
  const encoding = isEncoding(name) && name !== 'zlib' ? name : undefined
  if (encoding === undefined && name !== 'identity') {
    const message = `grpc: Decompressor is not installed for grpc-encoding ${JSON.stringify(name)}`
    return refusal(200, CODE.unimplemented, message, ACCEPTED)
  }
  return { signal, encoding, timeoutMs }
}

function signalOf(
  path: string,
  takes: (signal: Signal) => boolean,
): Signal | { readonly unknown: string } {
  const [, service, method] = /^\/([^/]+)\/([^/]+)$/.exec(path) ?? []
  if (service === undefined) return { unknown: `malformed method name: ${JSON.stringify(path)}` }
  const signal = SERVICES.get(service)
  if (signal === undefined || !takes(signal)) return { unknown: `unknown service ${service}` }
  return method === 'Export'
    ? signal
    : { unknown: `unknown method ${method} for service ${service}` }
}

function refusal(httpStatus: number, code: Status['code'], message: string, headers = {}): Refusal {
  return { httpStatus, status: { code, message }, headers }
}
