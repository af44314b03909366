import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import protobuf from 'protobufjs'
import type { Extension } from '../../../pipeline/component.ts'
import { readRetryDelayMs } from '../../../pipeline/exporter/grpc_status.ts'
import { OK, type Outcome, permanent, retryable } from '../../../pipeline/outcome.ts'
import { decode, encode } from '../../proto/otlp.ts'
import { type Options, type Receiving, receiving } from './receiving.ts'

const PROTOBUF = { 'content-type': 'application/x-protobuf' }
const JSON_TYPE = { 'content-type': 'application/json' }
const { bytes } = encode('traces', {
  resourceSpans: [{ scopeSpans: [{ spans: [{ name: 'a' }, { name: 'b' }] }] }],
})
const MIB = 2 ** 20

function http(t: TestContext, options: Options = {}): Promise<Receiving> {
  return receiving(t, { grpc: null, ...options })
}

interface Asked {
  readonly method?: string
  readonly path?: string
  readonly headers?: Record<string, string>
  readonly body?: Uint8Array | string
}

function post(base: string, asked: Asked = {}): Promise<Response> {
  const { method = 'POST', path = '/v1/traces', headers = PROTOBUF, body } = asked
  return fetch(base + path, { method, headers, ...(body !== undefined && { body }) })
}

/** `google.rpc.Status { int32 code = 1; string message = 2; … }` */
async function statusIn(response: Response): Promise<{ code: number; message: string }> {
  const body = new Uint8Array(await response.arrayBuffer())
  if (response.headers.get('content-type') === 'application/json') {
    return JSON.parse(Buffer.from(body).toString())
  }
  const reader = protobuf.Reader.create(body)
  const status = { code: 0, message: '' }
  while (reader.pos < reader.len) {
    const tag = reader.uint32()
    if (tag === 8) status.code = reader.int32()
    else if (tag === 18) status.message = reader.string()
    else reader.skipType(tag & 7, 0)
  }
  return status
}

async function socketTo(t: TestContext, base: string): Promise<Socket> {
  const socket = connect(Number(new URL(base).port), '127.0.0.1')
  t.after(() => socket.destroy())
  await once(socket, 'connect')
  return socket
}

test('a request in protobuf is taken byte for byte', async (t) => {
  const { http: base, sink, ledger } = await http(t)
  const response = await post(base, { body: bytes })
  assert.equal(response.status, 200)
  assert.equal(response.headers.get('content-type'), 'application/x-protobuf')
  assert.equal((await response.arrayBuffer()).byteLength, 0)
  const [batch] = sink.taken
  assert.deepEqual(Buffer.from(batch?.bytes ?? []), Buffer.from(bytes))
  assert.deepEqual([batch?.items, batch?.client], [2, { address: '127.0.0.1' }])
  assert.equal(ledger.in, 2)
  assert.deepEqual(ledger.received.get('http'), { accepted: 2, refused: 0, failed: 0 })
})

test('JSON becomes wire bytes, whatever the charset parameter', async (t) => {
  const { http: base, sink } = await http(t)
  const body = '{"resource_logs":[{"scopeLogs":[{"logRecords":[{"severityText":"ü"}]}]}]}'
  const headers = { 'content-type': 'Application/JSON; charset=utf-8' }
  const response = await post(base, { path: '/v1/logs?a=b', headers, body })
  assert.equal(response.status, 200)
  assert.equal(response.headers.get('content-type'), 'application/json')
  assert.equal(await response.text(), '{}')
  const [batch] = sink.taken
  assert.ok(batch)
  assert.deepEqual(decode(batch), {
    resourceLogs: [{ scopeLogs: [{ logRecords: [{ severityText: 'ü' }] }] }],
  })
  assert.deepEqual([batch.signal, batch.items], ['logs', 1])
})

test('every encoding that is named in compression_algorithms is undone', async (t) => {
  const { http: base, sink } = await http(t)
  const encodings: [string, Uint8Array][] = [
    ['gzip', gzipSync(bytes)],
    ['zstd', zstdCompressSync(bytes)],
    ['zlib', deflateSync(bytes)],
    ['deflate', deflateSync(bytes)],
    ['identity', bytes],
  ]
  for (const [encoding, body] of encodings) {
    const headers = { ...PROTOBUF, 'content-encoding': encoding }
    assert.equal((await post(base, { headers, body })).status, 200, encoding)
  }
  for (const { bytes: taken } of sink.taken)
    assert.deepEqual(Buffer.from(taken), Buffer.from(bytes))
  assert.equal(sink.taken.length, encodings.length)
})

