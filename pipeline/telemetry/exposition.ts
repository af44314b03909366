/**
 * What an SDK reader has collected, in Prometheus' text format, version 0.0.4.
 *
 * The names are those that the Collector's default reader gives: dots become underscores, and
 * neither `_total` nor a unit is appended, for dashboards and alerts are written for those.
 */
import type { Attributes } from '@opentelemetry/api'
import {
  DataPointType,
  type Histogram,
  type MetricData,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics'
import type { PrometheusOptions } from './metrics_options.ts'

export const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

type Resource = Readonly<Record<string, string>>
export type NamingOptions = Pick<
  PrometheusOptions,
  'without_scope_info' | 'without_type_suffix' | 'with_resource_constant_labels'
>

export function exposition(
  { scopeMetrics }: ResourceMetrics,
  { resource, options }: { resource: Resource; options: NamingOptions },
): string {
  const families = new Map<string, string>()
  const constant = constantLabels(resource, options)
  for (const { scope, metrics } of scopeMetrics) {
    const own = options.without_scope_info
      ? constant
      : { ...constant, otel_scope_name: scope.name, otel_scope_version: scope.version ?? '' }
    for (const metric of metrics) {
      const name = nameOf(metric, options)
      // A family that two scopes share is told once, with the samples of both.
      const samples = samplesOf(metric, { name, constant: own })
      if (samples !== '') families.set(name, (families.get(name) ?? head(name, metric)) + samples)
    }
  }
  const sorted = [...families].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, text]) => text)
  return sorted.join('') + targetInfo(resource)
}

function head(name: string, metric: MetricData): string {
  const help = metric.descriptor.description.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
  return `# HELP ${name} ${help}\n# TYPE ${name} ${typeOf(metric)}\n`
}

function typeOf(metric: MetricData): 'counter' | 'gauge' | 'histogram' {
  if (metric.dataPointType === DataPointType.SUM) return metric.isMonotonic ? 'counter' : 'gauge'
  return metric.dataPointType === DataPointType.HISTOGRAM ? 'histogram' : 'gauge'
}

function nameOf(metric: MetricData, options: NamingOptions): string {
  const name = metric.descriptor.name.replace(/[^a-zA-Z0-9_:]/g, '_')
  const isTotal = !options.without_type_suffix && typeOf(metric) === 'counter'
  return isTotal && !name.endsWith('_total') ? `${name}_total` : name
}

function samplesOf(metric: MetricData, of: { name: string; constant: Resource }): string {
  let text = ''
  if (metric.dataPointType === DataPointType.HISTOGRAM) {
    for (const { attributes, value } of metric.dataPoints) {
      text += histogramText(value, { name: of.name, labels: { ...attributes, ...of.constant } })
    }
  } else if (metric.dataPointType !== DataPointType.EXPONENTIAL_HISTOGRAM) {
    for (const { attributes, value } of metric.dataPoints) {
      text += `${of.name}${labelsText({ ...attributes, ...of.constant })} ${numberText(value)}\n`
    }
  }
  return text
}

function histogramText(
  { buckets, sum, count }: Histogram,
  { name, labels }: { name: string; labels: Attributes },
): string {
  let text = ''
  let below = 0
  for (const [i, bound] of buckets.boundaries.entries()) {
    below += buckets.counts[i] ?? 0
    text += `${name}_bucket${labelsText({ ...labels, le: numberText(bound) })} ${below}\n`
  }
  text += `${name}_bucket${labelsText({ ...labels, le: '+Inf' })} ${count}\n`
  const rest = labelsText(labels)
  return `${text}${name}_sum${rest} ${numberText(sum ?? 0)}\n${name}_count${rest} ${count}\n`
}

function targetInfo(resource: Resource): string {
  if (Object.keys(resource).length === 0) return ''
  const head = '# HELP target_info Target metadata\n# TYPE target_info gauge\n'
  return `${head}target_info${labelsText(resource)} 1\n`
}

/** Resource attributes that the user wants on every sample. */
function constantLabels(resource: Resource, options: NamingOptions): Resource {
  const wanted = options.with_resource_constant_labels
  if (wanted === undefined) return {}
  const { included = ['*'], excluded = [] } = wanted
  const matches = (patterns: readonly string[], key: string) =>
    patterns.some((pattern) => wildcard(pattern).test(key))
  return Object.fromEntries(
    Object.entries(resource).filter(([key]) => matches(included, key) && !matches(excluded, key)),
  )
}

function wildcard(pattern: string): RegExp {
  return new RegExp(`^${pattern.split('*').map(RegExp.escape).join('.*')}$`)
}

/** Sorted by name, so that a series is the same text each time. */
export function labelsText(attributes: Attributes): string {
  const labels = new Map<string, string>()
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined) continue
    const name = key.replace(/[^a-zA-Z0-9_]/g, '_').replace(/^(?=\d)/, '_')
    // Two attributes whose names become one label share it (OpenTelemetry's rule for Prometheus).
    const known = labels.get(name)
    labels.set(name, known === undefined ? String(value) : `${known};${String(value)}`)
  }
  if (labels.size === 0) return ''
  const pairs = [...labels].sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${pairs.map(([name, value]) => `${name}="${escaped(value)}"`).join(',')}}`
}

function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf'
  return value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value)
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
