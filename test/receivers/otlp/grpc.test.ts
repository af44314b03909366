import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { type TestContext, test } from 'node:test'
import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import type { Extension } from '../../../pipeline/component.ts'
import { OK, type Outcome, permanent, retryable } from '../../../pipeline/outcome.ts'
import { exportOtlp } from '../../kit/otlp_client.ts'
import { encode } from '../../proto/otlp.ts'
import { type Answer, type Asked, frame, METRICS, RawGrpc, TRACES } from './raw_grpc.ts'
import { type Options, type Receiving, receiving } from './receiving.ts'

const batch = encode('traces', {
  resourceSpans: [{ scopeSpans: [{ spans: [{ name: 'a' }, { name: 'b' }] }] }],
})
const { bytes } = batch
const MIB = 2 ** 20

async function grpc(t: TestContext, options: Options = {}) {
  const received = await receiving(t, { http: null, ...options })
  return { ...received, client: new RawGrpc(t, received.grpc) }
}

/** A request that is as long as it is to be. */
function spansOf(length: number): Uint8Array {
  const name = 'x'.repeat(length)
  return encode('traces', { resourceSpans: [{ scopeSpans: [{ spans: [{ name }] }] }] }).bytes
}

test('a call of grpc-js is taken byte for byte', async (t) => {
  const { grpc, sink, ledger } = await receiving(t, { http: null })
  assert.deepEqual(await exportOtlp(grpc, batch), {})
  const [taken] = sink.taken
  assert.deepEqual(Buffer.from(taken?.bytes ?? []), Buffer.from(bytes))
  assert.deepEqual([taken?.items, taken?.client], [2, { address: '127.0.0.1' }])
  assert.deepEqual([ledger.in, ledger.received.get('grpc')?.accepted], [2, 2])
})

test('a success is an empty message, and OK in the trailers', async (t) => {
  const { client, sink } = await grpc(t)
  const answer = await client.call({ body: [frame(bytes)] })
  assert.deepEqual([answer.http, answer.code, answer.message], [200, 0, ''])
  assert.deepEqual(answer.body, frame(Buffer.alloc(0)))
  assert.equal(sink.taken.length, 1)
})

test('a message may come in pieces of any size, and in every encoding', async (t) => {
  const { client, sink } = await grpc(t)
  const whole = frame(bytes)
  const single = Array.from(whole, (byte) => Buffer.of(byte))
  assert.equal((await client.call({ body: single })).code, 0)
  const encodings = { gzip: gzipSync, deflate: deflateSync, zstd: zstdCompressSync }
  for (const [encoding, compress] of Object.entries(encodings)) {
    const headers = { 'grpc-encoding': encoding }
    const body = [frame(compress(bytes), { flag: 1 })]
    assert.equal((await client.call({ headers, body })).code, 0, encoding)
    // With an encoding a message may still be plain.
    assert.equal((await client.call({ headers, body: [whole] })).code, 0, encoding)
  }
  const headers = { 'grpc-encoding': 'identity' }
  assert.equal((await client.call({ headers, body: [whole] })).code, 0)
  assert.equal(sink.taken.length, 8)
  for (const taken of sink.taken) assert.deepEqual(Buffer.from(taken.bytes), Buffer.from(bytes))
})

test('an empty request succeeds, and the pipeline is not asked', async (t) => {
  const { client, sink } = await grpc(t)
  assert.equal((await client.call({ body: [frame(new Uint8Array(0))] })).code, 0)
  assert.equal(sink.taken.length, 0)
})

