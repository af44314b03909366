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
  /** Who sent it, where that is known; gone once batches of several senders are merged. */
  readonly client?: Client
}

/** The sender of a batch: the Collector's client.Info. */
export interface Client {
  /** IP address of the peer, without port; `::ffff:` unmapped. */
  readonly address?: string
  /** Headers or gRPC metadata by lower-case name, of receivers with `include_metadata`. */
  readonly metadata?: Readonly<Record<string, readonly string[]>>
}
