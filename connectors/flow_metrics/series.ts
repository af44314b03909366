/** The series of one metric: bounded in number, forgotten when idle. */

import { keyOf } from '../../pipeline/flows/conventions/pairs.ts'
import { encodeFields } from '../../pipeline/flows/resource.ts'
import type { AttributeValue } from '../../pipeline/otlp/attributes.ts'
import { LEN, tag } from '../../pipeline/otlp/wire.ts'
import { wallClockNs } from '../../pipeline/u64.ts'
import type { Instrument } from './instruments.ts'
import { OVERFLOW_RESOURCE, type Resource } from './resources.ts'

/** `attributes` of NumberDataPoint and of HistogramDataPoint. */
const COUNTER_ATTRIBUTES = tag(7, LEN)
const HISTOGRAM_ATTRIBUTES = tag(9, LEN)

export type Attributes = readonly (readonly [key: string, value: AttributeValue])[]

/** One point, cumulative since `start`. */
export class Series {
  readonly resource: Resource
  /** Encoded fields of the point. */
  readonly attributes: Uint8Array
  /** Nanoseconds since the Unix epoch, as halves: when the series began. */
  readonly start = new Uint32Array(2)
  /** Whole for counters but of time, any number for histograms. */
  sum = 0
  /** Values a bucket; none for a counter. */
  readonly counts: Float64Array
  readonly #bounds: readonly number[]
  /** When it was last updated, in milliseconds of the metric's clock. */
  updated: number

  constructor(
    instrument: Instrument,
    { resource, attributes, now }: { resource: Resource; attributes: Attributes; now: number },
  ) {
    const isHistogram = instrument.bounds !== undefined
    this.resource = resource
    this.attributes = encodeFields(
      isHistogram ? HISTOGRAM_ATTRIBUTES : COUNTER_ATTRIBUTES,
      attributes,
    )
    this.#bounds = instrument.bounds ?? []
    this.counts = new Float64Array(isHistogram ? this.#bounds.length + 1 : 0)
    this.updated = now
    wallClockNs(this.start, 0)
  }

  /** Nothing, when the value is not measured. */
  add(value: number, now: number): void {
    if (isMeasured(value)) this.sum += value
    this.updated = now
  }

  /** A value equal to a bound belongs below it, as OTLP has it. */
  record(value: number, now: number): void {
    let bucket = 0
    while (bucket < this.#bounds.length && value > (this.#bounds[bucket] as number)) bucket++
    this.counts[bucket] = (this.counts[bucket] as number) + 1
    this.add(value, now)
  }
}

/** Whether a value can be added: NaN is "not known", and rows of other hosts may hold anything. */
export function isMeasured(value: number): boolean {
  return value >= 0 && value <= Number.MAX_SAFE_INTEGER
}

export interface MetricOptions {
  readonly seriesMax: number
  /** Told each time a new series found no place. */
  readonly overflowed: () => void
}

export class Metric {
  readonly instrument: Instrument
  readonly #options: MetricOptions
  readonly #series = new Map<string, Series>()
  #overflow: Series | undefined

  constructor(instrument: Instrument, options: MetricOptions) {
    this.instrument = instrument
    this.#options = options
  }

  /** Series at present, the one for what found no place included. */
  get size(): number {
    return this.#series.size + (this.#overflow === undefined ? 0 : 1)
  }

  /** The series of a resource with these attributes. To be kept until the next `expire` only. */
  series(resource: Resource, attributes: Attributes, now: number): Series {
    const key = resource.key + keyOf(attributes)
    const known = this.#series.get(key)
    if (known !== undefined) return known
    if (this.#series.size >= this.#options.seriesMax) {
      this.#options.overflowed()
      this.#overflow ??= new Series(this.instrument, {
        resource: OVERFLOW_RESOURCE,
        attributes: [['otel.metric.overflow', true]],
        now,
      })
      return this.#overflow
    }
    const series = new Series(this.instrument, { resource, attributes, now })
    this.#series.set(key, series)
    return series
  }

  /** Forgets the series that were last updated before `time`. */
  expire(time: number): void {
    for (const [key, series] of this.#series) {
      if (series.updated < time) this.#series.delete(key)
    }
    if (this.#overflow !== undefined && this.#overflow.updated < time) this.#overflow = undefined
  }

  *all(): Iterable<Series> {
    yield* this.#series.values()
    if (this.#overflow !== undefined) yield this.#overflow
  }
}