const GZIP = { 'grpc-encoding': 'gzip' }
const wrong: [what: string, asked: Asked, expected: Partial<Answer>][] = [
  [
    'another content type',
    { headers: { 'content-type': 'text/plain' } },
    { http: 415, code: 3, message: 'invalid gRPC request content-type "text/plain"' },
  ],
  [
    'another method',
    { headers: { ':method': 'PUT' } },
    {
      http: 405,
      code: 13,
      message: 'Received a HEADERS frame with :method "PUT" which should be POST',
    },
  ],
  [
    'a malformed timeout',
    { headers: { 'grpc-timeout': '1w' } },
    { http: 400, code: 13, message: 'malformed grpc-timeout: 1w' },
  ],
  [
    'an unknown service',
    { headers: { ':path': '/a.Service/Export' } },
    { http: 200, code: 12, message: 'unknown service a.Service' },
  ],
  [
    'an unknown method',
    { headers: { ':path': TRACES.replace('Export', 'Import') } },
    {
      code: 12,
      message:
        'unknown method Import for service ' +
        'opentelemetry.proto.collector.trace.v1.TraceService',
    },
  ],
  [
    'a path that is no method',
    { headers: { ':path': '/v1/traces/x' } },
    { code: 12, message: 'malformed method name: "/v1/traces/x"' },
  ],
  [
    'an unknown encoding',
    { headers: { 'grpc-encoding': 'snappy' } },
    { code: 12, message: 'grpc: Decompressor is not installed for grpc-encoding "snappy"' },
  ],
  ['no message', {}, { code: 13, message: 'grpc: received no message in a unary call' }],
  ['half a prefix', { body: [Buffer.of(0, 0)] }, { code: 13, message: 'unexpected EOF' }],
  [
    'half a message',
    { body: [frame(bytes, { length: bytes.length + 1 })] },
    { code: 13, message: 'unexpected EOF' },
  ],
  [
    'two messages',
    { body: [frame(bytes), frame(bytes)] },
    { code: 13, message: 'grpc: received more than one message in a unary call' },
  ],
  [
    'compressed, but not said how',
    { body: [frame(bytes, { flag: 1 })] },
    { code: 13, message: 'grpc: compressed flag set with identity or empty encoding' },
  ],
  [
    'a flag of the future',
    { body: [frame(bytes, { flag: 2 })] },
    { code: 13, message: 'grpc: received unexpected payload format 2' },
  ],
  [
    'what is not gzip',
    { headers: GZIP, body: [frame(bytes, { flag: 1 })] },
    {
      code: 13,
      message: 'grpc: failed to decompress the received message: incorrect header check',
    },
  ],
  [
    'a length beyond the limit, before the message comes',
    { body: [frame(Buffer.alloc(0), { length: 4 * MIB + 1 })], open: true },
    { code: 8, message: 'grpc: received message larger than max (4194305 vs. 4194304)' },
  ],
  [
    'what unfolds beyond the limit',
    { headers: GZIP, body: [frame(gzipSync(Buffer.alloc(64 * MIB)), { flag: 1 })] },
    { code: 8, message: 'grpc: received message after decompression larger than max 4194304' },
  ],
  [
    'what is not a request',
    { body: [frame(Buffer.of(0x0a, 0x05, 0x00))] },
    {
      code: 13,
      message: 'grpc: error unmarshalling request: length reaches beyond the message at byte 0',
    },
  ],
]

test('what is wrong is answered in words of grpc-go, and the connection lives on', async (t) => {
  const { client, sink, ledger } = await grpc(t)
  for (const [what, asked, expected] of wrong) {
    const answer = await client.call(asked)
    for (const [key, value] of Object.entries(expected)) {
      assert.deepEqual(answer[key as keyof Answer], value, `${what}: ${key}`)
    }
    assert.equal(answer.body.length, 0, what)
  }
  assert.equal((await client.call({ body: [frame(bytes)] })).code, 0)
  assert.equal(sink.taken.length, 1)
  assert.equal(ledger.notes.get('malformed_requests{grpc}'), 1)
  assert.equal(ledger.requests.get('grpc')?.failure, 1)
})

test('an unknown encoding is answered with those that are known', async (t) => {
  const { client } = await grpc(t)
  const { headers } = await client.call({ headers: { 'grpc-encoding': 'lz4' } })
  assert.equal(headers['grpc-accept-encoding'], 'identity,gzip,deflate,zstd')
})

