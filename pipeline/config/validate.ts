/** What must be true between the sections: the Collector's rules and messages. */
import type { Kind } from '../component.ts'
import { notRunning } from '../extension_use.ts'
import type { Components, PipelineConfig } from './config.ts'
import { parseComponentId, parsePipelineId } from './ids.ts'
import type { Path, Problem } from './problems.ts'
import type { Named } from './sections.ts'
import type { ServiceOptions } from './service_options.ts'

export interface Pipelines {
  readonly pipelines: PipelineConfig[]
  readonly problems: Problem[]
}

/** The pipelines with their ids read and their references checked. */
export function checkPipelines(service: ServiceOptions, named: Named): Pipelines {
  const path = ['service', 'pipelines']
  const problems: Problem[] = []
  const pipelines: PipelineConfig[] = []
  for (const [key, body] of Object.entries(service.pipelines)) {
    const id = parsePipelineId(key)
    const here = [...path, key]
    if (typeof id === 'string') problems.push({ path: here, message: id })
    else if (pipelines.some((other) => other.id.text === id.text)) {
      problems.push({ path: here, message: `duplicate name "${id.text}"` })
    } else {
      const pipeline = {
        id,
        path: here,
        receivers: body.receivers.map(trimmed),
        processors: body.processors.map(trimmed),
        exporters: body.exporters.map(trimmed),
      }
      problems.push(...checkPipeline(pipeline, named))
      pipelines.push(pipeline)
    }
  }
  if (Object.keys(service.pipelines).length === 0) {
    problems.push({ path, message: 'service must have at least one pipeline' })
  }
  return { pipelines, problems }
}

/** References are written with the same freedom as ids: ` otlp / 2 ` is `otlp/2`. */
function trimmed(reference: string): string {
  const id = parseComponentId(reference)
  return typeof id === 'string' ? reference : id.text
}

function checkPipeline(pipeline: PipelineConfig, named: Named): Problem[] {
  const { path } = pipeline
  const problems: Problem[] = []
  if (pipeline.receivers.length === 0) {
    problems.push({ path, message: 'must have at least one receiver' })
  }
  if (pipeline.exporters.length === 0) {
    problems.push({ path, message: 'must have at least one exporter' })
  }
  const lists = [
    ['receiver', pipeline.receivers, ['receiver', 'connector']],
    ['processor', pipeline.processors, ['processor']],
    ['exporter', pipeline.exporters, ['exporter', 'connector']],
  ] as const
  for (const [role, ids, kinds] of lists) {
    problems.push(...checkReferences(ids, role, { path, kinds, named }))
  }
  return problems
}

interface Scope {
  readonly path: Path
  readonly kinds: readonly Kind[]
  readonly named: Named
}

function checkReferences(ids: readonly string[], role: string, scope: Scope): Problem[] {
  const problems: Problem[] = []
  const { path } = scope
  for (const [i, id] of ids.entries()) {
    const at = [...path, `${role}s`, i]
    if (!scope.kinds.some((kind) => scope.named[kind].has(id))) {
      problems.push({ path, at, message: `references ${role} "${id}" which is not configured` })
    } else if (ids.indexOf(id) < i) {
      problems.push({ path, at, message: `references ${role} "${id}" multiple times` })
    }
  }
  return problems
}

/** Extensions that the service names but nobody configured. */
export function checkExtensions(service: ServiceOptions, named: Named): Problem[] {
  const problems: Problem[] = []
  for (const [i, id] of service.extensions.entries()) {
    if (named.extension.has(id)) continue
    const path = ['service', 'extensions']
    const message = `references extension "${id}" which is not configured`
    problems.push({ path, message, at: [...path, i] })
  }
  return problems
}

/** Extensions that a component of a pipeline cannot do without, and the service does not run. */
export function checkUses(
  pipelines: readonly PipelineConfig[],
  { components, extensions }: { components: Components; extensions: readonly string[] },
): Problem[] {
  const ids = (role: 'receivers' | 'processors' | 'exporters') =>
    new Set(pipelines.flatMap((pipeline) => pipeline[role]))
  const used = [
    ...select(components.receiver, ids('receivers')),
    ...select(components.processor, ids('processors')),
    ...select(components.exporter, ids('exporters')),
  ]
  return used.flatMap(({ factory, config, path }) => {
    const uses = config === undefined ? [] : (factory.extensions?.(config) ?? [])
    return uses
      .filter(({ id }) => !extensions.includes(id))
      .map((use) => ({ path: [...path, ...use.path], message: notRunning(use.id) }))
  })
}

function select<T>(components: ReadonlyMap<string, T>, ids: ReadonlySet<string>): T[] {
  return [...components].filter(([id]) => ids.has(id)).map(([, component]) => component)
}

/** Ids that mean two things. */
export function checkIds(components: Components): Problem[] {
  const problems: Problem[] = []
  for (const [id, { path }] of components.connector) {
    for (const kind of ['receiver', 'exporter'] as const) {
      if (components[kind].has(id)) problems.push({ path, message: ambiguous(id, kind) })
    }
  }
  return problems
}

function ambiguous(id: string, kind: string): string {
  return (
    `ambiguous ID: Found both "${id}" ${kind} and "${id}" connector. Change one of the ` +
    `components' IDs to eliminate ambiguity (e.g. rename "${id}" connector to "${id}/connector")`
  )
}
