/** The spans that the receiver makes of its own work. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import { OK, retryable } from '../../../pipeline/outcome.ts'
import { encode } from '../../proto/otlp.ts'
import { frame, RawGrpc } from './raw_grpc.ts'
import { receiving } from './receiving.ts'

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c'
const TRACEPARENT = `00-${TRACE_ID}-b7ad6b7169203331-01`
const { bytes } = encode('traces', { resourceSpans: [{ scopeSpans: [{ spans: [{}, {}] }] }] })

test('a request is a span of its sender, with what became of its items', async (t) => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager())
  propagation.setGlobalPropagator(new W3CTraceContextPropagator())
  t.after(() => {
    context.disable()
    propagation.disable()
  })
  const memory = new InMemorySpanExporter()
  const provider = new TracerProvider({
    spanProcessors: [new SimpleSpanProcessor({ exporter: memory })],
  })
  const tracer = provider.getTracer('test')
  const { grpc, http, sink } = await receiving(t, { settings: { tracer } })
  let within: string | undefined
  sink.answer = async () => {
    within = trace.getActiveSpan()?.spanContext().traceId
    return OK
  }
  const headers = { traceparent: TRACEPARENT }
  const client = new RawGrpc(t, grpc)
  assert.equal((await client.call({ headers, body: [frame(bytes)] })).code, 0)
  assert.equal(within, TRACE_ID)
  sink.answer = () => retryable('full')
  const type = { 'content-type': 'application/x-protobuf' }
  const init = { method: 'POST', headers: { ...headers, ...type }, body: bytes }
  assert.equal((await fetch(`${http}/v1/traces`, init)).status, 503)
  const [taken, refused] = memory.getFinishedSpans()
  assert.equal(taken?.name, 'receiver/otlp/TraceDataReceived')
  assert.equal(taken.kind, SpanKind.SERVER)
  assert.equal(taken.spanContext().traceId, TRACE_ID)
  assert.deepEqual(taken.attributes, {
    transport: 'grpc',
    format: 'protobuf',
    accepted_spans: 2,
    refused_spans: 0,
  })
  assert.equal(refused?.attributes.refused_spans, 2)
  assert.equal(refused.attributes.transport, 'http')
  assert.deepEqual(refused.status, { code: SpanStatusCode.ERROR, message: 'full' })
})
