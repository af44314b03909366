/** Durations of requests, by the semantic conventions for each protocol. */
import type { FlowBatch } from '../../pipeline/flows/batch.ts'
import { Alike } from '../../pipeline/flows/conventions/alike.ts'
import type { DurationName } from '../../pipeline/flows/conventions/conventions.ts'
import type { FlowMetricsConfig } from './config.ts'
import { EXCHANGE_DURATIONS } from './instruments.ts'
import type { Resource } from './resources.ts'
import { isMeasured, Metric, type MetricOptions, type Series } from './series.ts'

export class Requests {
  readonly metrics: readonly Metric[]
  readonly #metricOf: ReadonlyMap<DurationName, Metric>
  readonly #alike: Alike<Series>
  #batch: FlowBatch | undefined

  constructor(options: MetricOptions, config: FlowMetricsConfig) {
    this.#metricOf = new Map(
      EXCHANGE_DURATIONS.map((instrument) => [instrument.name, new Metric(instrument, options)]),
    )
    this.metrics = [...this.#metricOf.values()]
    this.#alike = new Alike(config, { detail: 'metricDetail', serversOf: 'clients' })
  }

  begin(batch: FlowBatch): void {
    this.#batch = batch
    this.#alike.begin(batch)
  }

  /** Series that are remembered: some may have expired. */
  forget(): void {
    this.#alike.forget()
  }

  /** Measures a closed exchange row. */
  measure(row: number, resource: Resource, now: number): void {
    const { base } = this.#batch as FlowBatch
    const microseconds = base.duration_us[row] as number
    if (!isMeasured(microseconds)) return
    const series =
      this.#alike.get(row, resource.id) ?? this.#alike.set(this.#series(row, resource, now))
    series.record(microseconds / 1e6, now)
  }

  #series(row: number, resource: Resource, now: number): Series {
    const family = this.#alike.familyOf(row)
    const measure = family.measure(this.#batch as FlowBatch, row, this.#alike.of(row))
    const metric = this.#metricOf.get(measure.duration) as Metric
    return metric.series(resource, measure.attributes, now)
  }
}
