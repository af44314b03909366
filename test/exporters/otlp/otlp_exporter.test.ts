import assert from 'node:assert/strict'
import { constants, createServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { Metadata, status } from '@grpc/grpc-js'
import protobuf from 'protobufjs'
import { schema } from '../../../exporters/otlp/config.ts'
import { otlpExporter } from '../../../exporters/otlp/otlp_exporter.ts'
import { OK, type Retryable } from '../../../pipeline/outcome.ts'
import { freePorts } from '../../kit/ports.ts'
import { settingsOf } from '../../pipeline/surroundings.ts'
import { decode } from '../../proto/otlp.ts'
import { FAST_RETRY, spans, until } from '../sending.ts'
import { Backend, partialSuccess } from './backend.ts'
import { exporting } from './exporting.ts'

const PLAIN = { tls: { insecure: true } }

test('a batch arrives byte for byte, with headers and user agent, and is booked as sent', async (t) => {
  const backend = await new Backend().listen()
  const headers = { 'X-Tenant': 'a' }
  const { exporter, ledger } = await exporting(t, backend, { headers })
  const batch = spans(3)
  assert.equal(await exporter.consume(batch), OK)
  await until(() => ledger.entry().used.sent === 3)
  const [request] = backend.received
  assert.equal(request?.path, '/opentelemetry.proto.collector.trace.v1.TraceService/Export')
  assert.ok(Buffer.from(batch.bytes).equals(request.bytes))
  assert.deepEqual(request.metadata.get('x-tenant'), ['a'])
  assert.match(String(request.metadata.get('user-agent')[0]), /^flowspan\/1\.2\.3/)
  assert.deepEqual(ledger.entry(), { in: 0, out: 0, used: { sent: 3 }, lost: {}, held: 0 })
})

test('each signal goes to its own service', async (t) => {
  const backend = await new Backend().listen()
  const { exporter, ledger } = await exporting(t, backend, { compression: 'none' })
  for (const signal of ['traces', 'metrics', 'logs'] as const) {
    await exporter.consume({ signal, bytes: new Uint8Array(0), items: 1 })
  }
  await until(() => ledger.entry().used.sent === 3)
  assert.deepEqual(backend.received.map(({ path }) => path.split('.').at(-1)).sort(), [
    'LogsService/Export',
    'MetricsService/Export',
    'TraceService/Export',
  ])
})

test('requests are compressed with gzip unless compression is none', async (t) => {
  // grpc-js hides the encoding from its handlers, so this server is a bare HTTP/2 one.
  const seen: unknown[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks)
      const compressed = body[0] === 1
      const message = body.subarray(5)
      const size = (compressed ? gunzipSync(message) : message).length
      seen.push([request.headers['grpc-encoding'] ?? 'none', compressed, size])
      response.writeHead(200, { 'content-type': 'application/grpc' })
      response.addTrailers({ 'grpc-status': '0' })
      response.end(Buffer.alloc(5))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => void server.close())
  const { port } = server.address() as AddressInfo
  const batch = spans(100)
  for (const compression of ['gzip', 'none']) {
    const { exporter, ledger } = await exporting(t, port, { compression })
    await exporter.consume(batch)
    await until(() => ledger.entry().used.sent === 100)
  }
  assert.deepEqual(seen, [
    ['gzip', true, batch.bytes.length],
    ['none', false, batch.bytes.length],
  ])
})

const CODES: [keyof typeof status, boolean][] = [
  ['CANCELLED', true],
  ['UNKNOWN', false],
  ['INVALID_ARGUMENT', false],
  ['DEADLINE_EXCEEDED', true],
  ['NOT_FOUND', false],
  ['ALREADY_EXISTS', false],
  ['PERMISSION_DENIED', false],
  ['RESOURCE_EXHAUSTED', false],
  ['FAILED_PRECONDITION', false],
  ['ABORTED', true],
  ['OUT_OF_RANGE', true],
  ['UNIMPLEMENTED', false],
  ['INTERNAL', false],
  ['UNAVAILABLE', true],
  ['DATA_LOSS', true],
  ['UNAUTHENTICATED', false],
]

