/** What the head of a request asks for, and whether it can be had. */
import type { IncomingMessage } from 'node:http'
import { type Encoding, isEncoding } from '../../../pipeline/server/decompress.ts'
import type { HttpConfig } from '../config.ts'
import type { RequestSignal as Signal } from '../intake.ts'
import { CODE, type Status } from '../status.ts'

export const JSON_TYPE = 'application/json'
export const PROTOBUF_TYPE = 'application/x-protobuf'

export interface Route {
  readonly signal: Signal
  readonly format: 'json' | 'protobuf'
  readonly encoding: Encoding | undefined
}

/** A plain text, or a status in the encoding of the request. */
export type Refusal =
  | { readonly httpStatus: number; readonly text: string }
  | { readonly httpStatus: number; readonly status: Status }

/** @param takes whether a signal has a pipeline */
export function routeOf(
  request: IncomingMessage,
  config: HttpConfig,
  takes: (signal: Signal) => boolean,
): Route | Refusal {
  const encoding = encodingOf(request, config)
  if (typeof encoding === 'object') return encoding
  const signal = signalOf(request.url ?? '', config)
  if (signal === undefined || !takes(signal)) {
    return { httpStatus: 404, text: '404 page not found' }
  }
  if (request.method !== 'POST') {
    return { httpStatus: 405, text: '405 method not allowed, supported: [POST]' }
  }
  const format = formatOf(request)
  if (format === undefined) {
    const types = `[${JSON_TYPE}, ${PROTOBUF_TYPE}]`
    return { httpStatus: 415, text: `415 unsupported media type, supported: ${types}` }
  }
  return { signal, format, encoding: encoding === '' ? undefined : encoding }
}

export function formatOf(request: IncomingMessage): 'json' | 'protobuf' | undefined {
  const type = /^\s*([^\s;]+)/.exec(request.headers['content-type'] ?? '')?.[1]?.toLowerCase()
  if (type === JSON_TYPE) return 'json'
  return type === PROTOBUF_TYPE ? 'protobuf' : undefined
}

function signalOf(url: string, config: HttpConfig): Signal | undefined {
  const query = url.indexOf('?')
  const path = query < 0 ? url : url.slice(0, query)
  if (path === config.traces_url_path) return 'traces'
  if (path === config.metrics_url_path) return 'metrics'
  return path === config.logs_url_path ? 'logs' : undefined
}

/** '' for none. */
function encodingOf(request: IncomingMessage, config: HttpConfig): Encoding | '' | Refusal {
  const name = (request.headers['content-encoding'] ?? '').toLowerCase()
  const allowed: readonly string[] = config.compression_algorithms
  if (name === '' || name === 'identity') return ''
  if (isEncoding(name) && allowed.includes(name)) return name
  const supported = allowed.filter(isEncoding).join(', ')
  const message = `unsupported Content-Encoding: ${name}, supported: [${supported}]`
  return { httpStatus: 415, status: { code: CODE.invalidArgument, message } }
}
