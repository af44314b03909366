import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { OK, type Outcome, retryable } from '../../../pipeline/outcome.ts'
import { exportOtlp } from '../../kit/otlp_client.ts'
import { encode } from '../../proto/otlp.ts'
import { frame, METRICS, RawGrpc } from './raw_grpc.ts'
import { type Receiving, receiving } from './receiving.ts'

const batch = encode('traces', { resourceSpans: [{ scopeSpans: [{ spans: [{}] }] }] })
const { bytes } = batch
const PROTOBUF = { 'content-type': 'application/x-protobuf' }

function post({ http }: Receiving): Promise<Response> {
  return fetch(`${http}/v1/traces`, { method: 'POST', headers: PROTOBUF, body: bytes })
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 20_000
  while (!condition()) {
    assert.ok(Date.now() < deadline, `waited in vain for ${condition}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

test('with an equal configuration a new instance joins, and connections go on', async (t) => {
  const old = await receiving(t)
  const client = new RawGrpc(t, old.grpc)
  let ended = false
  client.session.once('goaway', () => {
    ended = true
  })
  assert.equal((await client.call({ body: [frame(bytes)] })).code, 0)
  const young = await receiving(t, { before: old })
  assert.equal((await client.call({ body: [frame(bytes)] })).code, 0)
  await old.stop()
  assert.equal((await client.call({ body: [frame(bytes)] })).code, 0)
  assert.equal((await post(young)).status, 200)
  assert.deepEqual([old.sink.taken.length, young.sink.taken.length, ended], [1, 3, false])
})

test('with another configuration new connections go to the new servers, old ones end in order', async (t) => {
  const old = await receiving(t)
  const client = new RawGrpc(t, old.grpc)
  const { promise, resolve } = Promise.withResolvers<Outcome>()
  old.sink.answer = () => promise
  const held = client.call({ body: [frame(bytes)] })
  const posted = post(old)
  await until(() => old.sink.taken.length === 2)
  const young = await receiving(t, { before: old, grpc: { max_recv_msg_size_mib: 5 } })
  const gone = once(client.session, 'goaway')
  const stopped = old.stop()
  await gone
  await exportOtlp(young.grpc, batch)
  assert.equal((await post(young)).status, 200)
  assert.equal(young.sink.taken.length, 2)
  // What the old one was given is answered by the old one.
  resolve(OK)
  assert.equal((await held).code, 0)
  const response = await posted
  assert.deepEqual([response.status, response.headers.get('connection')], [200, 'close'])
  await stopped
  await exportOtlp(young.grpc, batch)
})

test('when the new servers end first the old ones go on', async (t) => {
  const old = await receiving(t)
  const young = await receiving(t, { before: old, grpc: { max_recv_msg_size_mib: 5 } })
  await young.stop()
  await exportOtlp(old.grpc, batch)
  assert.equal((await post(old)).status, 200)
  assert.equal(old.sink.taken.length, 2)
})

test('a signal whose pipeline goes is unimplemented, the others go on', async (t) => {
  const { receivers, grpc } = await receiving(t)
  const client = new RawGrpc(t, grpc)
  const call = () =>
    client.call({ headers: { ':path': METRICS }, body: [frame(new Uint8Array(0))] })
  assert.equal((await call()).code, 0)
  await receivers[1]?.shutdown?.()
  assert.equal((await call()).code, 12)
  assert.equal((await client.call({ body: [frame(bytes)] })).code, 0)
})

test('a shutdown waits for answers, and refuses what has not come whole', async (t) => {
  const received = await receiving(t)
  const client = new RawGrpc(t, received.grpc)
  const { promise, resolve } = Promise.withResolvers<Outcome>()
  received.sink.answer = () => promise
  const held = client.call({ body: [frame(bytes)] })
  const half = client.call({ body: [frame(bytes).subarray(0, 6)], open: true })
  const request = httpRequest(`${received.http}/v1/traces`, { method: 'POST', headers: PROTOBUF })
  request.write(bytes.subarray(0, 1))
  const halfPost = once(request, 'response')
  await until(() => received.sink.taken.length === 1)
  const stopped = received.stop()
  const { code, message } = await half
  assert.deepEqual([code, message], [14, 'the receiver is shutting down'])
  const [response] = (await halfPost) as [IncomingMessage]
  assert.equal(response.statusCode, 503)
  request.destroy()
  resolve(OK)
  assert.equal((await held).code, 0)
  await stopped
  await assert.rejects(post(received))
})

test('a deadline ends a shutdown whose pipeline never answers', async (t) => {
  const { grpc, sink, receivers } = await receiving(t, { signals: ['traces'] })
  sink.answer = () => new Promise(() => {})
  const client = new RawGrpc(t, grpc)
  const call = client.call({ body: [frame(bytes)] })
  call.catch(() => {})
  await until(() => sink.taken.length === 1)
  const deadline = new AbortController()
  const stopped = receivers[0]?.shutdown?.(deadline.signal)
  deadline.abort()
  await stopped
})

test('idle connections do not delay a shutdown', async (t) => {
  const received = await receiving(t)
  const agent = new Agent({ keepAlive: true })
  t.after(() => agent.destroy())
  const request = httpRequest(`${received.http}/v1/traces`, {
    method: 'POST',
    headers: PROTOBUF,
    agent,
  })
  request.end(bytes)
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  response.resume()
  const client = new RawGrpc(t, received.grpc)
  await client.call({ body: [frame(bytes)] })
  const closed = once(client.session, 'close')
  await received.stop()
  await closed
})

test('a shutdown is safe twice, without a start, and after a start that failed', async (t) => {
  const received = await receiving(t, { http: null })
  await assert.rejects(
    receiving(t, { grpc: { endpoint: received.grpc }, http: null }),
    /receivers::otlp::protocols::grpc::endpoint: cannot listen on .* the address is in use/,
  )
  await received.stop()
  await received.stop()
})

test('it listens on Unix sockets', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'flowspan-otlp-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const path = join(directory, 'otlp.sock')
  const { sink } = await receiving(t, {
    grpc: { endpoint: path, transport: 'unix', include_metadata: true },
    http: null,
  })
  await exportOtlp(`unix://${path}`, batch)
  assert.equal(sink.taken[0]?.client?.address, undefined)
})

test('a refusal of one generation is not that of the next', async (t) => {
  const old = await receiving(t)
  old.sink.refused = retryable('full')
  assert.equal((await post(old)).status, 503)
  await receiving(t, { before: old })
  assert.equal((await post(old)).status, 200)
})
