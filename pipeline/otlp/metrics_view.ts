/** Reads points from the bytes of an `ExportMetricsServiceRequest`; grammar: metrics_writer.ts. */

import { Range, Scalars } from './scalars.ts'
import { AttributesView } from './values.ts'
import { SignalView } from './view.ts'
import { FIXED64, LEN, VARINT } from './wire.ts'
import { FieldReader, type WireSource } from './wire_reader.ts'

export type MetricType =
  | 'none'
  | 'gauge'
  | 'sum'
  | 'histogram'
  | 'exponential_histogram'
  | 'summary'

/** Field number in `Metric` of each kind of data. */
const DATA = { 5: 'gauge', 7: 'sum', 9: 'histogram', 10: 'exponential_histogram', 11: 'summary' }
const DATA_FIELDS = Object.keys(DATA).map(Number) as (keyof typeof DATA)[]

/** Field number of `attributes` in a point of each kind of data. */
const ATTRIBUTES = {
  none: 0,
  gauge: 7,
  sum: 7,
  histogram: 9,
  exponential_histogram: 1,
  summary: 7,
} as const

export class MetricsView extends SignalView {
  readonly metric: MetricView

  constructor(bytes: Uint8Array) {
    super(bytes)
    this.metric = new MetricView(this.source)
  }

  nextMetric(): boolean {
    return this.items.nextMessage(2) && this.metric.over(this.items)
  }
}

export class MetricView {
  readonly point: PointView
  type: MetricType = 'none'
  readonly #metric: Scalars
  readonly #data: Scalars
  readonly #points: FieldReader
  readonly #range = new Range()

  constructor(source: WireSource) {
    this.point = new PointView(source)
    this.#metric = new Scalars(source, {
      1: LEN,
      2: LEN,
      3: LEN,
      5: LEN,
      7: LEN,
      9: LEN,
      10: LEN,
      11: LEN,
    })
    this.#data = new Scalars(source, { 2: VARINT, 3: VARINT })
    this.#points = new FieldReader(source)
  }

  /** The view's: moves to the metric in `range`. False when it is malformed. */
  over(range: { readonly start: number; readonly end: number }): boolean {
    if (!this.#metric.over(range)) return false
    const field = DATA_FIELDS.find((f) => this.#metric.has(f))
    this.type = field === undefined ? 'none' : (DATA[field] as MetricType)
    this.#range.clear()
    if (field !== undefined) this.#metric.range(field, this.#range)
    this.#points.reset(this.#range.start, this.#range.end)
    return this.#data.over(this.#range)
  }

  nextPoint(): boolean {
    return this.#points.nextMessage(1) && this.point.over(this.#points, this.type)
  }

  get name(): string {
    return this.#metric.text(1)
  }

  get description(): string {
    return this.#metric.text(2)
  }

  get unit(): string {
    return this.#metric.text(3)
  }

  /** One of TEMPORALITY, 0 for gauges. */
  get temporality(): number {
    return this.#data.lo(2)
  }

  get monotonic(): boolean {
    return this.type === 'sum' && this.#data.lo(3) !== 0
  }
}

/** One point of any kind; what a kind does not have is 0, NaN or empty. */
export class PointView {
  readonly attributes: AttributesView
  readonly #point: Scalars
  readonly #list: FieldReader
  readonly #element: FieldReader
  readonly #range = new Range()
  #type: MetricType = 'none'

  constructor(source: WireSource) {
    this.attributes = new AttributesView(source)
    this.#list = new FieldReader(source)
    this.#element = new FieldReader(source)
    this.#point = new Scalars(source, {
      2: FIXED64,
      3: FIXED64,
      4: FIXED64,
      5: FIXED64,
      6: FIXED64,
      11: FIXED64,
      12: FIXED64,
    })
  }

  over(range: { readonly start: number; readonly end: number }, type: MetricType): boolean {
    this.#type = type
    this.#range.set(range)
    this.attributes.over(this.#range, ATTRIBUTES[type])
    return this.#point.over(this.#range)
  }

  get startLo(): number {
    return this.#point.lo(2)
  }

  get startHi(): number {
    return this.#point.hi(2)
  }

  get timeLo(): number {
    return this.#point.lo(3)
  }

  get timeHi(): number {
    return this.#point.hi(3)
  }

  /** Value of a gauge's or sum's point; NaN when it has none. Whole numbers beyond 2^53 round. */
  get value(): number {
    if (this.#type !== 'gauge' && this.#type !== 'sum') return Number.NaN
    if (this.#point.has(6)) return this.#point.signed(6)
    return this.#point.has(4) ? this.#point.double(4) : Number.NaN
  }

  /** Values counted by a histogram's or summary's point. */
  get count(): number {
    return this.#type === 'gauge' || this.#type === 'sum' ? 0 : this.#point.number(4)
  }

  /** Their sum; NaN when it is not told. */
  get sum(): number {
    if (this.#type === 'gauge' || this.#type === 'sum') return Number.NaN
    return this.#point.has(5) ? this.#point.double(5) : Number.NaN
  }

  /** Least value in a histogram with explicit bounds; NaN when it is not told. */
  get min(): number {
    return this.#type === 'histogram' && this.#point.has(11) ? this.#point.double(11) : Number.NaN
  }

  get max(): number {
    return this.#type === 'histogram' && this.#point.has(12) ? this.#point.double(12) : Number.NaN
  }

  /** A histogram's values in each bucket, not cumulated. */
  bucketCounts(): number[] {
    return this.#eights(6, (at) => at.number)
  }

  /** A histogram's upper bounds. */
  explicitBounds(): number[] {
    return this.#eights(7, (at) => at.double)
  }

  /** Elements of eight bytes; senders may pack them or not, readers must take both. */
  #eights(field: number, read: (at: FieldReader) => number): number[] {
    if (this.#type !== 'histogram') return []
    const list = this.#list
    const element = this.#element
    list.reset(this.#range.start, this.#range.end)
    const out: number[] = []
    while (list.next()) {
      if (list.field !== field) continue
      if (list.wireType === FIXED64) out.push(read(list))
      if (list.wireType !== LEN) continue
      element.reset(list.start, list.end)
      while (element.nextPacked(FIXED64)) out.push(read(element))
    }
    return out
  }
}
