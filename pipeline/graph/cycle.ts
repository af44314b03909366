/** Pipelines that feed themselves by way of connectors. */
import type { PipelineConfig } from '../config/config.ts'
import type { Join } from './plan.ts'

/** The first cycle in the Collector's words, or undefined. */
export function findCycle(
  pipelines: readonly PipelineConfig[],
  joins: readonly Join[],
): string | undefined {
  const finished = new Set<PipelineConfig>()
  const trail: { pipeline: PipelineConfig; by: Join | undefined }[] = []

  function visit(pipeline: PipelineConfig, by: Join | undefined): string | undefined {
    if (finished.has(pipeline)) return undefined
    const start = trail.findIndex((step) => step.pipeline === pipeline)
    if (start >= 0) return describe([...trail.slice(start + 1), { pipeline, by }])
    trail.push({ pipeline, by })
    for (const join of joins) {
      if (!join.sources.includes(pipeline)) continue
      for (const target of join.targets) {
        const cycle = visit(target, join)
        if (cycle !== undefined) return cycle
      }
    }
    trail.pop()
    finished.add(pipeline)
    return undefined
  }

  for (const pipeline of pipelines) {
    const cycle = visit(pipeline, undefined)
    if (cycle !== undefined) return cycle
  }
  return undefined
}

/** Each step is a pipeline and the connector that led to it; the last leads back to the first. */
function describe(cycle: readonly { pipeline: PipelineConfig; by: Join | undefined }[]): string {
  const parts: string[] = []
  for (const { pipeline, by } of cycle) {
    if (by !== undefined) parts.push(nameOf(by))
    for (const id of pipeline.processors) {
      parts.push(`processor "${id}" in pipeline "${pipeline.id.text}"`)
    }
  }
  const first = cycle[0]?.by
  if (first !== undefined) parts.push(nameOf(first))
  return `cycle detected: ${parts.join(' -> ')}`
}

function nameOf({ connector, from, to }: Join): string {
  return `connector "${connector.id.text}" (${from} to ${to})`
}
