/**
 * The backends of the moment: one exporter each, with its own queue, retries and connection.
 *
 * Each answers for a batch only when it was sent (`wait_for_result`), so what waits for a backend
 * that is gone comes back with its part of the queue, and can be given to others. Its books are its
 * own: the load balancer alone knows what became of an item.
 */
import type { Host, Settings, Signal } from '../../pipeline/component.ts'
import { grpcTransport } from '../../pipeline/exporter/grpc_client.ts'
import { parseEndpoint } from '../../pipeline/exporter/grpc_endpoint.ts'
import { type OtlpExporter, sendingExporter } from '../../pipeline/exporter/sending_exporter.ts'
import { Ledger } from '../../pipeline/ledger.ts'
import type { OtlpBatch } from '../../pipeline/otlp/batch.ts'
import type { LoadBalancingConfig } from './config.ts'
import { Rendezvous } from './rendezvous.ts'

export interface Backend {
  readonly endpoint: string
  readonly exporter: OtlpExporter
  /** No longer among those that the resolver names. */
  isGone: boolean
}

/** The signal of the requests, and the pipeline's: rows of flows go as logs. */
export interface Carried {
  readonly signal: OtlpBatch['signal']
  readonly carries: Signal
}

/** Backends, and which keys are whose. Exchanged whole, so that one batch sees one set. */
export interface BackendSet {
  readonly all: readonly Backend[]
  readonly owners: Rendezvous
}

export class Backends {
  readonly #settings: Settings
  readonly #config: LoadBalancingConfig
  readonly #carried: Carried
  readonly #leaving = new Set<Promise<void>>()
  #host: Host | undefined
  #set: BackendSet | undefined

  constructor(settings: Settings, config: LoadBalancingConfig, carried: Carried) {
    this.#settings = settings
    this.#config = config
    this.#carried = carried
  }

  /** Undefined before any was found. */
  get set(): BackendSet | undefined {
    return this.#set
  }

  start(host: Host): void {
    this.#host = host
  }

  /** Takes the names in any order. Says whether that made a difference. */
  async update(names: readonly string[]): Promise<boolean> {
    const wanted = [...new Set(names)].sort()
    const before = this.#set?.all ?? []
    const known = new Map(before.map((backend) => [backend.endpoint, backend]))
    if (wanted.length === before.length && wanted.every((name) => known.has(name))) return false
    const all: Backend[] = []
    for (const name of wanted) {
      const backend = known.get(name) ?? (await this.#make(name))
      if (backend !== undefined) all.push(backend)
      known.delete(name)
    }
    // Those that cannot be used are tried anew each time, which alone is no change.
    if (
      all.length === 0 ||
      (all.length === before.length && all.every((b) => before.includes(b)))
    ) {
      return false
    }
    this.#set = { all, owners: new Rendezvous(namesOf(all.map(({ endpoint }) => endpoint))) }
    for (const gone of known.values()) this.#leave(gone)
    return true
  }

  async close(deadline: AbortSignal | undefined): Promise<void> {
    const all = this.#set?.all ?? []
    await Promise.all([
      ...all.map(({ exporter }) => exporter.shutdown?.(deadline)),
      ...this.#leaving,
    ])
  }

  async #make(name: string): Promise<Backend | undefined> {
    const { id, logger, ...rest } = this.#settings
    const endpoint = parseEndpoint(name)
    try {
      if ('problem' in endpoint) throw new Error(endpoint.problem)
      const path = `exporters::${id}::protocol::otlp`
      const { otlp } = this.#config.protocol
      const settings = { ...rest, id: `${id}/${name}`, logger, ledger: new Ledger(logger) }
      const transport = grpcTransport(settings, otlp, { endpoint, path })
      const sending_queue = { ...otlp.sending_queue, wait_for_result: true }
      const config = { ...otlp, sending_queue }
      const exporter = sendingExporter(settings, { ...this.#carried, transport, config })
      await exporter.start?.(this.#host as Host)
      return { endpoint: name, exporter, isGone: false }
    } catch (error) {
      logger.error({ endpoint: name, error: (error as Error).message }, 'Cannot use a backend')
      return undefined
    }
  }

  /** What waits for it comes back at once, as does what was on its way. */
  #leave(backend: Backend): void {
    backend.isGone = true
    const left = backend.exporter.shutdown?.(AbortSignal.abort()) ?? Promise.resolve()
    const done = left.finally(() => this.#leaving.delete(done))
    this.#leaving.add(done)
  }
}

/**
 * What keys are divided by: hosts, so that exporters to two ports of the same hosts agree on whose
 * a key is; with their ports only where one host is several backends.
 */
function namesOf(endpoints: readonly string[]): readonly string[] {
  const hosts = endpoints.map((endpoint) => endpoint.replace(/:\d+$/, ''))
  return new Set(hosts).size === hosts.length ? hosts : endpoints
}