test('an empty request succeeds, and the pipeline is not asked', async (t) => {
  const { http: base, sink } = await http(t)
  assert.equal((await post(base)).status, 200)
  assert.equal((await post(base, { headers: JSON_TYPE, body: '{}' })).status, 200)
  assert.equal(sink.taken.length, 0)
})

const gzipped = { ...PROTOBUF, 'content-encoding': 'gzip' }
const wrong: [what: string, asked: Asked, status: number, text: RegExp | string][] = [
  ['GET', { method: 'GET' }, 405, '405 method not allowed, supported: [POST]'],
  ['OPTIONS', { method: 'OPTIONS' }, 405, '405 method not allowed, supported: [POST]'],
  [
    'another content type',
    { headers: { 'content-type': 'text/plain' }, body: 'x' },
    415,
    '415 unsupported media type, supported: [application/json, application/x-protobuf]',
  ],
  [
    'no content type',
    { headers: {}, body: bytes },
    415,
    '415 unsupported media type, supported: [application/json, application/x-protobuf]',
  ],
  ['another path', { path: '/v1/profiles', body: bytes }, 404, '404 page not found'],
  ['what is no request', { body: Uint8Array.of(10, 5, 0) }, 400, /length reaches beyond/],
  ['what is no JSON', { headers: JSON_TYPE, body: '{' }, 400, /a key is expected at byte 1/],
  ['no JSON at all', { headers: JSON_TYPE }, 400, /ends too early/],
  ['what is not gzip', { headers: gzipped, body: bytes }, 400, /gzip: incorrect header check/],
  [
    'an encoding that is not known',
    { headers: { ...JSON_TYPE, 'content-encoding': 'snappy' }, body: 'x' },
    415,
    /unsupported Content-Encoding: snappy, supported: \[gzip, zstd, zlib, deflate\]/,
  ],
  ['what is too large', { body: new Uint8Array(MIB + 1) }, 400, 'http: request body too large'],
  [
    'what unfolds to too much',
    { headers: gzipped, body: gzipSync(Buffer.alloc(32 * MIB)) },
    400,
    'http: request body too large',
  ],
]

test('what is wrong is answered as the Collector answers it', async (t) => {
  const { http: base, sink } = await http(t, { http: { max_request_body_size: MIB } })
  for (const [what, asked, status, text] of wrong) {
    const response = await post(base, asked)
    assert.equal(response.status, status, what)
    const type = response.headers.get('content-type')
    const message =
      type === 'text/plain' ? await response.text() : (await statusIn(response)).message
    if (typeof text === 'string') assert.equal(message, text, what)
    else assert.match(message, text, what)
    if (typeof text === 'string' && /^\d/.test(text)) assert.equal(type, 'text/plain', what)
    else assert.equal(type, (asked.headers ?? PROTOBUF)['content-type'], what)
  }
  assert.equal(sink.taken.length, 0)
  assert.equal((await post(base, { body: bytes })).status, 200)
})

test('a chunked body that has no end in sight is refused at the limit', async (t) => {
  const { http: base } = await http(t, { http: { max_request_body_size: 1000 } })
  const request = httpRequest(`${base}/v1/traces`, { method: 'POST', headers: PROTOBUF })
  request.on('error', () => {})
  const answered = once(request, 'response')
  request.write(Buffer.alloc(2000))
  const [response] = (await answered) as [IncomingMessage]
  assert.equal(response.statusCode, 400)
  request.destroy()
})

test('a signal without a pipeline is not found', async (t) => {
  const { http: base } = await http(t, { signals: ['traces'] })
  assert.equal((await post(base, { path: '/v1/metrics', body: bytes })).status, 404)
})

test('paths are what the configuration says', async (t) => {
  const { http: base } = await http(t, { http: { traces_url_path: 'in/traces' } })
  assert.equal((await post(base, { path: '/in/traces', body: bytes })).status, 200)
  assert.equal((await post(base, { body: bytes })).status, 404)
})

