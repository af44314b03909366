/** Metrics as plain numbers, for pages that show a few of them. */
import type { Attributes } from '@opentelemetry/api'
import { DataPointType, type ResourceMetrics } from '@opentelemetry/sdk-metrics'

/** One sample of a counter or gauge. */
export interface Measured {
  readonly name: string
  readonly attributes: Attributes
  readonly value: number
}

export function measuredOf({ scopeMetrics }: ResourceMetrics): Measured[] {
  const all: Measured[] = []
  for (const metric of scopeMetrics.flatMap(({ metrics }) => metrics)) {
    if (metric.dataPointType !== DataPointType.SUM && metric.dataPointType !== DataPointType.GAUGE)
      continue
    const { name } = metric.descriptor
    for (const { attributes, value } of metric.dataPoints) all.push({ name, attributes, value })
  }
  return all
}
