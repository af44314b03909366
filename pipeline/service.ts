/**
 * A configuration at work: extensions and graph, started and ended in order, and exchanged for
 * another configuration while they run (see docs/RELOAD.md).
 */
import type { Logger } from 'pino'
import type { Host } from './component.ts'
import { hostOf } from './component_host.ts'
import type { Config } from './config/config.ts'
import { buildGeneration, type Generation, levelsOf, newNodes, nodesOf } from './generation.ts'
import { type Account, Accounts } from './graph/accounts.ts'
import type { CreateSettings } from './graph/create.ts'
import { abandon } from './graph/graph.ts'
import { shutdownLevels, startNode } from './graph/lifecycle.ts'
import type { Node } from './graph/node.ts'
import { Listeners } from './listeners.ts'
import { settled } from './reload/settled.ts'
import {
  componentViews,
  pipelineViews,
  type ReloadResult,
  type ServiceView,
} from './service_view.ts'
import { balanceOf, booksOf } from './telemetry/books.ts'
import { measuredOf } from './telemetry/measured.ts'
import type { Telemetry } from './telemetry/telemetry.ts'

/** How long components may take to end after a start that failed: nothing is worth waiting for. */
const FAILED_START_MS = 5000
/** Of a shutdown's time, what may go by with ending what a reload has left to end. */
const LEFTOVER_SHARE = 1 / 3

/** Nothing held; and items held by what has ended: a queue on disk. */
const WHOLE = [
  'Shutdown complete, nothing was lost',
  'Shutdown complete, nothing was lost, what is held is sent after the next start',
] as const

export interface ServiceSettings extends Omit<CreateSettings, 'accounts'> {
  /** Has the configuration read again, and `reload` called with it; `by` is who asks. */
  readonly requestReload?: (by: string) => Promise<ReloadResult>
  /** Made before; the service starts it, takes it through reloads and ends it. */
  readonly telemetry?: Telemetry
}

interface Membership {
  /** The number of the last generation that the node is part of. */
  number: number
  /** Where it finds the extensions that it asks for. */
  generation: Generation
}

export class Service {
  /** Rejects when a component reports that it cannot go on. */
  readonly failed: Promise<never>
  /** Resolves when every receiver has said that it has given all it ever will. */
  readonly finished: Promise<void>
  readonly view: ServiceView
  readonly #settings: CreateSettings
  readonly #logger: Logger
  readonly #accounts: Accounts
  readonly #telemetry: Telemetry | undefined
  readonly #listeners = new Listeners()
  readonly #members = new WeakMap<Node, Membership>()
  readonly #fail: (error: Error) => void
  readonly #finish: () => void
  readonly #finished = new WeakSet<Node>()
  #generation: Generation
  #number = 1
  #state: ServiceView['state'] = 'starting'
  /** A reload that has not swapped yet, and the ending of what the last one has left. */
  #reloading: Promise<void> | undefined
  #leaving: Promise<void> | undefined
  #ended: Promise<boolean> | undefined

  private constructor(generation: Generation, settings: ServiceSettings & CreateSettings) {
    this.#generation = generation
    this.#settings = settings
    this.#logger = settings.logger
    this.#accounts = settings.accounts
    this.#enlist(generation, 1)
    this.#telemetry = settings.telemetry
    this.#telemetry?.follow(() => this.accounts)
    const { promise, reject } = Promise.withResolvers<never>()
    this.failed = promise
    this.#fail = reject
    const finished = Promise.withResolvers<void>()
    this.finished = finished.promise
    this.#finish = finished.resolve
    // Whoever runs the service waits for it; until then a failure must not end the process.
    promise.catch(() => {})
    this.view = this.#makeView(settings)
  }

  /** Creates every component and starts none. Throws ConfigError, or why one cannot be created. */
  static async build(config: Config, settings: ServiceSettings): Promise<Service> {
    const { telemetry } = settings
    const instruments = telemetry && { instruments: telemetry.instruments }
    const all = { ...settings, ...instruments, accounts: new Accounts() }
    return new Service(await buildGeneration(config, all), all)
  }

