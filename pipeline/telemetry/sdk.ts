/**
 * What of OpenTelemetry's SDK only a service needs that sends its own spans or metrics over OTLP.
 * It is loaded when that is configured and not before: 100 ms and 11 MB of memory on every host.
 */
import { context, DiagLogLevel, diag, propagation, type Tracer, trace } from '@opentelemetry/api'
import {
  CompositePropagator,
  W3CBaggagePropagator,
  W3CTraceContextPropagator,
} from '@opentelemetry/core'
import { B3InjectEncoding, B3Propagator } from '@opentelemetry/propagator-b3'
import { type Resource, resourceFromAttributes } from '@opentelemetry/resources'
import {
  type IMetricReader,
  PeriodicExportingMetricReader,
  type PushMetricExporter,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics'
import { NodeSDK } from '@opentelemetry/sdk-node'
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  SimpleSpanProcessor,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace'
import type { Logger } from 'pino'
import type { PeriodicOptions } from './metrics_options.ts'
import { metricExporter, spanExporter } from './otlp_exporters.ts'
import type { RecentSpans } from './recent_spans.ts'
import type {
  PlainSampler,
  PROPAGATORS,
  SamplerOptions,
  SpanProcessorOptions,
  TracesOptions,
} from './traces_options.ts'

export interface Tracing {
  readonly tracer: Tracer
  /** Sends what is left, and takes the tracer out of the process. */
  shutdown(): Promise<void>
}

interface Surroundings {
  readonly resource: Readonly<Record<string, string>>
  readonly version: string
  readonly recent: RecentSpans
}

/** The SDK says what goes wrong in it to the log. */
export function logDiagnostics(logger: Logger): void {
  const to = (level: 'warn' | 'info' | 'debug') => (message: string) =>
    logger[level]({ reason: reasonIn(message) }, 'Own telemetry')
  const [warn, info, debug] = [to('warn'), to('info'), to('debug')]
  const options = { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true }
  diag.setLogger({ error: warn, warn, info, debug, verbose: debug }, options)
}

/** Errors come as text with their stack, or as JSON of all their properties. */
function reasonIn(text: string): string {
  let reason: unknown
  try {
    reason = (JSON.parse(text) as { message?: unknown }).message
  } catch {
    reason = text.replace(/\n\s+at .*/s, '')
  }
  return typeof reason === 'string' ? reason : text
}

export function resourceOf(attributes: Readonly<Record<string, string>>): Resource {
  return resourceFromAttributes(attributes)
}

/** Throws when an option, such as a file of `tls`, cannot be used. */
export function startTracing(options: TracesOptions, to: Surroundings): Tracing {
  const sdk = new NodeSDK({
    autoDetectResources: false,
    resource: resourceOf(to.resource),
    spanProcessors: [...options.processors.map(processorOf), to.recent],
    sampler: samplerOf(options.sampler),
    textMapPropagator: propagatorOf(options.propagators),
    metricReaders: [],
    logRecordProcessors: [],
  })
  sdk.start()
  return {
    tracer: trace.getTracer('flowspan', to.version),
    async shutdown() {
      // What cannot be sent any more has been told by then.
      await sdk.shutdown().catch(() => {})
      trace.disable()
      context.disable()
      propagation.disable()
    },
  }
}

/** A reader that sends in intervals what `select` leaves of the metrics. */
export function periodicReader(
  { interval, timeout, exporter }: PeriodicOptions,
  select: (metrics: ResourceMetrics) => ResourceMetrics,
): IMetricReader {
  const to = metricExporter(exporter.otlp)
  const selecting: PushMetricExporter = {
    export: (metrics, done) => to.export(select(metrics), done),
    forceFlush: () => to.forceFlush(),
    shutdown: () => to.shutdown(),
    selectAggregation: (type) => to.selectAggregation(type),
    selectAggregationTemporality: (type) => to.selectAggregationTemporality(type),
  }
  return new PeriodicExportingMetricReader({
    exporter: selecting,
    exportIntervalMillis: interval,
    exportTimeoutMillis: timeout,
  })
}

function processorOf({ batch, simple }: SpanProcessorOptions) {
  if (batch === undefined) {
    return new SimpleSpanProcessor({ exporter: spanExporter(simple!.exporter.otlp) })
  }
  return new BatchSpanProcessor({
    exporter: spanExporter(batch.exporter.otlp),
    scheduledDelayMillis: batch.schedule_delay,
    exportTimeoutMillis: batch.export_timeout,
    maxQueueSize: batch.max_queue_size,
    maxExportBatchSize: batch.max_export_batch_size,
  })
}

function samplerOf(options: SamplerOptions): Sampler {
  const { parent_based } = options
  if (parent_based === undefined) return plainSamplerOf(options)
  return new ParentBasedSampler({ root: plainSamplerOf(parent_based.root) })
}

function plainSamplerOf({ always_off, trace_id_ratio_based }: PlainSampler): Sampler {
  if (trace_id_ratio_based !== undefined) {
    return new TraceIdRatioBasedSampler(trace_id_ratio_based.ratio)
  }
  return always_off === undefined ? new AlwaysOnSampler() : new AlwaysOffSampler()
}

const PROPAGATOR = {
  tracecontext: () => new W3CTraceContextPropagator(),
  baggage: () => new W3CBaggagePropagator(),
  b3: () => new B3Propagator(),
  b3multi: () => new B3Propagator({ injectEncoding: B3InjectEncoding.MULTI_HEADER }),
} as const satisfies Record<(typeof PROPAGATORS)[number], unknown>

function propagatorOf(names: TracesOptions['propagators']) {
  if (names.length === 0) return null
  return new CompositePropagator({ propagators: names.map((name) => PROPAGATOR[name]()) })
}
