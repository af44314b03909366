/**
 * What OTLP costs: spans and points written, read, counted and turned into JSON a CPU second, next
 * to protobufjs with the official definitions, in one process on one core.
 *
 * A span has 10 attributes. Each figure is the best of several rounds: noise only ever slows.
 */
import { countItems } from '../pipeline/otlp/count.ts'
import { toJson } from '../pipeline/otlp/json.ts'
import { MetricsWriter } from '../pipeline/otlp/metrics_writer.ts'
import { TracesView } from '../pipeline/otlp/traces_view.ts'
import { SPAN_KIND, TracesWriter } from '../pipeline/otlp/traces_writer.ts'
import { requestType } from '../test/proto/otlp.ts'
import { describeMachine } from './machine.ts'

const ROUNDS = 15
const SPANS = 1000
const REQUESTS = 10

const ids = Uint32Array.from({ length: SPANS * 4 }, (_, i) => Math.imul(i + 1, 0x9e3779b1))
const traces = new TracesWriter()
const metrics = new MetricsWriter()

function writeSpans(): Uint8Array {
  traces.beginResource()
  traces.attrString('service.name', 'frontend')
  traces.attrString('k8s.pod.name', 'frontend-5d8f7c9b4-x2x7k')
  traces.beginScope('flowspan', '0.1.0')
  for (let i = 0; i < SPANS; i++) {
    traces.beginSpan()
    traces.traceId(ids, i)
    traces.spanId(ids, i)
    traces.parentSpanId(ids, i + 1)
    traces.name('GET')
    traces.kind(SPAN_KIND.server)
    traces.start(ids, i)
    traces.end(ids, i + 1)
    traces.attrString('http.request.method', 'GET')
    traces.attrInt('http.response.status_code', 200)
    traces.attrString('url.path', '/api/v1/orders/123456')
    traces.attrString('url.scheme', 'http')
    traces.attrString('server.address', 'api.shop.svc.cluster.local')
    traces.attrInt('server.port', 8080)
    traces.attrString('client.address', '10.244.1.17')
    traces.attrInt('client.port', 43_210)
    traces.attrString('network.protocol.version', '1.1')
    traces.attrDouble('flowspan.link.confidence', 0.95)
  }
  return traces.finish().bytes
}

function writePoints(): Uint8Array {
  const bounds = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
  const counts = bounds.map((_, i) => i * 1000).concat(7)
  metrics.beginResource()
  metrics.attrString('service.name', 'frontend')
  metrics.beginScope('flowspan', '0.1.0')
  metrics.beginHistogram('http.server.request.duration', { unit: 's' })
  for (let i = 0; i < SPANS; i++) {
    metrics.beginHistogramPoint()
    metrics.start(ids, 0)
    metrics.time(ids, i)
    metrics.buckets(bounds, counts)
    metrics.sum(12.5)
    metrics.attrString('http.request.method', 'GET')
    metrics.attrString('url.scheme', 'http')
    metrics.attrInt('http.response.status_code', 200)
    metrics.attrString('peer.service', 'api')
  }
  return metrics.finish().bytes
}

/** Reads ids, name, kind, times and every attribute's key and value. */
function readSpans(bytes: Uint8Array): number {
  const view = new TracesView(bytes)
  let length = 0
  while (view.nextResource()) {
    while (view.nextScope()) {
      while (view.nextSpan()) {
        const { span } = view
        length += span.traceId.length + span.spanId.length + span.name.length + span.kind
        length += span.durationNs === 0 ? 1 : 0
        while (span.attributes.next()) {
          length += span.attributes.key.length + String(span.attributes.value).length
        }
      }
    }
  }
  return length
}

function measure(name: string, requests: number, run: () => unknown): void {
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < ROUNDS; round++) {
    const before = process.cpuUsage()
    for (let i = 0; i < requests; i++) run()
    const { user, system } = process.cpuUsage(before)
    best = Math.min(best, user + system)
  }
  const rate = (SPANS * requests) / best
  const cost = (best * 1000) / (SPANS * requests)
  console.log(
    `${name.padEnd(44)} ${rate.toFixed(2).padStart(8)} million/CPU s, ` +
      `${cost.toFixed(0).padStart(6)} ns each`,
  )
}

const spans = writeSpans()
const type = requestType('traces')
const decoded = type.decode(spans)
console.log(describeMachine())
console.log(`Requests of ${SPANS} spans, ${Math.round(spans.length / SPANS)} bytes a span`)
measure('TracesWriter: spans', REQUESTS, writeSpans)
measure('protobufjs encode: spans (objects made before)', REQUESTS, () =>
  type.encode(decoded).finish(),
)
measure('TracesView: spans, every value as a string', REQUESTS, () => readSpans(spans))
measure('protobufjs decode: spans', REQUESTS, () => type.decode(spans))
measure('toJson: spans', REQUESTS, () => toJson('traces', spans))
measure('countItems: spans', REQUESTS * 100, () => countItems('traces', spans))
measure('MetricsWriter: histogram points, 14 bounds', REQUESTS, writePoints)
