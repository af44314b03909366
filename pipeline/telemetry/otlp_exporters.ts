/**
 * The SDK's OTLP exporters, from flowspan's options.
 *
 * Each request bears a `traceparent` that is not sampled: whoever gets it, flowspan itself not
 * excepted, makes no spans of the delivery of spans.
 */
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { ChannelCredentials, type Metadata } from '@grpc/grpc-js'
import { OTLPMetricExporter as GrpcMetricExporter } from '@opentelemetry/exporter-metrics-otlp-grpc'
import { AggregationTemporalityPreference } from '@opentelemetry/exporter-metrics-otlp-http'
import { OTLPMetricExporter as HttpMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto'
import { OTLPTraceExporter as GrpcTraceExporter } from '@opentelemetry/exporter-trace-otlp-grpc'
import { OTLPTraceExporter as HttpTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { CompressionAlgorithm } from '@opentelemetry/otlp-exporter-base'
import { createEmptyMetadata } from '@opentelemetry/otlp-grpc-exporter-base'
import type { PushMetricExporter } from '@opentelemetry/sdk-metrics'
import type { NodeSDKConfiguration } from '@opentelemetry/sdk-node'
import { grpcUrl, httpUrl, type OtlpOptions } from './otlp_options.ts'

const TEMPORALITY = {
  cumulative: AggregationTemporalityPreference.CUMULATIVE,
  delta: AggregationTemporalityPreference.DELTA,
  low_memory: AggregationTemporalityPreference.LOWMEMORY,
} as const

export function spanExporter(otlp: OtlpOptions): NodeSDKConfiguration['traceExporter'] {
  return otlp.protocol === 'grpc'
    ? new GrpcTraceExporter(grpcConfig(otlp))
    : new HttpTraceExporter(httpConfig(otlp, 'traces'))
}

export function metricExporter(otlp: OtlpOptions): Required<PushMetricExporter> {
  const temporalityPreference = TEMPORALITY[otlp.temporality_preference]
  const exporter =
    otlp.protocol === 'grpc'
      ? new GrpcMetricExporter({ ...grpcConfig(otlp), temporalityPreference })
      : new HttpMetricExporter({ ...httpConfig(otlp, 'metrics'), temporalityPreference })
  return exporter as Required<PushMetricExporter>
}

function grpcConfig(otlp: OtlpOptions) {
  const { url, isInsecure } = grpcUrl(otlp)
  const { ca_file, cert_file, key_file } = otlp.tls
  const { hostname } = new URL(url)
  if (!isInsecure && isIP(hostname.replace(/^\[(.*)\]$/, '$1')) !== 0) {
    throw new Error(
      `service::telemetry: TLS to ${hostname} needs a host name in the endpoint: the server's ` +
        'certificate is checked against it; or write http:// for a connection without TLS',
    )
  }
  return {
    ...common(otlp),
    url,
    metadata: metadataOf(otlp),
    credentials: isInsecure
      ? ChannelCredentials.createInsecure()
      : ChannelCredentials.createSsl(read(ca_file), read(key_file), read(cert_file)),
  }
}

/** Made by the SDK's own function, which loads gRPC where it is used: later it could not. */
function metadataOf(otlp: OtlpOptions): Metadata {
  const metadata = createEmptyMetadata()
  for (const [name, value] of Object.entries({ traceparent: notSampled(), ...otlp.headers })) {
    metadata.set(name, value)
  }
  return metadata
}

function httpConfig(otlp: OtlpOptions, signal: 'traces' | 'metrics') {
  const { ca_file, cert_file, key_file } = otlp.tls
  const files = { ca: read(ca_file), cert: read(cert_file), key: read(key_file) }
  const agent = Object.fromEntries(Object.entries(files).filter(([, file]) => file !== null))
  return {
    ...common(otlp),
    url: httpUrl(otlp, signal),
    headers: { traceparent: notSampled(), ...otlp.headers },
    httpAgentOptions: { keepAlive: true, ...agent },
  }
}

function common({ compression, timeout }: OtlpOptions) {
  const algorithm = compression === 'gzip' ? CompressionAlgorithm.GZIP : CompressionAlgorithm.NONE
  return { timeoutMillis: timeout, compression: algorithm }
}

function notSampled(): string {
  return `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-00`
}

function read(file: string): Buffer | null {
  if (file === '') return null
  try {
    return readFileSync(file)
  } catch (error) {
    throw new Error(`service::telemetry: cannot read "${file}": ${(error as Error).message}`)
  }
}
