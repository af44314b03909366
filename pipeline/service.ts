/** A configuration at work: extensions and graph, started and ended in order. */
import type { Logger } from 'pino'
import type { Extension, Host, Settings } from './component.ts'
import type { Config } from './config/config.ts'
import { type BuildSettings, buildGraph } from './graph/build.ts'
import { type Graph, messageOf, type Node, shutdownAll } from './graph/graph.ts'
import { Ledger } from './ledger.ts'
import { Listeners } from './listeners.ts'
import { balanceOf, booksOf } from './telemetry/books.ts'
import { exposition } from './telemetry/exposition.ts'
import { NO_INSTRUMENTS } from './telemetry/instruments.ts'
import { MetricsServer } from './telemetry/server.ts'

/** How long components may take to end after a start that failed: nothing is worth waiting for. */
const FAILED_START_MS = 5000

export class Service {
  /** Rejects when a component reports that it cannot go on. */
  readonly failed: Promise<never>
  readonly #config: Config
  readonly #logger: Logger
  readonly #extensions: readonly Node[]
  readonly #graph: Graph
  readonly #metrics: MetricsServer
  readonly #host: Host
  readonly #listeners = new Listeners()
  #ended: Promise<boolean> | undefined

  private constructor(parts: {
    config: Config
    logger: Logger
    extensions: readonly Node[]
    graph: Graph
  }) {
    this.#config = parts.config
    this.#logger = parts.logger
    this.#extensions = parts.extensions
    this.#graph = parts.graph
    this.#metrics = new MetricsServer(() => exposition(booksOf(parts.graph.nodes)), parts.logger)
    const { promise, reject } = Promise.withResolvers<never>()
    this.failed = promise
    // Whoever runs the service waits for it; until then a failure must not end the process.
    promise.catch(() => {})
    this.#host = {
      extension: (id) => this.#extensions.find((node) => node.id === id)?.component,
      fatal: reject,
      report: () => {},
      listen: (endpoint, onConnection) =>
        this.#listeners.listen(endpoint, onConnection, { owner: 'a component', generation: 0 }),
      service: {
        version: '',
        startedAt: Date.now(),
        state: 'ready',
        components: () => [],
        pipelines: () => [],
        reload: async () => ({ ok: false, reason: 'cannot be reloaded' }),
      },
    }
  }

  /** Creates every component and starts none. Throws ConfigError, or why one cannot be created. */
  static async build(config: Config, settings: BuildSettings): Promise<Service> {
    const graph = await buildGraph(config, settings)
    const extensions = await createExtensions(config, settings)
    return new Service({ config, logger: settings.logger, extensions, graph })
  }

  /** Every component that has been created, in the order of their start. */
  get nodes(): readonly Node[] {
    return [...this.#extensions, ...this.#graph.nodes]
  }

  /** Throws when a component cannot start, after what had started was shut down. */
  async start(): Promise<void> {
    for (const name of this.#config.unset) {
      this.#logger.warn({ name }, 'Configuration references unset environment variable')
    }
    for (const name of this.#config.empty) {
      this.#logger.info({ name }, 'Configuration references empty environment variable')
    }
    try {
      const { level, address } = this.#config.service.telemetry.metrics
      if (level !== 'none') await this.#metrics.start(address)
      for (const { component, id } of this.#extensions) {
        try {
          await component.start?.(this.#host)
        } catch (error) {
          const message = `failed to start extension "${id}": ${messageOf(error)}`
          throw new Error(message, { cause: error })
        }
      }
      await this.#graph.start(this.#host).catch((error: Error) => {
        throw new Error(`cannot start pipelines: ${error.message}`, { cause: error })
      })
    } catch (error) {
      await this.discard()
      throw error
    }
    this.#logger.info('Everything is ready. Begin running and processing data.')
  }

  /** Lets go of what was created and never started. */
  async discard(): Promise<void> {
    await this.#end(FAILED_START_MS)
  }

  /**
   * Receivers first, exporters last, extensions after them, all within one deadline; then logs the
   * balance of all books. Safe twice. Answers whether everything ended as it should.
   */
  shutdown(): Promise<boolean> {
    this.#ended ??= this.#shutdown()
    return this.#ended
  }

  async #shutdown(): Promise<boolean> {
    this.#logger.info('Starting shutdown')
    const errors = await this.#end(this.#config.service.shutdown_timeout)
    for (const error of errors) this.#logger.error(error.message)
    const balance = balanceOf(booksOf(this.#graph.nodes))
    const clean = balance.lost + balance.held + balance.unaccounted === 0
    const message = clean ? 'Shutdown complete, nothing was lost' : 'Shutdown complete'
    this.#logger.info({ ...balance }, message)
    return errors.length === 0
  }

  async #end(timeoutMs: number): Promise<Error[]> {
    const deadline = AbortSignal.timeout(timeoutMs)
    const errors = await this.#graph.shutdown(deadline)
    errors.push(...(await shutdownAll(this.#extensions.toReversed(), deadline)))
    await this.#metrics.shutdown()
    return errors
  }
}

async function createExtensions(config: Config, settings: BuildSettings): Promise<Node[]> {
  const nodes: Node[] = []
  for (const id of config.extensions) {
    const found = config.components.extension.get(id)
    if (found === undefined) continue
    const logger = settings.logger.child({ component: `extension/${id}` })
    const ledger = new Ledger(logger)
    const inherited = settings.inherited('extension', id)
    const of: Settings = {
      id,
      logger,
      ledger,
      version: settings.version,
      ...(settings.instruments ?? NO_INSTRUMENTS),
      ...(inherited && { inherited }),
    }
    const component: Extension = await found.factory.create(of, found.config)
    nodes.push({ kind: 'extension', id, component, ledger, logger })
  }
  return nodes
}
