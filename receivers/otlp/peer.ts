/** Who sent a request, for processors that ask (the Collector's client.Info). */
import type { Socket } from 'node:net'
import type { Client } from '../../pipeline/otlp/batch.ts'
import type { RequestHeaders } from './intake.ts'

/** Of a Unix socket nothing is known. */
export function peerOf(socket: Socket): Client {
  const { remoteAddress } = socket
  return remoteAddress === undefined ? {} : { address: remoteAddress.replace(/^::ffff:/i, '') }
}

/** With `include_metadata`: the peer and all headers but those of HTTP/2 itself. */
export function withMetadata(peer: Client, headers: RequestHeaders): Client {
  const metadata: Record<string, readonly string[]> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || name.startsWith(':')) continue
    metadata[name] = typeof value === 'string' ? [value] : value
  }
  const authority = headers[':authority']
  if (metadata.host === undefined && typeof authority === 'string') metadata.host = [authority]
  return { ...peer, metadata }
}
