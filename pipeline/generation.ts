/** One configuration with the components that were made for it, or were kept for it. */
import type { Config } from './config/config.ts'
import { buildGraph } from './graph/build.ts'
import { type CreateSettings, createNode } from './graph/create.ts'
import { abandon, type Graph } from './graph/graph.ts'
import type { Node } from './graph/node.ts'
import { decideKept, type Kept, NOTHING_KEPT, withSame } from './reload/keep.ts'

/** How long components that were created for nothing may take to let go of what they hold. */
const ABANDON_MS = 2000

export interface Generation {
  readonly config: Config
  /** In the order of their start. */
  readonly extensions: readonly Node[]
  readonly graph: Graph
  readonly kept: Kept
}

export interface GenerationSettings extends CreateSettings {
  /** What runs now. */
  readonly before?: Generation
}

/**
 * Creates what the configuration needs beside what runs, and starts nothing. Throws ConfigError, or
 * why one component cannot be created; nothing is left of the others then.
 */
export async function buildGeneration(
  wanted: Config,
  { before, ...settings }: GenerationSettings,
): Promise<Generation> {
  const config = before === undefined ? wanted : withSame(wanted, before.config)
  const kept = before === undefined ? NOTHING_KEPT : decideKept(nodesOf(before), config)
  const graph = await buildGraph(config, { ...settings, kept: kept.at })
  const extensions: Node[] = []
  try {
    for (const id of config.extensions) {
      const of = config.components.extension.get(id)
      if (of === undefined) continue
      const place = { kind: 'extension', id } as const
      const make = of.factory.create
      extensions.push(kept.at(place) ?? (await createNode(of, { place, make, settings })))
    }
  } catch (error) {
    const made = [...extensions, ...graph.nodes].filter((node) => !kept.has(node))
    await abandon(made, { timeoutMs: ABANDON_MS, accounts: settings.accounts })
    throw error
  }
  return { config, extensions, graph, kept }
}

/** Everything, in the order of start. */
export function nodesOf({ extensions, graph }: Generation): Node[] {
  return [...extensions, ...graph.nodes]
}

/** Those that were not taken over from the generation before. */
export function newNodes(generation: Generation): Node[] {
  return nodesOf(generation).filter((node) => !generation.kept.has(node))
}

/** In the order of their end, as levels: see `shutdownLevels`. */
export function levelsOf({ extensions, graph }: Generation): Node[][] {
  return [...graph.levels(), ...extensions.toReversed().map((node) => [node])]
}
