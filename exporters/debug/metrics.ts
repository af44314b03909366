/** A batch of metric points as text. */
import type { OtlpBatch } from '../../pipeline/otlp/batch.ts'
import { MetricsView, type MetricView, type PointView } from '../../pipeline/otlp/metrics_view.ts'
import { rfc3339 } from '../../pipeline/u64.ts'
import { attributeLines, attributesText, clean, counted } from './text.ts'

const TEMPORALITIES = ['Unspecified', 'Delta', 'Cumulative']

export function metricsBasic(batch: OtlpBatch): string {
  const view = new MetricsView(batch.bytes)
  let resources = 0
  let metrics = 0
  for (; view.nextResource(); resources++) {
    while (view.nextScope()) while (view.nextMetric()) metrics++
  }
  const counts = [counted(resources, 'resource'), counted(metrics, 'metric')]
  return `metrics: ${counts.join(', ')}, ${counted(batch.items, 'data point')}`
}

export function metricsNormal(view: MetricsView): string {
  const lines: string[] = []
  while (view.nextResource()) {
    lines.push(`ResourceMetrics ${attributesText(view.resource.attributes)}`)
    while (view.nextScope()) {
      lines.push(`ScopeMetrics ${clean(view.scope.name)} ${clean(view.scope.version)}`.trimEnd())
      while (view.nextMetric()) {
        const { metric } = view
        while (metric.nextPoint()) {
          const attributes = attributesText(metric.point.attributes)
          lines.push(`${clean(metric.name)}{${attributes}} ${valuesText(metric)}`)
        }
      }
    }
  }
  return lines.join('\n')
}

export function metricsDetailed(view: MetricsView): string {
  const lines: string[] = []
  for (let r = 0; view.nextResource(); r++) {
    lines.push(`ResourceMetrics #${r}`)
    lines.push(...attributeLines(view.resource.attributes, 'Resource attributes:'))
    for (let s = 0; view.nextScope(); s++) {
      lines.push(`ScopeMetrics #${s}`)
      lines.push(`InstrumentationScope ${clean(view.scope.name)} ${clean(view.scope.version)}`)
      for (let m = 0; view.nextMetric(); m++) {
        lines.push(`Metric #${m}`, ...metricLines(view.metric))
      }
    }
  }
  return lines.join('\n')
}

function metricLines(metric: MetricView): string[] {
  const lines = [
    `     -> Name: ${clean(metric.name)}`,
    `     -> Description: ${clean(metric.description)}`,
    `     -> Unit: ${clean(metric.unit)}`,
    `     -> DataType: ${metric.type}`,
  ]
  if (metric.type === 'sum') lines.push(`     -> IsMonotonic: ${metric.monotonic}`)
  if (metric.temporality !== 0) {
    const name = TEMPORALITIES[metric.temporality] ?? metric.temporality
    lines.push(`     -> AggregationTemporality: ${name}`)
  }
  for (let i = 0; metric.nextPoint(); i++) {
    const { point } = metric
    lines.push(`DataPoint #${i}`, ...attributeLines(point.attributes, 'Data point attributes:'))
    lines.push(`StartTimestamp: ${rfc3339(point.startLo, point.startHi)}`)
    lines.push(`Timestamp: ${rfc3339(point.timeLo, point.timeHi)}`, valuesText(metric))
    if (metric.type === 'histogram') lines.push(...bucketLines(point))
  }
  return lines
}

function valuesText({ type, point }: MetricView): string {
  if (type === 'gauge' || type === 'sum') return `value=${point.value}`
  const values = [`count=${point.count}`]
  for (const name of ['sum', 'min', 'max'] as const) {
    if (!Number.isNaN(point[name])) values.push(`${name}=${point[name]}`)
  }
  return values.join(' ')
}

function bucketLines(point: PointView): string[] {
  const bounds = point.explicitBounds()
  return point
    .bucketCounts()
    .map((count, i) => `Bucket ≤ ${i < bounds.length ? bounds[i] : '+Inf'}: ${count}`)
}
