/**
 * Writes an `ExportMetricsServiceRequest` point by point
 * (opentelemetry/proto/metrics/v1/metrics.proto).
 *
 *     message Metric    { string name = 1;  string description = 2;  string unit = 3;
 *                         oneof data { Gauge gauge = 5;  Sum sum = 7;  Histogram histogram = 9; } }
 *     message Gauge     { repeated NumberDataPoint data_points = 1; }
 *     message Sum       { repeated NumberDataPoint data_points = 1;
 *                         AggregationTemporality aggregation_temporality = 2;
 *                         bool is_monotonic = 3; }
 *     message Histogram { repeated HistogramDataPoint data_points = 1;
 *                         AggregationTemporality aggregation_temporality = 2; }
 *
 * Times come from columns, `(column, row)`: two u32, low half first.
 *
 *     writer.beginSum('tcp.retransmits', { unit: '{segment}', monotonic: true })
 *     writer.beginNumberPoint(); writer.start(t, 0); writer.time(t, 1); writer.valueInt(3)
 *     writer.attrString('peer', 'api')
 */
import { FIXED64, LEN, tag, VARINT } from './wire.ts'
import { ITEMS, SignalWriter } from './writer.ts'

/** OTLP's AggregationTemporality. */
export const TEMPORALITY = { delta: 1, cumulative: 2 } as const

const METRIC_NAME = tag(1, LEN)
const METRIC_DESCRIPTION = tag(2, LEN)
const METRIC_UNIT = tag(3, LEN)
const GAUGE = tag(5, LEN)
const SUM = tag(7, LEN)
const HISTOGRAM = tag(9, LEN)
const DATA_POINTS = tag(1, LEN)
const AGGREGATION_TEMPORALITY = tag(2, VARINT)
const IS_MONOTONIC = tag(3, VARINT)

const POINT_START = tag(2, FIXED64)
const POINT_TIME = tag(3, FIXED64)
const NUMBER_DOUBLE = tag(4, FIXED64)
const NUMBER_EXEMPLARS = tag(5, LEN)
const NUMBER_INT = tag(6, FIXED64)
const NUMBER_ATTRIBUTES = tag(7, LEN)
const HISTOGRAM_COUNT = tag(4, FIXED64)
const HISTOGRAM_SUM = tag(5, FIXED64)
const HISTOGRAM_BUCKET_COUNTS = tag(6, LEN)
const HISTOGRAM_BOUNDS = tag(7, LEN)
const HISTOGRAM_EXEMPLARS = tag(8, LEN)
const HISTOGRAM_ATTRIBUTES = tag(9, LEN)
const HISTOGRAM_MIN = tag(11, FIXED64)
const HISTOGRAM_MAX = tag(12, FIXED64)
const EXEMPLAR_TIME = tag(2, FIXED64)
const EXEMPLAR_DOUBLE = tag(3, FIXED64)
const EXEMPLAR_SPAN_ID = tag(4, LEN)
const EXEMPLAR_TRACE_ID = tag(5, LEN)

const METRIC_GUESS = 2
const POINT_GUESS = 2
const EXEMPLAR_GUESS = 1
const CLOSED = -1

export interface MetricOptions {
  readonly unit?: string
  readonly description?: string
  /** One of TEMPORALITY, cumulative when left out. Not for gauges. */
  readonly temporality?: number
}

export interface SumOptions extends MetricOptions {
  readonly monotonic: boolean
}

/** An exemplar: where the trace is that the value was seen in. */
export interface Exemplar {
  readonly value: number
  readonly time: Uint32Array
  readonly traceId: Uint32Array
  readonly spanId: Uint32Array
  /** Row of all three columns. */
  readonly row: number
}

export class MetricsWriter extends SignalWriter {
  #metric = CLOSED
  #data = CLOSED
  #point = CLOSED
  #exemplars = NUMBER_EXEMPLARS

  constructor() {
    super('metrics')
  }

  beginGauge(name: string, options: Omit<MetricOptions, 'temporality'> = {}): void {
    this.#beginMetric(name, options)
    this.#data = this.wire.open(GAUGE, METRIC_GUESS)
  }

  beginSum(name: string, options: SumOptions): void {
    this.#beginMetric(name, options)
    this.#data = this.wire.open(SUM, METRIC_GUESS)
    this.wire.uint(AGGREGATION_TEMPORALITY, options.temporality ?? TEMPORALITY.cumulative)
    if (options.monotonic) this.wire.uint(IS_MONOTONIC, 1)
  }

  /** A histogram with explicit bounds. */
  beginHistogram(name: string, options: MetricOptions = {}): void {
    this.#beginMetric(name, options)
    this.#data = this.wire.open(HISTOGRAM, METRIC_GUESS)
    this.wire.uint(AGGREGATION_TEMPORALITY, options.temporality ?? TEMPORALITY.cumulative)
  }

