/** Metrics as a Collector received them over OTLP (JSON form), made easy to compare. */
import type { OtlpJson } from '../kit/otelcol.ts'

export type Labels = Readonly<Record<string, string | number>>

export interface Point {
  /** `service.name` of the resource. */
  readonly service: string
  readonly labels: Labels
  /** The sum, or how many values the histogram has. */
  readonly value: number
}

interface KeyValue {
  readonly key: string
  readonly value: { readonly stringValue?: string; readonly intValue?: string }
}

/** The newest point of every series of a metric: sums and histograms here are cumulative. */
export function lastPoints(requests: readonly OtlpJson[], metric: string): Point[] {
  const series = new Map<string, Point>()
  for (const request of requests) {
    for (const { resource, scopeMetrics } of request.resourceMetrics) {
      const service = String(labelsOf(resource.attributes)['service.name'])
      for (const { metrics } of scopeMetrics) {
        for (const { name, sum, histogram } of metrics) {
          if (name !== metric) continue
          for (const point of (sum ?? histogram).dataPoints) {
            const labels = labelsOf(point.attributes)
            const value = Number(point.count ?? point.asInt ?? point.asDouble)
            series.set(JSON.stringify([resource, labels]), { service, labels, value })
          }
        }
      }
    }
  }
  return [...series.values()]
}

/** The sum over the series of a service that have these labels. */
export function total(points: readonly Point[], service: string, labels: Labels = {}): number {
  return points
    .filter((point) => point.service === service)
    .filter((point) => Object.entries(labels).every(([key, value]) => point.labels[key] === value))
    .reduce((sum, { value }) => sum + value, 0)
}

function labelsOf(attributes: readonly KeyValue[] = []): Labels {
  return Object.fromEntries(
    attributes.map(({ key, value }) => [key, value.stringValue ?? Number(value.intValue)]),
  )
}
