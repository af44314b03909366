/**
 * Creates the components of a configuration, backwards: what stands last in a pipeline first, so
 * that everything gets its `next` when it is created.
 *
 * One instance a receiver, exporter and signal, shared by pipelines; one a connector and pair of
 * signals; one a processor and pipeline. Where an instance of the graph before may stay it is
 * taken over, and keeps its outlet, which leads along the edges of that graph until `connect`.
 */
import type { Signal } from '../component.ts'
import type { ComponentConfig, Config, PipelineConfig } from '../config/config.ts'
import { type CreateSettings, createNode } from './create.ts'
import type { Inlet } from './edges.ts'
import { FanOut } from './fanout.ts'
import { abandon, Graph } from './graph.ts'
import type { Node, Place } from './node.ts'
import { GraphError, type Join, planGraph } from './plan.ts'

/** How long components that were created for nothing may take to let go of what they hold. */
const ABANDON_MS = 2000

export interface BuildSettings extends CreateSettings {
  /** The running instance that stays at this place. */
  readonly kept?: (place: Place) => Node | undefined
}

/** Throws a GraphError, or the Error of the component that could not be created. */
export async function buildGraph(config: Config, settings: BuildSettings): Promise<Graph> {
  const { joins, problems } = planGraph(config)
  if (problems.length > 0) throw new GraphError(problems, config.locate)
  const builder = new Builder(config, { joins, settings })
  try {
    return await builder.build()
  } catch (error) {
    await abandon(builder.made, { timeoutMs: ABANDON_MS, accounts: settings.accounts })
    throw error
  }
}

/** Where data enters something. */
type Way = Inlet | FanOut
type Later = () => Promise<Way>

interface Creation {
  readonly where: Pick<Place, 'signal' | 'to' | 'pipeline'>
  readonly make: unknown
  readonly next?: Way
}

class Builder {
  /** Nodes that were created here, and not taken over. */
  readonly made: Node[] = []
  readonly #nodes: Node[] = []
  readonly #edges = new Map<Node, Way>()
  readonly #config: Config
  readonly #joins: readonly Join[]
  readonly #settings: BuildSettings
  readonly #built = new Map<unknown, Promise<Way>>()

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
        await this.#node(receiver, { where: { signal }, make, next })
      }
    }
    return new Graph(this.#nodes, this.#edges)
  }

  /** Where data enters a pipeline. */
  #entry(pipeline: PipelineConfig): Later {
    return this.#once(pipeline, async () => {
      const { signal, text } = pipeline.id
      let next = await this.#fanOut(this.#exits(pipeline))
      for (const id of pipeline.processors.toReversed()) {
        const processor = this.#config.components.processor.get(id) as ComponentConfig<'processor'>
        const make = processor.factory.create[signal]
        next = await this.#way(processor, { where: { signal, pipeline: text }, make, next })
      }
      return next
    })
  }

  /** The exporters of a pipeline, and its connectors, once for each signal that they make. */
  #exits(pipeline: PipelineConfig): Later[] {
    return pipeline.exporters.flatMap((id) => {
      const exporter = this.#config.components.exporter.get(id)
      if (exporter !== undefined) return [this.#exporter(exporter, pipeline.id.signal)]
      return this.#joins
        .filter((join) => join.connector.id.text === id && join.sources.includes(pipeline))
        .map((join) => this.#connector(join))
    })
  }

  #exporter(exporter: ComponentConfig<'exporter'>, signal: Signal): Later {
    return this.#once(`${signal} ${exporter.id.text}`, async () => {
      const make = exporter.factory.create[signal]
      return await this.#way(exporter, { where: { signal }, make })
    })
  }

  #connector(join: Join): Later {
    return this.#once(join, async () => {
      const { connector, from, to } = join
      const next = await this.#fanOut(join.targets.map((pipeline) => this.#entry(pipeline)))
      const make = connector.factory.create[from]?.[to]
      return await this.#way(connector, { where: { signal: from, to }, make, next })
    })
  }

  /**
   * One after another, so that the order of creation does not depend on timing. A fan-out that
   * leads to another is one: the rules are the same however the takers are grouped.
   */
  async #fanOut(ways: readonly Later[]): Promise<Way> {
    const takers: Inlet[] = []
    for (const build of ways) {
      const way = await build()
      if (way instanceof FanOut) takers.push(...way.takers)
      else takers.push(way)
    }
    return takers.length === 1 ? (takers[0] as Inlet) : new FanOut(takers)
  }

  #once(key: unknown, build: Later): Later {
    return () => {
      const known = this.#built.get(key) ?? build()
      this.#built.set(key, known)
      return known
    }
  }

  async #way(of: ComponentConfig, creation: Creation): Promise<Way> {
    return (await this.#node(of, creation)).inlet as Inlet
  }

  /** The instance that stands at a place already, or a new one. */
  async #node(of: ComponentConfig, { where, make, next }: Creation): Promise<Node> {
    const place: Place = { kind: of.kind, id: of.id.text, ...where }
    let node = this.#settings.kept?.(place)
    if (node === undefined) {
      node = await createNode(of, { place, make, next, settings: this.#settings })
      this.made.push(node)
    }
    this.#nodes.push(node)
    if (next !== undefined) this.#edges.set(node, next)
    return node
  }
}
