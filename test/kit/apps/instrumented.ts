/**
 * A program that is instrumented with the OpenTelemetry SDK, and configured by the environment
 * alone, as operators do: it sends a span, a metric and a log record when it ends.
 *
 *     OTEL_EXPORTER_OTLP_PROTOCOL=grpc OTEL_EXPORTER_OTLP_ENDPOINT=… instrumented.ts
 */
import { logs, metrics, trace } from '@opentelemetry/api'
import { NodeSDK } from '@opentelemetry/sdk-node'

const sdk = new NodeSDK({ instrumentations: [] })
sdk.start()
metrics.getMeter('shop').createCounter('orders').add(3, { item: 'tea' })
const span = trace.getTracer('shop').startSpan('place order', { attributes: { item: 'tea' } })
span.addEvent('paid')
span.end()
logs.getLogger('shop').emit({ body: 'order placed', severityNumber: 9, severityText: 'INFO' })
await sdk.shutdown()
