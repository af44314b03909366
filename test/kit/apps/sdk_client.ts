/**
 * A client that is instrumented with the OpenTelemetry SDK and exports its own spans.
 *
 *     sdk_client.ts URL OTLP_SOCKET
 *
 * Sends one request within a client span, with the span's context in `traceparent`, and prints
 * that context as JSON. A pod has no route to the backend, hence a socket in the file system.
 */
import http from 'node:http'
import { credentials } from '@grpc/grpc-js'
import { context, propagation, SpanKind, trace } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-grpc'
import { NodeSDK } from '@opentelemetry/sdk-node'

process.title = 'checkout'

const [url, socket] = process.argv.slice(2)
const sdk = new NodeSDK({
  serviceName: 'checkout',
  instrumentations: [],
  traceExporter: new OTLPTraceExporter({
    url: `unix://${socket}`,
    credentials: credentials.createInsecure(),
  }),
})
sdk.start()

const span = trace.getTracer('checkout').startSpan('place order', { kind: SpanKind.CLIENT })
const headers: Record<string, string> = {}
propagation.inject(trace.setSpan(context.active(), span), headers)
const status = await get(headers)
span.end()
await sdk.shutdown()
const { traceId, spanId } = span.spanContext()
console.log(JSON.stringify({ status, traceId, spanId }))

function get(headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    http
      .get(url as string, { headers, agent: false }, (response) => {
        response.resume().on('end', () => resolve(response.statusCode ?? 0))
      })
      .on('error', reject)
  })
}