test('each status code is tried again or not, as the OTLP specification says', async (t) => {
  const backend = await new Backend().listen()
  const { exporter, ledger } = await exporting(t, backend, {
    retry_on_failure: FAST_RETRY,
    sending_queue: { num_consumers: 1 },
  })
  for (const [code, retried] of CODES) {
    const first = backend.received.length
    const before = ledger.entry()
    backend.answer = (n) => (n === first ? { code: status[code] } : new Uint8Array(0))
    await exporter.consume(spans(1))
    await until(() => exporter.held?.() === 0)
    const after = ledger.entry()
    const sent = (after.used.sent ?? 0) - (before.used.sent ?? 0)
    const lost = (after.lost.permanent ?? 0) - (before.lost.permanent ?? 0)
    assert.deepEqual([code, sent, lost], [code, retried ? 1 : 0, retried ? 0 : 1])
    assert.equal(backend.received.length - first, retried ? 2 : 1, code)
  }
})

/** google.rpc.Status with a RetryInfo, made with protobufjs. */
function retryInfo(delayMs: number): Metadata {
  const writer = () => protobuf.Writer.create()
  const duration = writer()
    .uint32(8)
    .int64(Math.floor(delayMs / 1000))
  duration.uint32(16).int32((delayMs % 1000) * 1e6)
  const info = writer().uint32(10).bytes(duration.finish()).finish()
  const any = writer().uint32(10).string('type.googleapis.com/google.rpc.RetryInfo')
  const details = writer().uint32(26).bytes(any.uint32(18).bytes(info).finish()).finish()
  const metadata = new Metadata()
  metadata.set('grpc-status-details-bin', Buffer.from(details))
  return metadata
}

test('RESOURCE_EXHAUSTED with RetryInfo is tried again, not before the delay it names', async (t) => {
  const backend = await new Backend().listen()
  const times: number[] = []
  backend.answer = (n) => {
    times.push(performance.now())
    if (n > 0) return new Uint8Array(0)
    return { code: status.RESOURCE_EXHAUSTED, metadata: retryInfo(400) }
  }
  const { exporter, ledger } = await exporting(t, backend, { retry_on_failure: FAST_RETRY })
  await exporter.consume(spans(2))
  await until(() => ledger.entry().used.sent === 2)
  const waited = (times[1] as number) - (times[0] as number)
  assert.ok(waited >= 395, `waited ${waited} ms`)
})

