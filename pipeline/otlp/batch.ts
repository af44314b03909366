/**
 * One batch of an OTLP signal: the bytes of an `ExportTraceServiceRequest`,
 * `ExportMetricsServiceRequest` or `ExportLogsServiceRequest` (opentelemetry-proto
 * collector/{trace,metrics,logs}/v1), never decoded into objects on the way through.
 */
export interface OtlpBatch {
  readonly signal: 'traces' | 'metrics' | 'logs'
  /** The request in protobuf wire format. Concatenating two requests of a signal merges them. */
  readonly bytes: Uint8Array
  /** Spans, metric data points or log records in it. */
  readonly items: number
}
