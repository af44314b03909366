/**
 * What the OpenTelemetry semantic conventions for HTTP make of an exchange row; spans and metrics
 * must agree on it (docs/http/http-spans.md, http-metrics.md there).
 */
import { z } from 'zod'
import { addressInUrl, addressText } from './address_text.ts'
import type { Columns, FlowBatch } from './batch.ts'
import { ROLE } from './schema.ts'

/** RFC 9110 §9 and PATCH (RFC 5789): the conventions' default. */
const METHODS = ['CONNECT', 'DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT', 'TRACE']

/** The option that the conventions demand of who turns methods into `_OTHER`. */
export const knownMethods = z
  .array(z.string())
  .default(METHODS)
  .describe('methods that are told apart; all others become _OTHER')

export const OTHER_METHOD = '_OTHER'

/** No response was seen although the exchange has ended. */
const CONNECTION_CLOSED = 'connection_closed'

/**
 * `error.type` of an exchange, '' when it did not fail: a status of 400 and more for the client, of
 * 500 and more for the server. Where bytes were not seen a missing response is no error.
 */
export function errorType(base: Columns<'base'>, row: number): string {
  const status = base.status[row] as number
  if (status === 0) return base.desynchronised[row] === 1 ? '' : CONNECTION_CLOSED
  return status >= (base.role[row] === ROLE.client ? 400 : 500) ? String(status) : ''
}

/** A host and a port, as in a Host header; brackets for IPv6, whose colons are not a port's. */
const HOST_AND_PORT = /^(?:\[(?<ipv6>[^\]]*)\]|(?<name>[^:]*))(?::(?<port>\d{1,5})$)?/

/** `server.address` and `server.port`: what the request names, else the address it went to. */
export function serverOf(batch: FlowBatch, row: number): { address: string; port: number } {
  const { base } = batch
  const named = HOST_AND_PORT.exec(batch.text(base.host, row))?.groups
  const address = named?.ipv6 || named?.name || addressText(base.dst_address, row)
  const port = Number(named?.port ?? 0)
  return { address, port: port > 0 && port < 65536 ? port : (base.dst_port[row] as number) }
}

/** `url.full` of a request to a server, which may be a proxy. */
export function urlOf(batch: FlowBatch, row: number): string {
  const { base } = batch
  const target = batch.text(base.target, row)
  const path = target.startsWith('/') ? target : ''
  return `http://${batch.text(base.host, row) || addressAndPort(base, row)}${path}`
}

function addressAndPort(base: Columns<'base'>, row: number): string {
  const port = base.dst_port[row] as number
  const address = addressInUrl(base.dst_address, row)
  return port === 80 ? address : `${address}:${port}`
}
