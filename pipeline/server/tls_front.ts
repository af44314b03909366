/**
 * TLS before a server of any protocol: takes sockets as they were accepted, gives those whose
 * handshake has succeeded. It listens nowhere.
 */

import type { Socket } from 'node:net'
import { createServer, type TLSSocket } from 'node:tls'
import type { Logger } from 'pino'
import type { ServerTls } from './tls.ts'

/** A client that takes longer over its handshake is let go. */
const HANDSHAKE_MS = 20_000

export interface TlsFrontSettings {
  /** What may be spoken within, best first (RFC 7301). */
  readonly protocols: readonly string[]
  readonly logger: Logger
  readonly onSecure: (socket: TLSSocket) => void
}

/** Gives the function that takes sockets. */
export function tlsFront(tls: ServerTls, settings: TlsFrontSettings): (socket: Socket) => void {
  const { protocols, logger, onSecure } = settings
  const server = createServer(
    { ...tls.options(), ALPNProtocols: [...protocols], handshakeTimeout: HANDSHAKE_MS },
    onSecure,
  )
  server.on('tlsClientError', ({ message }, { remoteAddress }) => {
    logger.debug({ message, client: remoteAddress }, 'TLS handshake failed')
  })
  return (socket) => {
    const renewed = tls.renewed(logger)
    if (renewed !== undefined) server.setSecureContext(renewed)
    server.emit('connection', socket)
  }
}
