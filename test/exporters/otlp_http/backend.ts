/** A real HTTP server that takes OTLP, keeps what it got, and answers as the test says. */
import {
  createServer,
  type IncomingHttpHeaders,
  type RequestListener,
  type ServerResponse,
} from 'node:http'
import { createServer as createSecureServer, type ServerOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import { gunzipSync, inflateSync, zstdDecompressSync } from 'node:zlib'

export interface Received {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  /** As it came. */
  readonly raw: Buffer
  readonly body: Buffer
  /** By which connection, counted from 0. */
  readonly connection: number
}

export interface Answer {
  readonly status?: number
  readonly headers?: Record<string, string>
  readonly body?: string | Uint8Array
}

const DECODERS: Record<string, (body: Buffer) => Buffer> = {
  gzip: gunzipSync,
  zlib: inflateSync,
  deflate: inflateSync,
  zstd: zstdDecompressSync,
}

export class HttpBackend {
  readonly received: Received[] = []
  /** Asked for each request, in the order of arrival; what answers by itself gives `silence`. */
  answer: (request: number, response: ServerResponse) => Answer | 'silence' = () => ({})
  port = 0
  #connections = 0
  #close = () => {}

  async listen(tls?: ServerOptions): Promise<this> {
    const handle: RequestListener = (request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        const raw = Buffer.concat(chunks)
        const decode = DECODERS[String(request.headers['content-encoding'])]
        const body = decode === undefined ? raw : decode(raw)
        const { url: path = '', headers } = request
        const { connection = -1 } = request.socket as { connection?: number }
        const number = this.received.push({ path, headers, raw, body, connection }) - 1
        const answer = this.answer(number, response)
        if (answer === 'silence') return
        response.writeHead(answer.status ?? 200, answer.headers)
        response.end(answer.body)
      })
    }
    const server = tls === undefined ? createServer(handle) : createSecureServer(tls, handle)
    server.on(tls === undefined ? 'connection' : 'secureConnection', (socket) => {
      socket.connection = this.#connections++
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    this.port = (server.address() as AddressInfo).port
    this.#close = () => {
      server.close()
      server.closeAllConnections()
    }
    return this
  }

  close(): void {
    this.#close()
  }
}
