/** Options of the gRPC channel, as a server sees them. */
import assert from 'node:assert/strict'
import { copyFileSync, readFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders, type ServerHttp2Session } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { inflateSync } from 'node:zlib'
import { Metadata, ServerCredentials } from '@grpc/grpc-js'
import { schema, validate } from '../../../exporters/otlp/config.ts'
import type { ClientAuthenticator } from '../../../pipeline/auth.ts'
import type { Extension } from '../../../pipeline/component.ts'
import { OK } from '../../../pipeline/outcome.ts'
import { freePorts } from '../../kit/ports.ts'
import { hostOf } from '../../pipeline/surroundings.ts'
import { certificate, spans, until } from '../sending.ts'
import { Backend } from './backend.ts'
import { exporting } from './exporting.ts'

const DIRECT = { sending_queue: { enabled: false }, retry_on_failure: { enabled: false } }

/** A bare HTTP/2 server that takes any call, for what grpc-js does not show to its handlers. */
async function bareServer(t: TestContext) {
  const calls: { headers: IncomingHttpHeaders; body: Buffer }[] = []
  const sessions: ServerHttp2Session[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      calls.push({ headers: request.headers, body: Buffer.concat(chunks) })
      response.writeHead(200, { 'content-type': 'application/grpc' })
      response.addTrailers({ 'grpc-status': '0' })
      response.end(Buffer.alloc(5))
    })
  })
  server.on('session', (session) => sessions.push(session))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    for (const session of sessions) session.destroy()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, calls, sessions }
}

test('compression deflate, authority and user_agent are what the server gets', async (t) => {
  const { port, calls } = await bareServer(t)
  const options = { compression: 'deflate', authority: 'traces.example', user_agent: 'mine/1' }
  const { exporter } = await exporting(t, port, { ...DIRECT, ...options })
  const batch = spans(20)
  assert.equal(await exporter.consume(batch), OK)
  const [call] = calls
  assert.equal(call?.headers[':authority'], 'traces.example')
  assert.match(String(call?.headers['user-agent']), /^mine\/1/)
  assert.equal(call?.headers['grpc-encoding'], 'deflate')
  assert.ok(inflateSync(call.body.subarray(5)).equals(batch.bytes))
  // The server is told how long the call may take.
  assert.match(String(call?.headers['grpc-timeout']), /^\d+m$/)
})

test('keepalive pings a connection, without a call when that is permitted', async (t) => {
  const { port, sessions } = await bareServer(t)
  let pings = 0
  const keepalive = { time: '100ms', timeout: '5s', permit_without_stream: true }
  const { exporter } = await exporting(t, port, { ...DIRECT, keepalive })
  assert.equal(await exporter.consume(spans(1)), OK)
  sessions[0]?.on('ping', () => pings++)
  await until(() => pings > 0)
})

test('credentials of an extension go with each attempt, beside the headers', async (t) => {
  const backend = await new Backend().listen()
  let asked = 0
  const extension: Extension & ClientAuthenticator = {
    credentials: () => ({ authorization: `Bearer ${++asked}` }),
  }
  const host = hostOf({ bearertokenauth: extension })
  const { exporter, log } = await exporting(
    t,
    backend,
    { ...DIRECT, headers: { 'x-tenant': 'a' }, auth: { authenticator: 'bearertokenauth' } },
    { host },
  )
  for (let i = 0; i < 2; i++) assert.equal(await exporter.consume(spans(1)), OK)
  assert.deepEqual(
    backend.received.map(({ metadata }) => [
      metadata.get('authorization'),
      metadata.get('x-tenant'),
    ]),
    [
      [['Bearer 1'], ['a']],
      [['Bearer 2'], ['a']],
    ],
  )
  assert.match(log.join(), /Credentials are sent without TLS/)
  assert.ok(backend.received[0]?.metadata instanceof Metadata)
})

test('with wait_for_ready an attempt waits, within its timeout, for a server that comes', async (t) => {
  const [port] = (await freePorts(1)) as [number]
  const { exporter } = await exporting(t, port, { ...DIRECT, wait_for_ready: true, timeout: '20s' })
  const given = Promise.resolve(exporter.consume(spans(1)))
  const backend = await new Backend().listen({ port })
  t.after(() => backend.close())
  assert.equal(await given, OK)
})

test('certificates that are replaced are used after reload_interval, min_version holds', async (t) => {
  const own = certificate(t)
  const other = certificate(t)
  if (own === undefined || other === undefined) return
  const pair = [{ private_key: readFileSync(own.key), cert_chain: readFileSync(own.cert) }]
  const backend = await new Backend().listen({
    credentials: ServerCredentials.createSsl(null, pair),
  })
  const tls = { ca_file: other.cert, min_version: '1.3', reload_interval: '1ms' }
  const { exporter } = await exporting(t, backend, { ...DIRECT, tls })
  assert.match(JSON.stringify(await exporter.consume(spans(1))), /self-signed certificate/)
  copyFileSync(own.cert, other.cert)
  let outcome = await exporter.consume(spans(1))
  for (let i = 0; i < 500 && outcome.kind !== 'ok'; i++) {
    await new Promise((resolve) => setTimeout(resolve, 10))
    outcome = await exporter.consume(spans(1))
  }
  assert.deepEqual(outcome, OK)
})

test('what gRPC cannot do is said before the start', () => {
  const config = schema.parse({ endpoint: 'a:1', balancer_name: 'magic' })
  assert.match(validate(config)[0]?.message ?? '', /^invalid balancer_name: magic/)
  assert.throws(() => schema.parse({ compression: 'zstd' }), /gzip.*deflate.*none/)
  const headers = { ok: 'a', bad: 's3cret\n' }
  const problems = validate(schema.parse({ endpoint: 'a:1', headers }))
  assert.deepEqual(
    problems.map(({ path, message }) => [path.join('::'), message]),
    [['headers::bad', 'the value has characters that gRPC does not allow']],
  )
})
