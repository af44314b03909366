/** Serves the service's own metrics to Prometheus, on `service::telemetry::metrics::address`. */
import { createServer, type Server } from 'node:http'
import type { Logger } from 'pino'
import { answerReload, RELOAD_PATH } from '../reload/route.ts'
import type { ReloadResult } from '../service_view.ts'
import { CONTENT_TYPE } from './exposition.ts'

const OPTION = 'service::telemetry::metrics::address'

export class MetricsServer {
  readonly #text: () => string
  readonly #logger: Logger
  readonly #reload: () => Promise<ReloadResult>
  #server: Server | undefined

  constructor(
    text: () => string,
    { logger, reload }: { logger: Logger; reload: () => Promise<ReloadResult> },
  ) {
    this.#text = text
    this.#logger = logger
    this.#reload = reload
  }

  /**
   * Listens on `host:port`. A port that is taken is a warning and no more: the pipelines matter
   * more than the figures about them.
   */
  async start(address: string): Promise<void> {
    const colon = address.lastIndexOf(':')
    const host = address.slice(0, colon).replace(/^\[(.*)\]$/, '$1')
    const server = createServer((request, response) => {
      if (request.url === RELOAD_PATH) return void answerReload(request, response, this.#reload)
      if (request.url !== '/metrics') return void response.writeHead(404).end('See /metrics\n')
      response.writeHead(200, { 'content-type': CONTENT_TYPE }).end(this.#text())
    })
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    server.once('error', reject)
    server.listen({ host, port: Number(address.slice(colon + 1)) }, resolve)
    try {
      await promise
      server.on('error', (error) => this.#logger.warn({ error }, 'Own metrics: server error'))
      this.#server = server
      this.#logger.info({ url: `http://${host}:${portOf(server)}/metrics` }, 'Serving own metrics')
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      const change = `set ${OPTION} to a free port, or level: none beside it`
      this.#logger.warn({ reason, change }, `Cannot serve own metrics on ${address}`)
    }
  }

  async shutdown(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (server === undefined) return
    const { promise, resolve } = Promise.withResolvers<void>()
    server.close(() => resolve())
    server.closeAllConnections()
    await promise
  }
}

function portOf(server: Server): number {
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}