test('a request that the server breaks off, asking for calm, is sent again', async (t) => {
  const requests: number[] = []
  const server = createServer((request, response) => {
    if (requests.push(1) === 1) request.stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM)
    else {
      response.writeHead(200, { 'content-type': 'application/grpc' })
      response.addTrailers({ 'grpc-status': '0' })
      response.end(Buffer.alloc(5))
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  const { exporter, ledger } = await exporting(t, port, { retry_on_failure: FAST_RETRY })
  await exporter.consume(spans(2))
  await until(() => exporter.held?.() === 0)
  assert.deepEqual([ledger.entry().used.sent, requests.length], [2, 2])
})

test('an attempt ends at its timeout, and what keeps timing out is lost with its reason', async (t) => {
  const backend = await new Backend().listen()
  backend.answer = () => 'silence'
  const { exporter, ledger, log } = await exporting(t, backend, {
    timeout: '200ms',
    retry_on_failure: { ...FAST_RETRY, max_elapsed_time: '700ms' },
  })
  await exporter.consume(spans(4))
  await until(() => ledger.entry().lost.retries_exhausted === 4)
  assert.ok(backend.received.length > 1, 'it was tried again')
  assert.equal(exporter.held?.(), 0)
  assert.ok(log.some((line) => /DEADLINE_EXCEEDED/.test(line)))
})

test('a backend that comes up late gets what was sent before', async (t) => {
  const probe = await new Backend().listen()
  const { port } = probe
  probe.close()
  const { exporter, ledger } = await exporting(t, port, { retry_on_failure: FAST_RETRY })
  await exporter.consume(spans(5))
  await new Promise((resolve) => setTimeout(resolve, 100))
  assert.equal(exporter.held?.(), 5)
  const backend = await new Backend().listen({ port })
  t.after(() => backend.close())
  await until(() => ledger.entry().used.sent === 5)
  assert.equal(
    decode({ ...spans(5), bytes: backend.received[0]?.bytes as Uint8Array }).resourceSpans.length,
    1,
  )
})

test('a partial success is sent, logged, and the rejected items are noted', async (t) => {
  const backend = await new Backend().listen()
  backend.answer = () => partialSuccess(2, 'too old')
  const { exporter, ledger, log } = await exporting(t, backend)
  await exporter.consume(spans(3))
  await until(() => ledger.entry().used.sent === 3)
  assert.equal(ledger.notes.get('rejected_by_backend'), 2)
  assert.equal(backend.received.length, 1)
  const line = JSON.parse(log.find((l) => /Partial success/.test(l)) as string)
  assert.deepEqual([line.message, line.dropped_spans], ['too old', 2])
})

test("the Collector's empty partial success is a full success", async (t) => {
  const backend = await new Backend().listen()
  backend.answer = () => Uint8Array.of(0x0a, 0x00)
  const { exporter, ledger, log } = await exporting(t, backend)
  await exporter.consume(spans(3))
  await until(() => ledger.entry().used.sent === 3)
  assert.deepEqual(log, [])
})

test('a full queue refuses with `retryable` and counts no loss', async (t) => {
  const backend = await new Backend().listen()
  let answer = (_: Uint8Array) => {}
  const answered = new Promise<Uint8Array>((resolve) => {
    answer = resolve
  })
  backend.answer = () => answered
  const queue = { num_consumers: 1, queue_size: 3 }
  const { exporter, ledger } = await exporting(t, backend, { sending_queue: queue })
  assert.equal(await exporter.consume(spans(1)), OK)
  await backend.arrived(1)
  assert.equal(await exporter.consume(spans(1)), OK)
  assert.equal(await exporter.consume(spans(1)), OK)
  const refused = await exporter.consume(spans(7))
  assert.deepEqual(refused, { kind: 'retryable', reason: 'sending queue is full' })
  assert.equal(ledger.notes.get('refused_queue_full'), 7)
  assert.equal(exporter.held?.(), 3)
  answer(new Uint8Array(0))
  await until(() => ledger.entry().used.sent === 3)
  assert.deepEqual(ledger.entry().lost, {})
})

test('with block_on_overflow a full queue makes the caller wait for room', async (t) => {
  const backend = await new Backend().listen()
  let answer = (_: Uint8Array) => {}
  const answered = new Promise<Uint8Array>((resolve) => {
    answer = resolve
  })
  backend.answer = () => answered
  const queue = { num_consumers: 1, queue_size: 2, block_on_overflow: true }
  const { exporter, ledger } = await exporting(t, backend, { sending_queue: queue })
  await exporter.consume(spans(1))
  await backend.arrived(1)
  await exporter.consume(spans(1))
  let taken = false
  const waiting = Promise.resolve(exporter.consume(spans(1))).then((outcome) => {
    taken = true
    return outcome
  })
  await new Promise((resolve) => setTimeout(resolve, 50))
  assert.equal(taken, false)
  answer(new Uint8Array(0))
  assert.equal(await waiting, OK)
  await until(() => ledger.entry().used.sent === 3)
})

test('without a queue the caller hears the outcome, and a loss is not booked here', async (t) => {
  const backend = await new Backend().listen()
  backend.answer = (n) =>
    n === 0 ? { code: status.INVALID_ARGUMENT, details: 'no' } : Uint8Array.of()
  const { exporter, ledger } = await exporting(t, backend, { sending_queue: { enabled: false } })
  assert.deepEqual(await exporter.consume(spans(1)), {
    kind: 'permanent',
    reason: 'not retryable error: INVALID_ARGUMENT: no',
    errorType: 'INVALID_ARGUMENT',
  })
  assert.deepEqual(await exporter.consume(spans(2)), OK)
  assert.deepEqual(ledger.entry(), { in: 0, out: 0, used: { sent: 2 }, lost: {}, held: 0 })
})

test('without retries one failure loses the batch, and says so', async (t) => {
  const backend = await new Backend().listen()
  backend.answer = () => ({ code: status.UNAVAILABLE })
  const { exporter, ledger } = await exporting(t, backend, { retry_on_failure: { enabled: false } })
  await exporter.consume(spans(6))
  await until(() => ledger.entry().lost.retries_exhausted === 6)
  assert.equal(backend.received.length, 1)
})

test('a connection that cannot be made is told by its cause', async (t) => {
  const [port = 0] = await freePorts(1)
  const { exporter } = await exporting(t, port, {
    sending_queue: { enabled: false },
    retry_on_failure: { enabled: false },
  })
  const { kind, reason } = (await exporter.consume(spans(1))) as Retryable
  assert.deepEqual(
    [kind, reason],
    ['retryable', `UNAVAILABLE: No connection established: connect ECONNREFUSED 127.0.0.1:${port}`],
  )
})

test('shutdown sends what waits, for room or for a retry, at once', async (t) => {
  const backend = await new Backend().listen()
  backend.answer = () => ({ code: status.UNAVAILABLE })
  const { exporter, ledger } = await exporting(t, backend, {
    retry_on_failure: { initial_interval: '1h', max_interval: '1h', max_elapsed_time: '0' },
    sending_queue: { num_consumers: 2 },
  })
  for (let i = 0; i < 5; i++) await exporter.consume(spans(1))
  await backend.arrived(2)
  await new Promise((resolve) => setTimeout(resolve, 50))
  backend.answer = () => new Uint8Array(0)
  await exporter.shutdown?.()
  assert.deepEqual(ledger.entry(), { in: 0, out: 0, used: { sent: 5 }, lost: {}, held: 0 })
  assert.equal((await exporter.consume(spans(1))).kind, 'retryable')
})

test('shutdown counts as lost what the backend refuses still', async (t) => {
  const backend = await new Backend().listen()
  backend.answer = () => ({ code: status.UNAVAILABLE })
  const { exporter, ledger } = await exporting(t, backend, { sending_queue: { num_consumers: 1 } })
  for (let i = 0; i < 5; i++) await exporter.consume(spans(2))
  await backend.arrived(1)
  await exporter.shutdown?.()
  assert.deepEqual(ledger.entry(), { in: 0, out: 0, used: {}, lost: { shutdown: 10 }, held: 0 })
})

test('shutdown ends at its deadline when the backend answers nothing', {
  timeout: 20_000,
}, async (t) => {
  const backend = await new Backend().listen()
  backend.answer = () => 'silence'
  const { exporter, ledger } = await exporting(t, backend, {
    timeout: '1h',
    sending_queue: { num_consumers: 1 },
  })
  for (let i = 0; i < 3; i++) await exporter.consume(spans(1))
  await backend.arrived(1)
  const started = performance.now()
  await exporter.shutdown?.()
  const took = performance.now() - started
  assert.ok(took > 4900 && took < 8000, `took ${took} ms`)
  assert.deepEqual(ledger.entry(), { in: 0, out: 0, used: {}, lost: { shutdown: 3 }, held: 0 })
})

test('shutdown is safe without start and safe twice', async () => {
  const exporter = otlpExporter('traces')(
    settingsOf(),
    schema.parse({ endpoint: 'localhost:1', ...PLAIN }),
  )
  await exporter.shutdown?.()
  await exporter.shutdown?.()
})
