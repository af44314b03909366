/**
 * OTLP over HTTP/1.1. It listens nowhere: sockets come from the service, which hands them from one
 * generation of the receiver to the next.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { HttpConfig } from '../config.ts'
import type { Gate } from '../gate.ts'
import type { Intake } from '../intake.ts'
import { CODE } from '../status.ts'
import { Cors } from './cors.ts'
import { Exchange, type ExchangeSettings } from './exchange.ts'

const HEAD_BYTES_MAX = 32 * 1024
/** How often slow requests are looked for. */
const CHECK_INTERVAL_MS = 1000

export class HttpServer {
  readonly #config: HttpConfig
  readonly #server: Server
  readonly #settings: ExchangeSettings
  readonly #exchanges = new Set<Exchange>()
  #closing = false

  constructor(config: HttpConfig, parts: { intake: Intake; gate: Gate }) {
    this.#config = config
    this.#settings = {
      ...parts,
      config,
      cors: (config.cors?.allowed_origins.length ?? 0) > 0 ? new Cors(config.cors!) : undefined,
      headers: responseHeaders(config),
      isLast: () => this.#closing || !keepsAlive(config),
      over: (exchange) => this.#exchanges.delete(exchange),
    }
    this.#server = createServer(optionsOf(config))
    this.#server.on('request', (request, response) => this.#begin(request, response, false))
    this.#server.on('checkContinue', (request, response) => this.#begin(request, response, true))
    // Node looks for slow requests from the moment a server listens, which this one never does.
    this.#server.emit('listening')
  }

  /** Takes over a connection, after its TLS handshake if it has one. */
  connect(socket: Socket): void {
    this.#server.emit('connection', socket)
  }

  /** Ends connections as their exchanges end. */
  close(): void {
    this.#closing = true
    this.#server.closeIdleConnections()
  }

  /** Requests whose bodies have not come whole are answered; they may be sent again, elsewhere. */
  hurry(): void {
    for (const exchange of this.#exchanges) {
      if (!exchange.isReading) continue
      exchange.answer({ code: CODE.unavailable, message: 'the receiver is shutting down' })
    }
  }

  destroy(): void {
    this.#server.closeAllConnections()
    // Ends the looking for slow requests; that it never listened is no error here.
    this.#server.close(() => {})
  }

  /** Requests that are not over. */
  get requests(): number {
    return this.#exchanges.size
  }

  #begin(request: IncomingMessage, response: ServerResponse, wantsLeave: boolean): void {
    const exchange = new Exchange(request, response, this.#settings)
    this.#exchanges.add(exchange)
    const { write_timeout: timeoutMs } = this.#config
    if (timeoutMs > 0) {
      const timer = setTimeout(() => request.socket.destroy(), timeoutMs)
      response.once('close', () => clearTimeout(timer))
    }
    exchange.begin(wantsLeave)
  }
}

function optionsOf(config: HttpConfig) {
  const { read_header_timeout: headMs, read_timeout: wholeMs, keepalive } = config
  return {
    maxHeaderSize: HEAD_BYTES_MAX,
    headersTimeout: wholeMs > 0 ? Math.min(headMs || wholeMs, wholeMs) : headMs,
    requestTimeout: wholeMs,
    keepAliveTimeout: keepalive?.idle_timeout ?? config.idle_timeout,
    connectionsCheckingInterval: CHECK_INTERVAL_MS,
    requireHostHeader: false,
  }
}

function keepsAlive({ keepalive, keep_alives_enabled: enabled }: HttpConfig): boolean {
  return keepalive?.enabled ?? enabled
}

function responseHeaders({ response_headers: headers }: HttpConfig): Record<string, string> {
  if (!Array.isArray(headers)) return headers
  return Object.fromEntries(headers.map(({ name, value }) => [name, value]))
}