test('a signal without a pipeline is unimplemented', async (t) => {
  const { client } = await grpc(t, { signals: ['traces'] })
  const { code, message } = await client.call({ headers: { ':path': METRICS } })
  assert.equal(code, 12)
  assert.match(message, /unknown service .*MetricsService/)
})

test('what the pipeline answers becomes a status, with RetryInfo where the time is known', async (t) => {
  const { client, sink, ledger } = await grpc(t)
  const call = () => client.call({ body: [frame(bytes)] })
  sink.answer = () => retryable('sending queue is full')
  const later = await call()
  assert.deepEqual([later.code, later.message], [14, 'sending queue is full'])
  assert.equal(later.retryAfterMs, undefined)
  sink.answer = async () => retryable('100 % voll – später', 1500)
  const known = await call()
  assert.deepEqual([known.code, known.message], [14, '100 % voll – später'])
  assert.equal(known.headers['grpc-message'], '100 %25 voll %E2%80%93 sp%C3%A4ter')
  assert.equal(known.retryAfterMs, 1500)
  sink.answer = () => permanent('not for us')
  const never = await call()
  assert.deepEqual([never.code, never.message], [13, 'not for us'])
  assert.deepEqual(ledger.received.get('grpc'), { accepted: 0, refused: 6, failed: 0 })
  assert.equal(ledger.in, 0)
})

test('who is refused is answered before the message comes', async (t) => {
  const { client, sink, ledger } = await grpc(t)
  sink.refused = retryable('data refused due to high memory usage', 2000)
  const answer = await client.call({ open: true, body: [frame(bytes).subarray(0, 3)] })
  assert.deepEqual([answer.code, answer.message], [14, 'data refused due to high memory usage'])
  assert.equal(answer.retryAfterMs, 2000)
  assert.equal(ledger.notes.get('refused_requests_unread{grpc}'), 1)
  assert.equal(ledger.requests.get('grpc')?.refused, 1)
  sink.refused = undefined
  assert.equal((await client.call({ body: [frame(bytes)] })).code, 0)
})

test('the answer waits for the pipeline, and what is held meanwhile has a bound', async (t) => {
  const { client, sink, ledger } = await grpc(t, { more: { max_in_flight_size_mib: 1 } })
  const { promise, resolve } = Promise.withResolvers<Outcome>()
  sink.answer = () => promise
  const body = [frame(spansOf(400_000))]
  const held = [client.call({ body }), client.call({ body })]
  while (sink.taken.length < 2) await new Promise((r) => setTimeout(r, 5))
  const refused = await client.call({ body })
  assert.deepEqual(
    [refused.code, refused.message, refused.retryAfterMs],
    [14, 'more than 1 MiB of requests are in flight', 1000],
  )
  assert.equal(ledger.notes.get('refused_requests_in_flight{grpc}'), 1)
  resolve(retryable('later'))
  for (const answer of await Promise.all(held)) assert.equal(answer.message, 'later')
  // What they held is free again.
  sink.answer = () => OK
  assert.equal((await client.call({ body })).code, 0)
})

test('a client that gives up leaves nothing held', async (t) => {
  const { client, sink } = await grpc(t, { more: { max_in_flight_size_mib: 1 } })
  for (let i = 0; i < 5; i++) {
    const stream = client.session.request({
      ':method': 'POST',
      ':path': TRACES,
      'content-type': 'application/grpc',
    })
    stream.on('error', () => {})
    stream.write(frame(spansOf(400_000)).subarray(0, 390_000))
    await new Promise((r) => setTimeout(r, 20))
    stream.close(8)
    await once(stream, 'close')
  }
  assert.equal((await client.call({ body: [frame(spansOf(900_000))] })).code, 0)
  assert.equal(sink.taken.length, 1)
})

