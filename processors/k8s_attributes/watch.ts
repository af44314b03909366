/** Keeps a Cluster up to date: one reflector a resource. */
import type { Logger } from 'pino'
import { type Access, ApiClient } from '../../pipeline/kubernetes/api_client.ts'
import { Reflector } from '../../pipeline/kubernetes/reflector.ts'
import type { Catalog } from './catalog.ts'
import type { Cluster } from './cluster.ts'
import { RESOURCES, type ResourceName, sinksOf } from './resources.ts'

export interface WatchSettings {
  readonly access: Access
  readonly cluster: Cluster
  /** What traces, metrics and logs ask for, where there are any. */
  readonly catalog?: Catalog
  readonly logger: Logger
  readonly userAgent: string
  /** Only pods of this node; undefined: of all. */
  readonly node: string | undefined
  /** Resources to leave out. */
  readonly without: readonly ResourceName[]
  readonly backoffMinMs?: number
}

const SWEEP_INTERVAL_MS = 5000

export class Watch {
  readonly #settings: WatchSettings
  readonly #client: ApiClient
  readonly #reflectors: readonly Reflector[]
  #sweeping: NodeJS.Timeout | undefined

  constructor(settings: WatchSettings) {
    const { access, cluster, logger, node, userAgent, backoffMinMs } = settings
    this.#settings = settings
    this.#client = new ApiClient(access, { userAgent })
    const sinks = sinksOf(cluster, settings.catalog)
    const names = Object.keys(RESOURCES) as ResourceName[]
    this.#reflectors = names
      .filter((name) => !settings.without.includes(name))
      .map((name) => {
        const selective = name === 'pods' && node !== undefined
        return new Reflector({
          client: this.#client,
          resource: RESOURCES[name],
          sink: sinks[name],
          logger,
          ...(selective && { fieldSelector: `spec.nodeName=${node}` }),
          ...(backoffMinMs !== undefined && { backoffMinMs }),
        })
      })
  }

  /** Whether pods come at all: without the permission nothing is worth waiting for. */
  get seesPods(): boolean {
    return this.#reflectors.some((r) => r.resource.name === 'pods' && !r.forbidden)
  }

  /** For tests and telemetry. */
  get reflectors(): readonly Reflector[] {
    return this.#reflectors
  }

  start(): void {
    for (const reflector of this.#reflectors) reflector.start()
    const { cluster, catalog } = this.#settings
    const sweep = () => {
      cluster.sweep()
      catalog?.sweep()
    }
    this.#sweeping = setInterval(sweep, SWEEP_INTERVAL_MS).unref()
    void this.#announce()
  }

  /** Resolves when every resource was listed or refused; throws after `timeoutMs`. */
  async settled(timeoutMs: number): Promise<void> {
    const timeout = Promise.withResolvers<'late'>()
    const timer = setTimeout(() => timeout.resolve('late'), timeoutMs)
    const all = Promise.all(this.#reflectors.map((r) => r.settled))
    const outcome = await Promise.race([all, timeout.promise])
    clearTimeout(timer)
    if (outcome !== 'late') return
    const missing = this.#reflectors.filter((r) => !r.synced).map((r) => r.resource.name)
    throw new Error(
      `Cannot have the metadata of ${this.#settings.access.server} in ${timeoutMs} ms ` +
        `(wait_for_metadata_timeout): still without ${missing.join(', ')}`,
    )
  }

  /** Safe without `start` and twice. */
  async stop(): Promise<void> {
    clearInterval(this.#sweeping)
    const stopped = Promise.all(this.#reflectors.map((r) => r.stop()))
    this.#client.close()
    await stopped
  }

  async #announce(): Promise<void> {
    await Promise.all(this.#reflectors.map((r) => r.settled))
    const synced = this.#reflectors.filter((r) => r.synced)
    if (synced.length === 0) return
    const { access, cluster, logger } = this.#settings
    logger.info(
      {
        server: access.server,
        source: access.source,
        cluster_uid: cluster.uid,
        pods: cluster.pods.size,
        services: cluster.services.size,
      },
      'Kubernetes metadata is there',
    )
  }
}
