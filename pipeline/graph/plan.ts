/**
 * The graph before anything is created: which connector joins which pipelines, and whether every
 * component can do what its pipelines ask of it. Rules and messages are the Collector's.
 */
import type { ConnectorFactory, Signal } from '../component.ts'
import type { ComponentConfig, Config, PipelineConfig } from '../config/config.ts'
import { ConfigError, type Problem } from '../config/problems.ts'
import { findCycle } from './cycle.ts'

/** A connector between the pipelines of two signals; one instance is made for each. */
export interface Join {
  readonly connector: ComponentConfig<'connector'>
  readonly from: Signal
  readonly to: Signal
  readonly sources: readonly PipelineConfig[]
  readonly targets: readonly PipelineConfig[]
}

export interface Plan {
  readonly joins: readonly Join[]
  readonly problems: readonly Problem[]
}

export function planGraph(config: Config): Plan {
  const problems = config.pipelines.flatMap((pipeline) => unsupported(pipeline, config))
  const joins: Join[] = []
  for (const connector of config.components.connector.values()) {
    const { found, problems: unjoined } = joinsOf(connector, config.pipelines)
    joins.push(...found)
    problems.push(...unjoined.map((message) => ({ path: connector.path, message })))
  }
  const cycle = findCycle(config.pipelines, joins)
  if (cycle !== undefined) problems.push({ path: ['service', 'pipelines'], message: cycle })
  return { joins, problems: problems.map(ofGraph) }
}

/** As the Collector says it: with no path before it, for it is not one section that is wrong. */
function ofGraph({ path, at, message }: Problem): Problem {
  return { path: [], at: at ?? path, message: `failed to build pipelines: ${message}` }
}

/** The pipelines do not fit together, although each section is right by itself. */
export class GraphError extends ConfigError {}

/** Components that cannot carry the pipeline's signal. Connectors are judged by their joins. */
function unsupported(pipeline: PipelineConfig, { components }: Config): Problem[] {
  const { signal } = pipeline.id
  const problems: Problem[] = []
  for (const kind of ['receiver', 'processor', 'exporter'] as const) {
    for (const [i, id] of pipeline[`${kind}s`].entries()) {
      const create = components[kind].get(id)?.factory.create
      if (create === undefined || create[signal] !== undefined) continue
      problems.push({
        path: pipeline.path,
        at: [...pipeline.path, `${kind}s`, i],
        message:
          `failed to create "${id}" ${kind} for data type "${signal}": telemetry type is not ` +
          `supported (valid values: [${Object.keys(create).join(' ')}])`,
      })
    }
  }
  return problems
}

function joinsOf(
  connector: ComponentConfig<'connector'>,
  pipelines: readonly PipelineConfig[],
): { found: Join[]; problems: string[] } {
  const id = connector.id.text
  const sources = bySignal(pipelines.filter((pipeline) => pipeline.exporters.includes(id)))
  const targets = bySignal(pipelines.filter((pipeline) => pipeline.receivers.includes(id)))
  const found: Join[] = []
  for (const [from, fromPipelines] of sources) {
    for (const [to, toPipelines] of targets) {
      if (!supports(connector.factory, from, to)) continue
      found.push({ connector, from, to, sources: fromPipelines, targets: toPipelines })
    }
  }
  const problems = [
    ...unused(sources, (signal) => found.some((join) => join.from === signal)).map(
      (list) => `used as exporter in ${list} pipeline but not used in any supported receiver`,
    ),
    ...unused(targets, (signal) => found.some((join) => join.to === signal)).map(
      (list) => `used as receiver in ${list} pipeline but not used in any supported exporter`,
    ),
  ].map((text) => `connector "${id}" ${text} pipeline`)
  return { found, problems }
}

function supports(factory: ConnectorFactory, from: Signal, to: Signal): boolean {
  return factory.create[from]?.[to] !== undefined
}

function bySignal(pipelines: readonly PipelineConfig[]): Map<Signal, PipelineConfig[]> {
  return Map.groupBy(pipelines, (pipeline) => pipeline.id.signal)
}

function unused(
  ends: ReadonlyMap<Signal, readonly PipelineConfig[]>,
  isUsed: (signal: Signal) => boolean,
): string[] {
  return [...ends]
    .filter(([signal]) => !isUsed(signal))
    .map(([, pipelines]) => `[${pipelines.map((pipeline) => pipeline.id.text).join(' ')}]`)
}
