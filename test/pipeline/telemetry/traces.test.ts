/** Own traces and metrics, sent by the SDK to a real Jaeger and a real Collector. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { context, SpanStatusCode, trace } from '@opentelemetry/api'
import { skipWithoutGo } from '../../kit/backends.ts'
import { startJaeger } from '../../kit/jaeger.ts'
import { startCollector } from '../../kit/otelcol.ts'
import { makeTelemetry } from './telemetries.ts'

const options = { skip: await skipWithoutGo(), timeout: 120_000 }

test(
  "own spans arrive in Jaeger, over gRPC and HTTP, with the service's name",
  options,
  async (t) => {
    const jaeger = await startJaeger()
    t.after(() => jaeger.stop())
    const grpc = { otlp: { protocol: 'grpc', endpoint: `http://${jaeger.otlpGrpc}` } }
    const http = { otlp: { endpoint: jaeger.otlpHttp } }
    for (const [protocol, processor] of [
      ['grpc', { batch: { exporter: grpc } }],
      ['http', { simple: { exporter: http } }],
    ] as const) {
      const service = `flowspan-${protocol}`
      const { telemetry } = await makeTelemetry(t, {
        metrics: { level: 'none' },
        traces: { processors: [processor] },
        resource: { 'service.name': service },
      })
      const { tracer } = telemetry.instruments
      const parent = tracer.startSpan('receive', { attributes: { receiver: 'otlp' } })
      const within = trace.setSpan(context.active(), parent)
      const child = tracer.startSpan('send', {}, within)
      child.setStatus({ code: SpanStatusCode.ERROR, message: 'refused' })
      child.end()
      parent.end()
      // The page about spans has them too, the newest first.
      const recent = telemetry.spans()
      assert.deepEqual(
        recent?.map(({ name }) => name),
        ['receive', 'send'],
      )
      assert.equal(recent?.[1]?.error, 'refused')
      assert.equal(recent?.[1]?.parentSpanId, parent.spanContext().spanId)
      await telemetry.shutdown(AbortSignal.timeout(10_000))
      const found = await jaeger.waitForTrace({
        service,
        matches: ({ spans }) => spans.length === 2,
      })
      assert.deepEqual(found.spans.map((span) => span.operationName).sort(), ['receive', 'send'])
    }
  },
)

test('a sampler leaves traces out, and what a parent decided holds', options, async (t) => {
  const exporter = { otlp: { protocol: 'grpc', endpoint: 'http://127.0.0.1:9' } }
  const { telemetry } = await makeTelemetry(t, {
    metrics: { level: 'none' },
    traces: {
      processors: [{ batch: { exporter } }],
      sampler: { parent_based: { root: { always_off: {} } } },
    },
  })
  const { tracer } = telemetry.instruments
  assert.equal(tracer.startSpan('root').isRecording(), false)
  const remote = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), isRemote: true, traceFlags: 1 }
  const within = trace.setSpanContext(context.active(), remote)
  assert.equal(tracer.startSpan('child', {}, within).isRecording(), true)
})

test('requests that carry own spans say that nobody is to trace them', async (t) => {
  const server = createServer((request, response) => {
    request.resume().on('end', () => response.writeHead(200).end())
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close().closeAllConnections())
  const { port } = server.address() as AddressInfo
  const otlp = { endpoint: `http://127.0.0.1:${port}`, headers: { 'x-key': 'k' } }
  const { telemetry } = await makeTelemetry(t, {
    metrics: { level: 'none' },
    traces: { processors: [{ simple: { exporter: { otlp } } }] },
  })
  const request = once(server, 'request')
  telemetry.instruments.tracer.startSpan('x').end()
  const [{ headers, url }] = await request
  await telemetry.shutdown(AbortSignal.timeout(10_000))
  assert.match(headers.traceparent, /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/)
  assert.deepEqual([headers['x-key'], url], ['k', '/v1/traces'])
})

test('a backend of own spans that is gone is a line in the log, and no more', async (t) => {
  const exporter = { otlp: { protocol: 'grpc', endpoint: 'http://127.0.0.1:9', timeout: 300 } }
  const { telemetry, lines } = await makeTelemetry(t, {
    metrics: { level: 'none' },
    traces: { processors: [{ simple: { exporter } }] },
  })
  telemetry.instruments.tracer.startSpan('x').end()
  await telemetry.shutdown(AbortSignal.timeout(10_000))
  const warnings = lines.filter(({ msg, level }) => msg === 'Own telemetry' && level === 'warn')
  const reasons = warnings.map(({ reason }) => String(reason))
  assert.match(reasons.join('\n'), /^14 UNAVAILABLE: .*ECONNREFUSED 127\.0\.0\.1:9/m)
  assert.doesNotMatch(reasons.join('\n'), /^ +at |"stack"/m)
})

const DEADLINES = {
  'a shutdown does not wait for who takes own spans beyond its deadline': 200,
  'a shutdown whose time is over already waits for nobody': 0,
}

for (const [name, ms] of Object.entries(DEADLINES)) {
  test(name, async (t) => {
    const silent = createServer(() => {}).listen(0, '127.0.0.1')
    await once(silent, 'listening')
    t.after(() => silent.close().closeAllConnections())
    const { port } = silent.address() as AddressInfo
    const otlp = { endpoint: `http://127.0.0.1:${port}`, timeout: 4000 }
    const { telemetry } = await makeTelemetry(t, {
      metrics: { level: 'none' },
      traces: { processors: [{ batch: { exporter: { otlp } } }] },
    })
    telemetry.instruments.tracer.startSpan('x').end()
    const before = performance.now()
    await telemetry.shutdown(ms === 0 ? AbortSignal.abort() : AbortSignal.timeout(ms))
    assert.ok(performance.now() - before < 2000)
  })
}

test('own metrics go to a Collector over OTLP, by the same names', options, async (t) => {
  const collector = await startCollector()
  t.after(() => collector.stop())
  for (const otlp of [
    { protocol: 'grpc', endpoint: collector.otlpGrpc, insecure: true, compression: 'gzip' },
    { protocol: 'http/protobuf', endpoint: collector.otlpHttp },
  ]) {
    const { telemetry } = await makeTelemetry(t, {
      metrics: {
        readers: [{ periodic: { interval: 50, timeout: 50, exporter: { otlp } } }],
      },
      resource: { 'service.name': otlp.protocol },
    })
    telemetry.instruments.meter.createCounter('otelcol_things').add(3)
    telemetry.instruments.meter.createCounter('rpc.only.detailed').add(3)
    const requests = await collector.waitFor(
      'metrics',
      (all) => all.length > 0 && JSON.stringify(all).includes(otlp.protocol),
    )
    const text = JSON.stringify(requests)
    assert.match(text, /"name":"otelcol_things"/)
    assert.match(text, /"name":"otelcol_process_uptime"/)
    assert.doesNotMatch(text, /rpc.only.detailed/)
    await telemetry.shutdown(AbortSignal.timeout(10_000))
  }
})
