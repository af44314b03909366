/**
 * What each `service::telemetry::metrics::level` leaves out: the Collector's rules for the
 * instruments that it has, and the same spirit for ours. Applied where metrics are collected, so
 * that the level can change while the service runs.
 */
import type { ResourceMetrics } from '@opentelemetry/sdk-metrics'
import type { MetricLevel } from './metrics_options.ts'

const BATCH = 'otelcol_processor_batch_'

const ONLY_DETAILED: ReadonlySet<string> = new Set([
  'otelcol_exporter_enqueue_size',
  'otelcol_exporter_enqueue_size_bytes',
  'otelcol_exporter_queue_batch_send_size',
  'otelcol_exporter_queue_batch_send_size_bytes',
  'otelcol_processor_batch_batch_send_size_bytes',
  'otelcol_processor_internal_duration',
])
/** Instruments by OpenTelemetry's own conventions: of each request and call. */
const ONLY_DETAILED_PREFIXES = ['http.', 'rpc.']

export function isShown(name: string, level: MetricLevel): boolean {
  if (level === 'none') return false
  if (level === 'detailed') return true
  if (ONLY_DETAILED.has(name)) return false
  if (ONLY_DETAILED_PREFIXES.some((prefix) => name.startsWith(prefix))) return false
  return level !== 'basic' || !name.startsWith(BATCH)
}

export function atLevel(metrics: ResourceMetrics, level: MetricLevel): ResourceMetrics {
  if (level === 'detailed') return metrics
  return {
    resource: metrics.resource,
    scopeMetrics: metrics.scopeMetrics.map(({ scope, metrics }) => ({
      scope,
      metrics: metrics.filter(({ descriptor }) => isShown(descriptor.name, level)),
    })),
  }
}