test('what the pipeline answers becomes a status, with Retry-After where the time is known', async (t) => {
  const { http: base, sink, ledger } = await http(t)
  const json = '{"resourceSpans":[{"scopeSpans":[{"spans":[{}]}]}]}'
  const outcomes: [Outcome, status: number, code: number, after: string | null][] = [
    [retryable('full'), 503, 14, null],
    [retryable('full', 1500), 503, 14, '2'],
    [permanent('never'), 500, 13, null],
  ]
  for (const [outcome, status, code, after] of outcomes) {
    for (const later of [false, true]) {
      sink.answer = () => (later ? Promise.resolve(outcome) : outcome)
      for (const [headers, body] of [
        [PROTOBUF, bytes],
        [JSON_TYPE, json],
      ] as const) {
        const response = await post(base, { headers, body })
        assert.equal(response.status, status)
        assert.equal(response.headers.get('retry-after'), after)
        const { reason } = outcome as { reason: string }
        const said = await statusIn(response)
        assert.deepEqual([said.code, said.message], [code, reason])
      }
    }
  }
  assert.equal(ledger.received.get('http')?.refused, 6 * 2 + 6)
})

test('RetryInfo is in the details, in protobuf and in JSON', async (t) => {
  const { http: base, sink } = await http(t)
  sink.refused = retryable('later', 2500)
  const protobufBody = await (await post(base, { body: bytes })).arrayBuffer()
  assert.equal(readRetryDelayMs(new Uint8Array(protobufBody)), 2500)
  assert.deepEqual(await (await post(base, { headers: JSON_TYPE, body: '{}' })).json(), {
    code: 14,
    message: 'later',
    details: [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '2.5s' }],
  })
})

test('who is refused is answered before the body comes, and the connection stays in step', async (t) => {
  const { http: base, sink, ledger } = await http(t)
  sink.refused = retryable('data refused due to high memory usage')
  const socket = await socketTo(t, base)
  const head = `POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\n`
  socket.write(`${head}content-length: ${bytes.length}\r\n\r\n`)
  const [first] = (await once(socket, 'data')) as [Buffer]
  assert.match(first.toString(), /^HTTP\/1\.1 503 /)
  sink.refused = undefined
  socket.write(bytes)
  socket.write(`${head}content-length: ${bytes.length}\r\n\r\n`)
  socket.write(bytes)
  const [second] = (await once(socket, 'data')) as [Buffer]
  assert.match(second.toString(), /^HTTP\/1\.1 200 /)
  assert.equal(sink.taken.length, 1)
  assert.equal(ledger.notes.get('refused_requests_unread{http}'), 1)
  assert.deepEqual(ledger.requests.get('http'), { success: 1, refused: 1, failure: 0 })
})

test('who asks for leave to send a body gets it, or the answer', async (t) => {
  const { http: base, sink } = await http(t)
  const ask = async () => {
    const headers = { ...PROTOBUF, expect: '100-continue' }
    const request = httpRequest(`${base}/v1/traces`, { method: 'POST', headers })
    let asked = false
    request.once('continue', () => {
      asked = true
      request.end(bytes)
    })
    request.flushHeaders()
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    response.resume()
    request.destroy()
    return [response.statusCode, asked]
  }
  assert.deepEqual(await ask(), [200, true])
  sink.refused = retryable('later')
  assert.deepEqual(await ask(), [503, false])
})

test('the answer waits for the pipeline, and what is held meanwhile has a bound', async (t) => {
  const { http: base, sink, ledger } = await http(t, { more: { max_in_flight_size_mib: 1 } })
  const { promise, resolve } = Promise.withResolvers<Outcome>()
  sink.answer = () => promise
  const name = 'x'.repeat(400_000)
  const large = encode('traces', { resourceSpans: [{ scopeSpans: [{ spans: [{ name }] }] }] })
  const body = large.bytes
  const held = [post(base, { body }), post(base, { body })]
  while (sink.taken.length < 2) await new Promise((r) => setTimeout(r, 5))
  const refused = await post(base, { body })
  assert.deepEqual([refused.status, refused.headers.get('retry-after')], [503, '1'])
  assert.equal(ledger.notes.get('refused_requests_in_flight{http}'), 1)
  resolve(OK)
  for (const answer of await Promise.all(held)) assert.equal(answer.status, 200)
  assert.equal((await post(base, { body })).status, 200)
})

test('an authenticator judges headers and named parameters before the body is read', async (t) => {
  const authenticate = (headers: Readonly<Record<string, unknown>>) =>
    headers.authorization === 'Bearer secret' || String(headers.key) === 'secret'
      ? undefined
      : 'missing or wrong token'
  const { http: base, sink } = await http(t, {
    extensions: { bearer: { authenticate } as Extension },
    http: { auth: { authenticator: 'bearer', request_params: ['key'] } },
  })
  const refused = await post(base, { body: bytes })
  assert.equal(refused.status, 401)
  assert.deepEqual(await statusIn(refused), { code: 16, message: 'missing or wrong token' })
  // Nothing is told to who may not ask: not even which paths there are.
  assert.equal((await post(base, { path: '/nowhere' })).status, 401)
  const headers = { ...PROTOBUF, authorization: 'Bearer secret' }
  assert.equal((await post(base, { headers, body: bytes })).status, 200)
  assert.equal((await post(base, { path: '/v1/traces?key=secret', body: bytes })).status, 200)
  assert.equal(sink.taken.length, 2)
})