  /** Every component that runs, in the order of their start. */
  get nodes(): readonly Node[] {
    return nodesOf(this.#generation)
  }

  /** The books of everything that runs or has run. */
  get accounts(): readonly Account[] {
    return this.#accounts.all()
  }

  get config(): Config {
    return this.#generation.config
  }

  /** Throws when a component cannot start, after what had started was shut down. */
  async start(): Promise<void> {
    this.#warnOfVariables(this.config)
    try {
      await this.#telemetry?.start({ listen: this.#listenForTelemetry, service: this.view })
      for (const node of this.#generation.extensions) await this.#startExtension(node)
      for (const node of this.#generation.graph.nodes) await this.#startPart(node)
    } catch (error) {
      await this.discard()
      throw error
    }
    this.#state = 'ready'
    this.#logger.info('Everything is ready. Begin running and processing data.')
  }

  /**
   * Exchanges the configuration. What the new one needs beside what stays is created and started
   * first; if anything of that fails it is undone, and thrown, and the old configuration goes on
   * untouched. Resolves when the new one is in force; what is gone may still be ending then.
   */
  async reload(wanted: Config): Promise<void> {
    while (this.#reloading !== undefined) await this.#reloading
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#reloading = promise
    try {
      // One at a time: what is ending may hold what is to be started.
      await this.#leaving
      await this.#reload(wanted)
    } finally {
      this.#reloading = undefined
      resolve()
    }
  }

  /** Resolves when what the last reload took out has ended. */
  async left(): Promise<void> {
    await this.#leaving
  }

  async #reload(wanted: Config): Promise<void> {
    this.#mustRun()
    const before = this.#generation
    const { telemetry } = wanted.service
    const changeTelemetry = this.#telemetry?.reconfigure(telemetry, wanted.locate)
    const next = await buildGeneration(wanted, { ...this.#settings, before })
    const made = newNodes(next)
    const number = ++this.#number
    this.#enlist(next, number)
    try {
      this.#warnOfVariables(next.config)
      for (const node of next.extensions) if (!next.kept.has(node)) await this.#startExtension(node)
      for (const node of next.graph.nodes) if (!next.kept.has(node)) await this.#startPart(node)
      this.#mustRun()
      mustBeAlive(made)
    } catch (error) {
      this.#enlist(before, number)
      await abandon(made, { timeoutMs: FAILED_START_MS, accounts: this.#accounts })
      throw error
    }
    this.#swap(next)
    const gone = nodesOf(before).filter((node) => !nodesOf(next).includes(node))
    this.#leaving = this.#end(before, gone)
    await changeTelemetry?.()
  }

  /** From here on the new configuration is in force. Nothing waits, so no data comes in between. */
  #swap(next: Generation): void {
    this.#generation = next
    next.graph.connect()
    for (const node of nodesOf(next)) {
      const member = this.#members.get(node)
      if (member !== undefined) member.generation = next
      next.kept.apply(node)
    }
    this.#finishIfAllHave()
  }

  /** Lets go of what was created and never started. */
  async discard(): Promise<void> {
    await this.#endAll(FAILED_START_MS)
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
    this.#state = 'stopping'
    this.#logger.info('Starting shutdown')
    const timeoutMs = this.config.service.shutdown_timeout
    const startedMs = performance.now()
    await settled([this.#reloading, this.#leaving], timeoutMs * LEFTOVER_SHARE)
    const errors = await this.#endAll(timeoutMs - (performance.now() - startedMs))
    for (const error of errors) this.#logger.error(error.message)
    const balance = balanceOf(booksOf(this.accounts))
    const isWhole = errors.length === 0 && balance.lost + balance.unaccounted === 0
    this.#logger.info(
      { ...balance },
      isWhole ? WHOLE[balance.held === 0 ? 0 : 1] : 'Shutdown complete',
    )
    return errors.length === 0
  }

  async #endAll(timeoutMs: number): Promise<Error[]> {
    const deadline = AbortSignal.timeout(Math.ceil(Math.max(timeoutMs, 0)))
    const errors = await shutdownLevels(levelsOf(this.#generation), timeoutMs)
    await this.#telemetry?.shutdown(deadline)
    return errors
  }

  /** Ends what a reload has left, draining into what it was connected to. Never rejects. */
  async #end(generation: Generation, gone: readonly Node[]): Promise<void> {
    if (gone.length === 0) return
    const levels = levelsOf(generation)
      .map((nodes) => nodes.filter((node) => gone.includes(node)))
      .filter((nodes) => nodes.length > 0)
    const errors = await shutdownLevels(levels, this.config.service.shutdown_timeout)
    for (const error of errors) this.#logger.error(error.message)
    for (const node of gone) this.#accounts.leave(node, node.component)
  }

  /** Nodes that were there before are part of the newer generation too, but see the older yet. */
  #enlist(generation: Generation, number: number): void {
    for (const node of nodesOf(generation)) {
      const member = this.#members.get(node)
      if (member === undefined) this.#members.set(node, { number, generation })
      else member.number = number
    }
  }

  async #startExtension(node: Node): Promise<void> {
    await startNode(node, this.#hostOf(node)).catch((error: Error) => {
      const why = (error.cause as Error | undefined)?.message ?? error.message
      throw new Error(`failed to start extension "${node.id}": ${why}`, { cause: error })
    })
  }

  async #startPart(node: Node): Promise<void> {
    await startNode(node, this.#hostOf(node)).catch((error: Error) => {
      throw new Error(`cannot start pipelines: ${error.message}`, { cause: error })
    })
  }

  #hostOf(node: Node): Host {
    const member = this.#members.get(node) as Membership
    return hostOf(node, {
      extension: (id) =>
        member.generation.extensions.find((extension) => extension.id === id)?.component,
      fatal: (error) => this.#fatal(node, error),
      finished: () => this.#nodeFinished(node),
      generation: () => member.number,
      listeners: this.#listeners,
      service: this.view,
    })
  }

  readonly #listenForTelemetry: Host['listen'] = (endpoint, onConnection) => {
    const number = () => this.#number
    return this.#listeners.listen(endpoint, onConnection, {
      owner: 'service::telemetry::metrics',
      get generation() {
        return number()
      },
    })
  }

  /** One that does not count yet fails the reload alone, one that counts no more nothing. */
  #fatal(node: Node, error: Error): void {
    if (this.nodes.includes(node)) this.#fail(error)
    else node.logger.error({ reason: error.message }, 'Asynchronous error received')
  }

  #nodeFinished(node: Node): void {
    this.#finished.add(node)
    this.#finishIfAllHave()
  }

  #finishIfAllHave(): void {
    const receivers = this.nodes.filter(({ kind }) => kind === 'receiver')
    if (receivers.every((receiver) => this.#finished.has(receiver))) this.#finish()
  }

  #mustRun(): void {
    if (this.#state === 'stopping') throw new Error('the service is shutting down')
    if (this.#state === 'starting') throw new Error('the service is still starting')
  }

  #warnOfVariables({ unset, empty }: Config): void {
    for (const name of unset) {
      this.#logger.warn({ name }, 'Configuration references unset environment variable')
    }
    for (const name of empty) {
      this.#logger.info({ name }, 'Configuration references empty environment variable')
    }
  }

  #makeView({ version, requestReload }: ServiceSettings): ServiceView {
    const state = () => this.#state
    return {
      version,
      startedAt: Date.now(),
      get state() {
        return state()
      },
      components: () => componentViews(this.nodes),
      pipelines: () => pipelineViews(this.config),
      measured: async () => {
        const metrics = await this.#telemetry?.collect()
        return metrics === undefined ? [] : measuredOf(metrics)
      },
      spans: () => this.#telemetry?.spans(),
      reload: async (by) =>
        (await requestReload?.(by)) ?? { ok: false, reason: 'this service cannot be reloaded' },
    }
  }
}

/** A component may report that it cannot go on before the reload that brings it is certain. */
function mustBeAlive(nodes: readonly Node[]): void {
  for (const { status, kind, id } of nodes) {
    const { status: now, reason } = status.event
    if (now === 'fatal_error') throw new Error(`"${id}" ${kind} cannot go on: ${reason}`)
  }
}