test('grpc-timeout ends a call whose message does not come, and one that is not answered', async (t) => {
  const { client, sink } = await grpc(t)
  const headers = { 'grpc-timeout': '50m' }
  const unsent = await client.call({ headers, open: true })
  assert.deepEqual([unsent.code, unsent.message], [4, 'context deadline exceeded'])
  const { promise, resolve } = Promise.withResolvers<Outcome>()
  sink.answer = () => promise
  const unanswered = await client.call({ headers, body: [frame(bytes)] })
  assert.equal(unanswered.code, 4)
  resolve(OK)
})

test('headers go with the data when include_metadata says so', async (t) => {
  const { client, sink } = await grpc(t, { grpc: { include_metadata: true } })
  await client.call({ headers: { 'x-tenant': 'a' }, body: [frame(bytes)] })
  const { metadata = {} } = sink.taken[0]?.client ?? {}
  assert.deepEqual(metadata['x-tenant'], ['a'])
  assert.deepEqual(metadata['content-type'], ['application/grpc'])
  assert.ok(metadata.host?.[0]?.startsWith('127.0.0.1:'))
  assert.equal(metadata[':path'], undefined)
})

test('an authenticator judges the headers before the message comes', async (t) => {
  const authenticate = async (headers: Readonly<Record<string, unknown>>) =>
    headers.authorization === 'Bearer secret' ? undefined : 'missing or wrong token'
  const extensions = { bearer: { authenticate } as Extension }
  const { client, sink } = await grpc(t, {
    extensions,
    grpc: { auth: { authenticator: 'bearer' } },
  })
  const refused = await client.call({ open: true })
  assert.deepEqual([refused.code, refused.message], [16, 'missing or wrong token'])
  const headers = { authorization: 'Bearer secret' }
  assert.equal((await client.call({ headers, body: [frame(bytes)] })).code, 0)
  assert.equal(sink.taken.length, 1)
})

test('an authenticator that does not run ends the start with its option', async (t) => {
  await assert.rejects(
    receiving(t, { http: null, grpc: { auth: { authenticator: 'nobody' } } }),
    /receivers::otlp::protocols::grpc::auth::authenticator: extension "nobody" is not running/,
  )
})

function goaway(received: Receiving & { client: RawGrpc }): Promise<unknown[]> {
  return once(received.client.session, 'goaway')
}

test('who pings too often is disconnected', async (t) => {
  const received = await grpc(t)
  const { session } = received.client
  await received.client.call({ body: [frame(bytes)] })
  const gone = goaway(received)
  for (let i = 0; i < 5; i++) session.ping(() => {})
  const [code, , data] = await gone
  assert.deepEqual([code, String(data)], [11, 'too_many_pings'])
})

test('who pings as often as is allowed is not', async (t) => {
  const policy = { enforcement_policy: { min_time: '1ms', permit_without_stream: true } }
  const { client } = await grpc(t, { grpc: { keepalive: policy } })
  for (let i = 0; i < 6; i++) {
    await new Promise((resolve) => client.session.ping(resolve))
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  assert.equal((await client.call({ body: [frame(bytes)] })).code, 0)
})

test('a connection ends by its age, and when it is idle', async (t) => {
  for (const limit of [{ max_connection_age: '100ms' }, { max_connection_idle: '100ms' }]) {
    const received = await grpc(t, { grpc: { keepalive: { server_parameters: limit } } })
    const gone = goaway(received)
    assert.equal((await received.client.call({ body: [frame(bytes)] })).code, 0)
    assert.deepEqual((await gone)[0], 0)
  }
})

test('a client that does not answer pings is let go', async (t) => {
  const parameters = { server_parameters: { time: '50ms', timeout: '100ms' } }
  const { grpc } = await receiving(t, { http: null, grpc: { keepalive: parameters } })
  const socket = connect(Number(grpc.split(':')[1]), '127.0.0.1')
  t.after(() => socket.destroy())
  const closed = once(socket, 'close')
  socket.resume()
  // The preface and empty settings, and nothing else ever.
  socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
  socket.write(Buffer.of(0, 0, 0, 4, 0, 0, 0, 0, 0))
  await closed
})
