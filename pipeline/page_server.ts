/**
 * A small HTTP server for pages about the service: metrics, health, zpages. It answers GET and
 * HEAD, and takes its connections from the service's sockets, which outlive a reload.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Logger } from 'pino'
import type { Host } from './component.ts'
import type { Listening } from './listening.ts'

export interface Page {
  readonly status?: number
  readonly type: string
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
}

/** The page at a URL, or undefined when there is none. */
export type Respond = (url: URL) => Page | undefined | Promise<Page | undefined>

/** Answers all methods at one path. */
export type Route = (request: IncomingMessage, response: ServerResponse) => Promise<void>

/** More at once are turned away: whoever reads these pages is a handful of programs. */
const CONNECTIONS_MAX = 100
/** A connection on which nothing moves for so long is closed, in the middle of a request too. */
const SILENCE_MS = 30_000

export class PageServer {
  readonly #respond: Respond
  readonly #logger: Logger
  readonly #routes: Readonly<Record<string, Route>>
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #listening: Listening | undefined

  constructor(respond: Respond, logger: Logger, routes: Readonly<Record<string, Route>> = {}) {
    this.#respond = respond
    this.#logger = logger
    this.#routes = routes
    this.#server = createServer((request, response) => void this.#answer(request, response))
  }

  /** Gives the address it listens on. Throws when that cannot be had. */
  async start(endpoint: string, listen: Host['listen']): Promise<string> {
    const listening = await listen(endpoint, (socket) => this.#take(socket))
    const before = this.#listening
    this.#listening = listening
    await before?.close()
    return listening.address
  }

  /** Ends all connections. Safe twice, and without `start`. */
  async shutdown(): Promise<void> {
    const listening = this.#listening
    this.#listening = undefined
    await listening?.close()
    for (const socket of this.#sockets) socket.destroy()
  }

  #take(socket: Socket): void {
    if (this.#sockets.size >= CONNECTIONS_MAX) return void socket.destroy()
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
    this.#server.emit('connection', socket)
    // Node checks slow requests of a server that listens itself only.
    socket.setTimeout(SILENCE_MS, () => socket.destroy())
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '' } = request
    try {
      const route = this.#routes[request.url ?? '']
      if (route !== undefined) return await route(request, response)
      if (method !== 'GET' && method !== 'HEAD') {
        return send(response, { status: 405, headers: { allow: 'GET, HEAD' }, ...text('Only GET') })
      }
      const url = URL.parse(request.url ?? '/', 'http://localhost')
      const page = url === null ? undefined : await this.#respond(url)
      send(response, page ?? { status: 404, ...text('Not found') })
    } catch (error) {
      this.#logger.error({ error, url: request.url }, 'Cannot make a page')
      if (!response.headersSent) send(response, { status: 500, ...text('Internal error') })
    }
  }
}

function text(line: string): Page {
  return { type: 'text/plain; charset=utf-8', body: `${line}\n` }
}

/** Node leaves out the body of an answer to HEAD. */
function send(response: ServerResponse, { status = 200, type, body, headers }: Page): void {
  response
    .writeHead(status, {
      'content-type': type,
      'content-length': Buffer.byteLength(body),
      'x-content-type-options': 'nosniff',
      ...headers,
    })
    .end(body)
}
