/**
 * What an HTTP response means for the batch (opentelemetry-proto docs/specification.md, "OTLP/HTTP
 * Response"), and what its body says of it.
 */
import { type Outcome, permanent, retryable } from '../outcome.ts'
import { readStatusMessage } from './grpc_status.ts'

const RETRYABLE: ReadonlySet<number> = new Set([429, 502, 503, 504])
/** Those with which a server may say when it will take more. */
const THROTTLING: ReadonlySet<number> = new Set([429, 503])
const MESSAGE_CHARACTERS_MAX = 1000

export interface HttpResponse {
  readonly status: number
  readonly contentType: string
  readonly retryAfter: string | undefined
  readonly body: Uint8Array
}

/** @param url for messages, without what is secret in it */
export function outcomeOfFailure(response: HttpResponse, url: string): Outcome {
  const { status } = response
  const errorType = String(status)
  const message = messageOf(response)
  const said = message === '' ? '' : `, Message=${message.slice(0, MESSAGE_CHARACTERS_MAX)}`
  const reason = `error exporting items, request to ${url} responded with HTTP Status Code ${status}${said}`
  if (!RETRYABLE.has(status)) return { ...permanent(reason), errorType }
  const { retryAfter } = response
  const mayWait = THROTTLING.has(status) && retryAfter !== undefined
  const afterMs = mayWait ? readRetryAfter(retryAfter, Date.now()) : undefined
  return { ...retryable(reason, afterMs), errorType }
}

function messageOf({ contentType, body }: HttpResponse): string {
  if (body.length === 0) return ''
  const type = mediaType(contentType)
  if (type === 'application/json') return jsonMessage(body)
  // The specification demands protobuf or JSON; proxies on the way answer with pages.
  return type === 'application/x-protobuf' ? (readStatusMessage(body) ?? '') : ''
}

function jsonMessage(body: Uint8Array): string {
  try {
    const status = JSON.parse(Buffer.from(body).toString()) as { message?: unknown } | null
    return typeof status?.message === 'string' ? status.message : ''
  } catch {
    return ''
  }
}

export function mediaType(contentType: string): string {
  return (contentType.split(';')[0] as string).trim().toLowerCase()
}

const IMF_FIXDATE =
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} (?:GMT|UTC)$/

/** Milliseconds from `now` on (RFC 9110, 10.2.3); undefined when malformed, or in the past. */
export function readRetryAfter(value: string, now: number): number | undefined {
  const text = value.trim()
  const ms = /^\d{1,12}$/.test(text)
    ? Number(text) * 1000
    : IMF_FIXDATE.test(text)
      ? Date.parse(text) - now
      : Number.NaN
  return ms >= 0 ? ms : undefined
}
