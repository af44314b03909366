import assert from 'node:assert/strict'
import { copyFileSync, readFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import protobuf from 'protobufjs'
import { schema } from '../../../exporters/otlp_http/config.ts'
import { otlpHttpExporter } from '../../../exporters/otlp_http/otlp_http_exporter.ts'
import type { ClientAuthenticator } from '../../../pipeline/auth.ts'
import type { Extension, Settings } from '../../../pipeline/component.ts'
import { OK } from '../../../pipeline/outcome.ts'
import { hostOf, type TestHost } from '../../pipeline/surroundings.ts'
import { decode, responseType } from '../../proto/otlp.ts'
import { certificate, FAST_RETRY, running, spans, until } from '../sending.ts'
import { HttpBackend } from './backend.ts'

async function exporting(
  t: TestContext,
  backend: HttpBackend,
  options: Record<string, unknown> = {},
  over: Partial<Settings> & { host?: TestHost } = {},
) {
  const endpoint = `http://127.0.0.1:${backend.port}`
  const config = schema.parse({ endpoint, ...options })
  t.after(() => backend.close())
  return await running(t, (settings) => otlpHttpExporter('traces')(settings, config), over)
}

const DIRECT = { sending_queue: { enabled: false }, retry_on_failure: { enabled: false } }
const PROTO = { 'content-type': 'application/x-protobuf' }
const JSON_TYPE = { 'content-type': 'application/json; charset=utf-8' }

test('a batch arrives byte for byte, compressed, with headers and user agent', async (t) => {
  const backend = await new HttpBackend().listen()
  const headers = { 'X-Tenant': 'a', 'User-Agent': 'mine' }
  const { exporter, ledger } = await exporting(t, backend, { headers })
  const batch = spans(50)
  assert.equal(await exporter.consume(batch), OK)
  await until(() => ledger.entry().used.sent === 50)
  const [request] = backend.received
  assert.equal(request?.path, '/v1/traces')
  assert.ok(request.body.equals(batch.bytes))
  assert.ok(request.raw.length < batch.bytes.length)
  assert.equal(request.headers['content-encoding'], 'gzip')
  assert.equal(request.headers['content-type'], 'application/x-protobuf')
  assert.equal(request.headers['x-tenant'], 'a')
  assert.equal(request.headers['user-agent'], 'mine')
  assert.equal(request.headers['content-length'], String(request.raw.length))
})

test('every compression can be read back, and none is none', async (t) => {
  for (const [compression, encoding] of [
    ['gzip', 'gzip'],
    ['zstd', 'zstd'],
    ['zlib', 'zlib'],
    ['deflate', 'deflate'],
    ['none', undefined],
    ['', undefined],
  ]) {
    const backend = await new HttpBackend().listen()
    const level = encoding === undefined ? 0 : 3
    const { exporter } = await exporting(t, backend, {
      ...DIRECT,
      compression,
      compression_params: { level },
    })
    const batch = spans(20)
    assert.equal(await exporter.consume(batch), OK)
    assert.equal(backend.received[0]?.headers['content-encoding'], encoding)
    assert.ok(backend.received[0]?.body.equals(batch.bytes), String(compression))
    assert.match(String(backend.received[0]?.headers['user-agent']), /^flowspan\/1\.2\.3 \(linux\//)
  }
})

test('encoding json sends OTLP/JSON', async (t) => {
  const backend = await new HttpBackend().listen()
  const { exporter } = await exporting(t, backend, { ...DIRECT, encoding: 'json' })
  const batch = spans(2)
  assert.equal(await exporter.consume(batch), OK)
  assert.equal(backend.received[0]?.headers['content-type'], 'application/json')
  const sent = JSON.parse(String(backend.received[0]?.body))
  assert.deepEqual(sent, decode(batch))
})

test('connections are kept, and one that the server closed meanwhile costs no attempt', async (t) => {
  const backend = await new HttpBackend().listen()
  const { exporter, ledger } = await exporting(t, backend, DIRECT)
  for (let i = 0; i < 3; i++) assert.equal(await exporter.consume(spans(1)), OK)
  assert.deepEqual(
    backend.received.map(({ connection }) => connection),
    [0, 0, 0],
  )
  // Reset when the next request is on its way into it: the server has not seen that one.
  let resets = 0
  backend.answer = (n, response) => {
    if (n !== 3) return {}
    resets++
    response.socket?.resetAndDestroy()
    return 'silence'
  }
  assert.equal(await exporter.consume(spans(1)), OK)
  assert.equal(resets, 1)
  assert.equal(ledger.entry().used.sent, 4)
})

test('each status is tried again or not, as the OTLP specification says', async (t) => {
  const backend = await new HttpBackend().listen()
  const { exporter } = await exporting(t, backend, DIRECT)
  const retried = [429, 502, 503, 504]
  for (const status of [301, 307, 400, 401, 403, 404, 408, 413, 429, 500, 501, 502, 503, 504]) {
    backend.answer = () => ({ status, headers: { location: '/elsewhere' } })
    const outcome = await exporter.consume(spans(1))
    const kind = retried.includes(status) ? 'retryable' : 'permanent'
    assert.deepEqual(outcome, {
      kind,
      reason:
        `error exporting items, request to http://127.0.0.1:${backend.port}/v1/traces ` +
        `responded with HTTP Status Code ${status}`,
      errorType: String(status),
    })
  }
  assert.equal(backend.received.length, 14, 'redirects are not followed')
})

test('Retry-After counts on 429 and 503, in seconds and as a date, and not when malformed', async (t) => {
  const backend = await new HttpBackend().listen()
  const { exporter } = await exporting(t, backend, DIRECT)
  const inAMinute = new Date(Date.now() + 60_000).toUTCString()
  for (const [status, value, min, max] of [
    [429, '7', 7000, 7000],
    [503, '0', 0, 0],
    [503, inAMinute, 55_000, 60_000],
    [503, 'soon', undefined, undefined],
    [429, '-3', undefined, undefined],
    [429, '1.5', undefined, undefined],
    [503, new Date(0).toUTCString(), undefined, undefined],
    [502, '7', undefined, undefined],
  ] as const) {
    backend.answer = () => ({ status, headers: { 'retry-after': value } })
    const outcome = await exporter.consume(spans(1))
    assert.equal(outcome.kind, 'retryable')
    const { afterMs } = outcome as { afterMs?: number }
    if (min === undefined) assert.equal(afterMs, undefined, `${status} ${value}`)
    else
      assert.ok(afterMs !== undefined && afterMs >= min && afterMs <= max, `${value}: ${afterMs}`)
  }
})

test('a throttled request is tried again, not before the delay', async (t) => {
  const backend = await new HttpBackend().listen()
  const times: number[] = []
  backend.answer = (n) => {
    times.push(performance.now())
    return n === 0 ? { status: 429, headers: { 'retry-after': '1' } } : {}
  }
  const { exporter, ledger } = await exporting(t, backend, { retry_on_failure: FAST_RETRY })
  await exporter.consume(spans(2))
  await until(() => ledger.entry().used.sent === 2)
  assert.ok((times[1] as number) - (times[0] as number) >= 990)
})

/** A google.rpc.Status. */
function status(message: string): Uint8Array {
  return protobuf.Writer.create().uint32(8).int32(3).uint32(18).string(message).finish()
}

test('the reason tells what the body says, in either encoding, and no page of a proxy', async (t) => {
  const backend = await new HttpBackend().listen()
  const { exporter } = await exporting(t, backend, DIRECT)
  for (const [headers, body, said] of [
    [PROTO, status('too many spans'), /Code 400, Message=too many spans$/],
    [JSON_TYPE, '{"code":3,"message":"too old"}', /Code 400, Message=too old$/],
    [JSON_TYPE, '{"message":7}', /Code 400$/],
    [JSON_TYPE, '{', /Code 400$/],
    [PROTO, '\nx', /Code 400$/],
    [{ 'content-type': 'text/html' }, '<html>', /Code 400$/],
    [PROTO, status('x'.repeat(70_000)), /Code 400$/],
    [PROTO, status('y'.repeat(5000)), /Message=y{1000}$/],
  ] as const) {
    backend.answer = () => ({ status: 400, headers, body })
    const outcome = await exporter.consume(spans(1))
    assert.match((outcome as { reason: string }).reason, said)
  }
})

test('a partial success is sent, logged and counted, in either encoding', async (t) => {
  const backend = await new HttpBackend().listen()
  const { exporter, ledger, log } = await exporting(t, backend, DIRECT)
  const type = responseType('traces')
  const partial = { partialSuccess: { rejectedSpans: 2, errorMessage: 'too old' } }
  const answers = [
    { headers: PROTO, body: type.encode(type.fromObject(partial)).finish() },
    { headers: JSON_TYPE, body: JSON.stringify(partial) },
    { headers: JSON_TYPE, body: '{"partialSuccess":{"rejectedSpans":"3"}}' },
    { headers: JSON_TYPE, body: '{}' },
    { headers: { 'content-type': 'text/plain' }, body: 'thanks' },
    {},
  ]
  backend.answer = (n) => answers[n] as object
  for (const _ of answers) assert.equal(await exporter.consume(spans(5)), OK)
  assert.equal(ledger.notes.get('rejected_by_backend'), 7)
  assert.equal(ledger.entry().used.sent, 30)
  const lines = log.filter((line) => line.includes('Partial success response'))
  assert.deepEqual(
    lines.map((line) => [JSON.parse(line).message, JSON.parse(line).dropped_spans]),
    [
      ['too old', 2],
      ['too old', 2],
      ['', 3],
    ],
  )
})

test('a success that cannot be read is not sent again; one that is cut off is', async (t) => {
  const backend = await new HttpBackend().listen()
  const { exporter } = await exporting(t, backend, DIRECT)
  const kinds: string[] = []
  const bodies = ['\nx', 'x'.repeat(70_000), 'cut']
  backend.answer = (n, response) => {
    if (bodies[n] !== 'cut') return { headers: PROTO, body: bodies[n] as string }
    response.writeHead(200, { ...PROTO, 'content-length': '100' })
    response.write('half', () => response.destroy())
    return 'silence'
  }
  for (const _ of bodies) kinds.push((await exporter.consume(spans(1))).kind)
  assert.deepEqual(kinds, ['permanent', 'permanent', 'retryable'])
})

test('no connection, and no answer in time, may be tried again', async (t) => {
  const backend = await new HttpBackend().listen()
  backend.answer = () => 'silence'
  const { exporter } = await exporting(t, backend, { ...DIRECT, timeout: '50ms' })
  const late = await exporter.consume(spans(1))
  assert.deepEqual(late, {
    kind: 'retryable',
    reason: 'failed to make an HTTP request: no answer within the timeout',
    errorType: 'ETIMEDOUT',
  })
  backend.close()
  const refused = await exporter.consume(spans(1))
  assert.match(JSON.stringify(refused), /"retryable".*ECONNREFUSED/)
})

test('shutdown breaks off what is under way at its deadline, and counts it', async (t) => {
  const backend = await new HttpBackend().listen()
  backend.answer = () => 'silence'
  const { exporter, ledger } = await exporting(t, backend)
  for (let i = 0; i < 3; i++) await exporter.consume(spans(1))
  await until(() => backend.received.length === 3)
  await exporter.shutdown?.(AbortSignal.timeout(100))
  assert.deepEqual(ledger.entry().lost, { shutdown: 3 })
  assert.equal(exporter.held?.(), 0)
})

test('endpoints of their own go before the common one, paths and queries are kept', async (t) => {
  const backend = await new HttpBackend().listen()
  const base = `http://127.0.0.1:${backend.port}`
  for (const [options, path] of [
    [{ endpoint: `${base}/` }, '/v1/traces'],
    [{ endpoint: `${base}/otlp` }, '/otlp/v1/traces'],
    [
      { endpoint: 'http://127.0.0.1:1', traces_endpoint: `${base}/in?key=s3cret` },
      '/in?key=s3cret',
    ],
  ] as const) {
    const { exporter } = await exporting(t, backend, { ...DIRECT, ...options })
    backend.answer = () => ({ status: 400 })
    const outcome = await exporter.consume(spans(1))
    assert.equal(backend.received.at(-1)?.path, path)
    assert.doesNotMatch(JSON.stringify(outcome), /s3cret/)
  }
})

test('an authentication extension gives headers, asked before each attempt', async (t) => {
  const backend = await new HttpBackend().listen()
  let asked = 0
  const extension: Extension & ClientAuthenticator = {
    credentials: () => {
      if (asked === 2) throw new Error('the file is gone')
      return { authorization: `Bearer ${++asked}` }
    },
  }
  const host = hostOf({ 'bearertokenauth/x': extension })
  const auth = { authenticator: 'bearertokenauth/x' }
  const { exporter, log } = await exporting(t, backend, { ...DIRECT, auth }, { host })
  for (let i = 0; i < 2; i++) assert.equal(await exporter.consume(spans(1)), OK)
  assert.deepEqual(
    backend.received.map(({ headers }) => headers.authorization),
    ['Bearer 1', 'Bearer 2'],
  )
  const outcome = await exporter.consume(spans(1))
  assert.match(JSON.stringify(outcome), /"retryable".*cannot get credentials: the file is gone/)
  assert.match(log.join(), /Credentials are sent without TLS/)
  await assert.rejects(
    exporting(t, backend, { auth: { authenticator: 'none' } }),
    /exporters::otlp::auth::authenticator: extension "none" is not running/,
  )
})

test('TLS: the server is checked, and the client shows its certificate', async (t) => {
  const files = certificate(t)
  if (files === undefined) return
  const key = readFileSync(files.key, 'utf8')
  const cert = readFileSync(files.cert, 'utf8')
  const client = { ca_file: files.cert, cert_pem: cert, key_pem: key }
  for (const [name, host, tls, refused] of [
    ['by its address', '127.0.0.1', client, undefined],
    ['by another name', 'localhost', client, /altnames/],
    ['overridden', 'localhost', { ...client, server_name_override: 'backend.test' }, undefined],
    ['an unknown CA', '127.0.0.1', {}, /self-signed certificate/],
    ['unchecked', '127.0.0.1', { ...client, ca_file: '', insecure_skip_verify: true }, undefined],
    ['no certificate of the client', '127.0.0.1', { ca_pem: cert }, /ECONNRESET|alert|required/],
    ['no common version', '127.0.0.1', { ...client, max_version: '1.2' }, /version/],
  ] as const) {
    const secured = await new HttpBackend().listen({
      key,
      cert,
      ca: cert,
      requestCert: true,
      rejectUnauthorized: true,
      minVersion: 'TLSv1.3',
    })
    const endpoint = `https://${host}:${secured.port}`
    const { exporter } = await exporting(t, secured, { ...DIRECT, endpoint, tls })
    const outcome = await exporter.consume(spans(1))
    if (refused === undefined) assert.deepEqual(outcome, OK, name)
    else assert.match(JSON.stringify(outcome), refused, name)
  }
})

test('certificates that are replaced are used after reload_interval', async (t) => {
  const first = certificate(t)
  const second = certificate(t)
  if (first === undefined || second === undefined) return
  const ca = second.cert
  const backend = await new HttpBackend().listen({
    key: readFileSync(first.key),
    cert: readFileSync(first.cert),
  })
  const endpoint = `https://127.0.0.1:${backend.port}`
  const tls = { ca_file: ca, reload_interval: '1ms' }
  const { exporter } = await exporting(t, backend, { ...DIRECT, endpoint, tls })
  assert.equal((await exporter.consume(spans(1))).kind, 'retryable')
  copyFileSync(first.cert, ca)
  let sent = false
  await until(() => {
    void Promise.resolve(exporter.consume(spans(1))).then((o) => (sent ||= o.kind === 'ok'))
    return sent
  })
})

test('a proxy carries the request', async (t) => {
  const backend = await new HttpBackend().listen()
  const asked: string[] = []
  // Connects to whom the request line names, as a proxy for plain HTTP does.
  const proxy = createServer((socket: Socket) => {
    socket.once('data', (head: Buffer) => {
      asked.push(head.toString('latin1').split('\r\n')[0] as string)
      const upstream = connect(backend.port, '127.0.0.1')
      const origin = Buffer.from(`http://127.0.0.1:${backend.port}`)
      upstream.write(head.toString('latin1').replace(origin.toString(), ''), 'latin1')
      socket.pipe(upstream).pipe(socket)
    })
    socket.on('error', () => {})
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  t.after(() => void proxy.close())
  const { port } = proxy.address() as { port: number }
  const proxy_url = `http://127.0.0.1:${port}`
  const { exporter } = await exporting(t, backend, { ...DIRECT, proxy_url, compression: 'none' })
  assert.equal(await exporter.consume(spans(1)), OK)
  assert.deepEqual(asked, [`POST http://127.0.0.1:${backend.port}/v1/traces HTTP/1.1`])
})