  /**
   * Begins a point of the open gauge or sum; attributes from here on are the point's.
   *
   *     message NumberDataPoint {
   *       fixed64 start_time_unix_nano = 2;  fixed64 time_unix_nano = 3;
   *       oneof value { double as_double = 4;  sfixed64 as_int = 6; }
   *       repeated Exemplar exemplars = 5;   repeated KeyValue attributes = 7; }
   */
  beginNumberPoint(): void {
    this.#beginPoint(NUMBER_ATTRIBUTES, NUMBER_EXEMPLARS)
  }

  /**
   * Begins a point of the open histogram; attributes from here on are the point's.
   *
   *     message HistogramDataPoint {
   *       fixed64 start_time_unix_nano = 2;     fixed64 time_unix_nano = 3;
   *       fixed64 count = 4;                    optional double sum = 5;
   *       repeated fixed64 bucket_counts = 6;   repeated double explicit_bounds = 7;  (packed)
   *       repeated Exemplar exemplars = 8;      repeated KeyValue attributes = 9;
   *       optional double min = 11;             optional double max = 12; }
   */
  beginHistogramPoint(): void {
    this.#beginPoint(HISTOGRAM_ATTRIBUTES, HISTOGRAM_EXEMPLARS)
  }

  /** When the counting began, nanoseconds since the Unix epoch. */
  start(column: Uint32Array, row: number): void {
    this.wire.fixed64(POINT_START, column[row * 2] as number, column[row * 2 + 1] as number)
  }

  /** When the value was read, nanoseconds since the Unix epoch. */
  time(column: Uint32Array, row: number): void {
    this.wire.fixed64(POINT_TIME, column[row * 2] as number, column[row * 2 + 1] as number)
  }

  /** A whole number, |value| ≤ 2^53. */
  valueInt(value: number): void {
    this.wire.sfixed64(NUMBER_INT, value)
  }

  valueDouble(value: number): void {
    this.wire.double(NUMBER_DOUBLE, value)
  }

  /**
   * @param bounds upper bounds, ascending, `n` of them
   * @param counts values in each bucket, not cumulated, `n + 1` of them; the last is above all
   */
  buckets(bounds: ArrayLike<number>, counts: ArrayLike<number>): void {
    let total = 0
    const inBuckets = this.wire.open(HISTOGRAM_BUCKET_COUNTS, 1)
    for (let i = 0; i < counts.length; i++) {
      const count = counts[i] as number
      total += count
      this.wire.bare64(count >>> 0, Math.floor(count / 4_294_967_296))
    }
    this.wire.close(inBuckets, 1)
    const inBounds = this.wire.open(HISTOGRAM_BOUNDS, 1)
    for (let i = 0; i < bounds.length; i++) this.wire.bareDouble(bounds[i] as number)
    this.wire.close(inBounds, 1)
    this.wire.sfixed64(HISTOGRAM_COUNT, total)
  }

  /** Sum of the values in the histogram. */
  sum(value: number): void {
    this.wire.double(HISTOGRAM_SUM, value)
  }

  min(value: number): void {
    this.wire.double(HISTOGRAM_MIN, value)
  }

  max(value: number): void {
    this.wire.double(HISTOGRAM_MAX, value)
  }

  /**
   * Adds an exemplar to the open point.
   *
   *     message Exemplar { fixed64 time_unix_nano = 2;  double as_double = 3;  bytes span_id = 4;
   *                        bytes trace_id = 5; }
   */
  exemplar(exemplar: Exemplar): void {
    const { value, time, traceId, spanId, row } = exemplar
    const start = this.wire.open(this.#exemplars, EXEMPLAR_GUESS)
    this.wire.fixed64(EXEMPLAR_TIME, time[row * 2] as number, time[row * 2 + 1] as number)
    this.wire.double(EXEMPLAR_DOUBLE, value)
    this.wire.id(EXEMPLAR_SPAN_ID, spanId, row * 2, 2)
    this.wire.id(EXEMPLAR_TRACE_ID, traceId, row * 4, 4)
    this.wire.close(start, EXEMPLAR_GUESS)
  }

  protected override closeItem(): void {
    this.#closePoint()
    if (this.#metric === CLOSED) return
    this.wire.close(this.#data, METRIC_GUESS)
    this.wire.close(this.#metric, METRIC_GUESS)
    this.#metric = CLOSED
  }

  #beginMetric(name: string, options: Omit<MetricOptions, 'temporality'>): void {
    this.requireScope()
    this.closeItem()
    this.#metric = this.wire.open(ITEMS, METRIC_GUESS)
    this.wire.string(METRIC_NAME, name)
    if (options.description) this.wire.string(METRIC_DESCRIPTION, options.description)
    if (options.unit) this.wire.string(METRIC_UNIT, options.unit)
  }

  #beginPoint(attributes: number, exemplars: number): void {
    if (this.#metric === CLOSED) throw new Error('Cannot begin a point outside a metric')
    this.#closePoint()
    this.#point = this.wire.open(DATA_POINTS, POINT_GUESS)
    this.#exemplars = exemplars
    this.attributesAs(attributes)
    this.countItem()
  }

  #closePoint(): void {
    if (this.#point !== CLOSED) this.wire.close(this.#point, POINT_GUESS)
    this.#point = CLOSED
  }
}
