/** Writes all series of all metrics as OTLP requests of bounded size. */

import type { OtlpBatch } from '../../pipeline/otlp/batch.ts'
import { MetricsWriter } from '../../pipeline/otlp/metrics_writer.ts'
import { wallClockNs } from '../../pipeline/u64.ts'
import type { Resource } from './resources.ts'
import type { Metric, Series } from './series.ts'

/** A request is ended past this size: gRPC servers take 4 MiB unless told otherwise. */
const REQUEST_BYTES_MAX = 2 * 1024 * 1024

interface Points {
  readonly metric: Metric
  readonly series: Series[]
}

/** Every series as one cumulative point at this moment. No request without points. */
export function* pointsOf(metrics: readonly Metric[], version: string): Iterable<OtlpBatch> {
  const writer = new MetricsWriter()
  const time = new Uint32Array(2)
  wallClockNs(time, 0)
  for (const [resource, groups] of byResource(metrics)) {
    let fresh = true
    for (const { metric, series } of groups) {
      let begun = false
      for (const one of series) {
        if (fresh) beginResource(writer, resource, version)
        if (fresh || !begun) beginMetric(writer, metric)
        writePoint(writer, { metric, series: one, time })
        fresh = false
        begun = true
        if (writer.bytes < REQUEST_BYTES_MAX) continue
        yield writer.finish()
        fresh = true
      }
    }
  }
  if (writer.items > 0) yield writer.finish()
}

function byResource(metrics: readonly Metric[]): Map<Resource, Points[]> {
  const resources = new Map<string, Resource>()
  const groups = new Map<Resource, Points[]>()
  for (const metric of metrics) {
    for (const series of metric.all()) {
      const resource = resources.get(series.resource.key) ?? series.resource
      resources.set(resource.key, resource)
      const group = groups.get(resource) ?? []
      groups.set(resource, group)
      if (group.at(-1)?.metric === metric) group.at(-1)?.series.push(series)
      else group.push({ metric, series: [series] })
    }
  }
  return groups
}

function beginResource(writer: MetricsWriter, resource: Resource, version: string): void {
  writer.beginResource()
  writer.raw(resource.attributes)
  writer.beginScope('flowspan', version)
}

function beginMetric(writer: MetricsWriter, { instrument }: Metric): void {
  const { name, unit, description, bounds } = instrument
  if (bounds !== undefined) writer.beginHistogram(name, { unit, description })
  else writer.beginSum(name, { unit, description, monotonic: true })
}

function writePoint(
  writer: MetricsWriter,
  { metric, series, time }: { metric: Metric; series: Series; time: Uint32Array },
): void {
  const { bounds, isReal } = metric.instrument
  if (bounds === undefined) writer.beginNumberPoint()
  else writer.beginHistogramPoint()
  writer.start(series.start, 0)
  writer.time(time, 0)
  if (bounds === undefined) {
    if (isReal) writer.valueDouble(series.sum)
    else writer.valueInt(series.sum)
  } else {
    writer.sum(series.sum)
    writer.buckets(bounds, series.counts)
  }
  writer.raw(series.attributes)
}