test('headers go with the data when include_metadata says so', async (t) => {
  const { http: base, sink } = await http(t, { http: { include_metadata: true } })
  await post(base, { headers: { ...PROTOBUF, 'X-Tenant': 'a' }, body: bytes })
  assert.deepEqual(sink.taken[0]?.client?.metadata?.['x-tenant'], ['a'])
  assert.deepEqual(sink.taken[0]?.client?.metadata?.host, [new URL(base).host])
})

test('browsers of allowed origins may send, others may not', async (t) => {
  const cors = { allowed_origins: ['https://*.shop.test'], allowed_headers: ['X-A'], max_age: 60 }
  const { http: base } = await http(t, { http: { cors } })
  const origin = 'https://www.shop.test'
  const preflight = (headers: Record<string, string>) =>
    post(base, {
      method: 'OPTIONS',
      headers: { 'access-control-request-method': 'POST', ...headers },
    })
  const allowed = await preflight({ origin, 'access-control-request-headers': 'x-a,content-type' })
  assert.equal(allowed.status, 204)
  const header = (response: Response, name: string) =>
    response.headers.get(`access-control-${name}`)
  assert.equal(header(allowed, 'allow-origin'), origin)
  assert.equal(header(allowed, 'allow-methods'), 'POST')
  assert.equal(header(allowed, 'allow-headers'), 'x-a,content-type')
  assert.equal(header(allowed, 'max-age'), '60')
  const others = [
    { origin: 'https://evil.test' },
    { origin: 'https://www.shop.test.evil.test' },
    { origin, 'access-control-request-headers': 'x-b' },
  ]
  for (const headers of others) {
    assert.equal(header(await preflight(headers), 'allow-origin'), null, JSON.stringify(headers))
  }
  const sent = await post(base, { headers: { ...PROTOBUF, origin }, body: bytes })
  assert.equal(header(sent, 'allow-origin'), origin)
  const other = await post(base, { headers: { ...PROTOBUF, origin: 'https://evil.test' } })
  assert.equal(header(other, 'allow-origin'), null)
})

test('response_headers are in every answer, whichever way they are written', async (t) => {
  for (const response_headers of [{ 'X-A': 'b' }, [{ name: 'X-A', value: 'b' }]]) {
    const { http: base } = await http(t, { http: { response_headers } })
    assert.equal((await post(base, { body: bytes })).headers.get('x-a'), 'b')
    assert.equal((await post(base, { method: 'GET' })).headers.get('x-a'), 'b')
  }
})

test('who sends a head, or a body, too slowly is disconnected', async (t) => {
  const limits = { read_header_timeout: '200ms', read_timeout: '400ms' }
  const { http: base } = await http(t, { http: limits })
  const head = 'POST /v1/traces HTTP/1.1\r\ncontent-type: application/x-protobuf\r\n'
  for (const text of [head, `${head}content-length: 100\r\n\r\nabc`]) {
    const socket = await socketTo(t, base)
    const closed = once(socket, 'close')
    const chunks: Buffer[] = []
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    socket.write(text)
    await closed
    assert.match(Buffer.concat(chunks).toString(), /^HTTP\/1\.1 408 /)
  }
})

test('a head that is too large is refused', async (t) => {
  const { http: base } = await http(t)
  const socket = await socketTo(t, base)
  const closed = once(socket, 'close')
  const answered = once(socket, 'data')
  socket.on('error', () => {})
  socket.write(`POST /v1/traces HTTP/1.1\r\nx: ${'a'.repeat(40_000)}\r\n\r\n`)
  assert.match(String((await answered)[0]), /^HTTP\/1\.1 431 /)
  await closed
})

test('a connection serves one request after another, unless keep-alive is off', async (t) => {
  for (const enabled of [true, false]) {
    const { http: base } = await http(t, { http: { keepalive: { enabled } } })
    const { headers } = await post(base, { body: bytes })
    assert.equal(headers.get('connection'), enabled ? 'keep-alive' : 'close')
  }
})
