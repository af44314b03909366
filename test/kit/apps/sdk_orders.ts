/**
 * A shop's back office, instrumented with the OpenTelemetry SDK and configured by the environment
 * alone, as operators do it (OTEL_SERVICE_NAME, OTEL_EXPORTER_OTLP_…).
 *
 *     sdk_orders.ts COUNT
 *
 * Each order is a trace of three spans; prints the trace ids as JSON, and ends when all is sent.
 */
import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { NodeSDK } from '@opentelemetry/sdk-node'

const count = Number(process.argv[2])
const sdk = new NodeSDK({ instrumentations: [] })
sdk.start()
const tracer = trace.getTracer('orders', '1.2.3')

const traceIds = Array.from({ length: count }, (_, number) => order(number))
await sdk.shutdown()
process.stdout.write(`${JSON.stringify(traceIds)}\n`)

function order(number: number): string {
  const root = tracer.startSpan('place order', {
    kind: SpanKind.SERVER,
    attributes: {
      'order.id': number,
      'order.total': number + 0.5,
      'order.gift': number % 2 === 0,
      'order.note': 'für Grüße 🎁',
      'order.items': ['tea', 'cup'],
    },
  })
  const inside = trace.setSpan(context.active(), root)
  const stock = tracer.startSpan('check stock', { kind: SpanKind.INTERNAL }, inside)
  stock.addEvent('counted', { 'stock.left': 7 })
  stock.end()
  const links = [{ context: stock.spanContext() }]
  const charge = tracer.startSpan('charge card', { kind: SpanKind.CLIENT, links }, inside)
  // Every tenth card is refused.
  if (number % 10 === 9) charge.setStatus({ code: SpanStatusCode.ERROR, message: 'card refused' })
  charge.end()
  root.end()
  return root.spanContext().traceId
}
