/**
 * Creates the components of a configuration, backwards: what stands last in a pipeline first, so
 * that everything gets its `next` when it is created.
 *
 * One instance a receiver, exporter and signal, shared by pipelines; one a connector and pair of
 * signals; one a processor and pipeline.
 */
import type { Logger } from 'pino'
import type { Component, Consumer, Inherited, Kind, Settings, Signal } from '../component.ts'
import type { ComponentConfig, Config, PipelineConfig } from '../config/config.ts'
import { ConfigError } from '../config/problems.ts'
import { Ledger } from '../ledger.ts'
import { type Instruments, NO_INSTRUMENTS } from '../telemetry/instruments.ts'
import { type Branch, Inlet, Outlet } from './edges.ts'
import { FanOut } from './fanout.ts'
import { Graph, messageOf, type Node, shutdownAll } from './graph.ts'
import { type Join, planGraph } from './plan.ts'

/** How long components that were created for nothing may take to let go of what they hold. */
const ABANDON_MS = 2000

export interface BuildSettings {
  readonly logger: Logger
  readonly version: string
  readonly instruments?: Instruments
  /** What the privileged parent opened for a component, by kind and id. */
  readonly inherited: (kind: Kind, id: string) => Inherited | undefined
}

/** Throws a ConfigError, or the Error of the component that could not be created. */
export async function buildGraph(config: Config, settings: BuildSettings): Promise<Graph> {
  const { joins, problems } = planGraph(config)
  if (problems.length > 0) throw new ConfigError(problems, config.locate)
  const builder = new Builder(config, { joins, settings })
  try {
    return await builder.build()
  } catch (error) {
    await shutdownAll(builder.nodes, AbortSignal.timeout(ABANDON_MS))
    throw error
  }
}

/** Makers of any signal and kind; which one fits has been checked by the plan. */
type Make = (settings: Settings, config: unknown, next?: Consumer) => Component | Promise<Component>

interface Creation {
  readonly where: Pick<Node, 'signal' | 'to' | 'pipeline'>
  readonly make: unknown
  readonly next?: Branch
}

type Later<T> = () => Promise<T>

class Builder {
  readonly nodes: Node[] = []
  readonly #config: Config
  readonly #joins: readonly Join[]
  readonly #settings: BuildSettings
  readonly #built = new Map<unknown, Promise<Branch>>()

  constructor(config: Config, more: { joins: readonly Join[]; settings: BuildSettings }) {
    this.#config = config
    this.#joins = more.joins
    this.#settings = more.settings
  }

  async build(): Promise<Graph> {
    const { pipelines, components } = this.#config
    for (const pipeline of pipelines) await this.#entry(pipeline)()
    for (const receiver of components.receiver.values()) {
      const uses = pipelines.filter((pipeline) => pipeline.receivers.includes(receiver.id.text))
      for (const [signal, targets] of Map.groupBy(uses, (pipeline) => pipeline.id.signal)) {
        const next = await this.#fanOut(targets.map((pipeline) => this.#entry(pipeline)))
        const make = receiver.factory.create[signal]
        await this.#create(receiver, { where: { signal }, make, next })
      }
    }
    return new Graph(this.nodes)
  }

  /** Where data enters a pipeline. */
  #entry(pipeline: PipelineConfig): Later<Branch> {
    return this.#once(pipeline, async () => {
      const { signal, text } = pipeline.id
      let next = await this.#fanOut(this.#exits(pipeline))
      for (const id of pipeline.processors.toReversed()) {
        const processor = this.#config.components.processor.get(id) as ComponentConfig<'processor'>
        const make = processor.factory.create[signal]
        const where = { signal, pipeline: text }
        const inlet = await this.#create(processor, { where, make, next })
        next = inlet
      }
      return next
    })
  }

  /** The exporters of a pipeline, and its connectors, once for each signal that they make. */
  #exits(pipeline: PipelineConfig): Later<Branch>[] {
    return pipeline.exporters.flatMap((id) => {
      const exporter = this.#config.components.exporter.get(id)
      if (exporter !== undefined) return [this.#exporter(exporter, pipeline.id.signal)]
      return this.#joins
        .filter((join) => join.connector.id.text === id && join.sources.includes(pipeline))
        .map((join) => this.#connector(join))
    })
  }

  #exporter(exporter: ComponentConfig<'exporter'>, signal: Signal): Later<Branch> {
    return this.#once(`${signal} ${exporter.id.text}`, async () => {
      return await this.#create(exporter, {
        where: { signal },
        make: exporter.factory.create[signal],
      })
    })
  }

  #connector(join: Join): Later<Branch> {
    return this.#once(join, async () => {
      const { connector, from, to } = join
      const next = await this.#fanOut(join.targets.map((pipeline) => this.#entry(pipeline)))
      const make = connector.factory.create[from]?.[to]
      return await this.#create(connector, { where: { signal: from, to }, make, next })
    })
  }

  /** One after another, so that the order of creation does not depend on timing. */
  async #fanOut(branches: readonly Later<Branch>[]): Promise<Branch> {
    const built: Branch[] = []
    for (const branch of branches) built.push(await branch())
    return built.length === 1 ? (built[0] as Branch) : new FanOut(built)
  }

  #once(key: unknown, build: Later<Branch>): Later<Branch> {
    return () => {
      const known = this.#built.get(key) ?? build()
      this.#built.set(key, known)
      return known
    }
  }

  /** Creates one component, opens its books, and gives the way into it. */
  async #create(of: ComponentConfig, { where, make, next }: Creation): Promise<Inlet> {
    const { kind } = of
    const id = of.id.text
    const logger = this.#settings.logger.child({ component: `${kind}/${id}`, ...where })
    const ledger = new Ledger(logger)
    const inherited = this.#settings.inherited(kind, id)
    const settings: Settings = {
      id,
      logger,
      ledger,
      version: this.#settings.version,
      ...(this.#settings.instruments ?? NO_INSTRUMENTS),
      ...(inherited && { inherited }),
    }
    const outlet = next && new Outlet(next, counterOf(kind, ledger))
    try {
      const component = await (make as Make)(settings, of.config, outlet)
      ledger.heldBy = () => component.held?.() ?? 0
      this.nodes.push({ kind, id, ...where, component, ledger, logger })
      return inletOf(component, { kind, ledger, next })
    } catch (error) {
      const message = `failed to create "${id}" ${kind} for data type "${where.signal}"`
      throw new Error(`${message}: ${messageOf(error)}`, { cause: error })
    }
  }
}

/**
 * What a connector gives is not what it took: rows became spans. It says itself that its input was
 * used, so what it made stands beside the balance.
 */
function counterOf(kind: Kind, ledger: Ledger): (items: number) => void {
  if (kind === 'connector') return (items) => ledger.note('made', items)
  return (items) => {
    ledger.out += items
  }
}

function inletOf(
  component: Component,
  of: { kind: Kind; ledger: Ledger; next: Branch | undefined },
): Inlet {
  const consumer = component as Component & Consumer
  // A processor hands on what it was handed, so with it everything behind it may change the data.
  const behind = of.kind === 'processor' && of.next?.mutates === true
  return new Inlet(consumer, {
    ledger: of.ledger,
    mutates: consumer.mutates || behind,
    ...(of.kind === 'processor' && { behind: of.next }),
  })
}
