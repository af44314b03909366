import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encode } from '../../proto/otlp.ts'
import { receiving } from './receiving.ts'

const PROTOBUF = { 'content-type': 'application/x-protobuf' }
const { bytes } = encode('traces', {
  resourceSpans: [{ scopeSpans: [{ spans: [{ name: 'a' }, { name: 'b' }] }] }],
})

test('a request in protobuf is taken byte for byte', async (t) => {
  const { http, sink, ledger } = await receiving(t, { grpc: null })
  const response = await fetch(`${http}/v1/traces`, {
    method: 'POST',
    headers: PROTOBUF,
    body: bytes,
  })
  assert.equal(response.status, 200)
  assert.equal(response.headers.get('content-type'), 'application/x-protobuf')
  assert.equal((await response.arrayBuffer()).byteLength, 0)
  const [batch] = sink.taken
  assert.deepEqual(Buffer.from(batch?.bytes ?? []), Buffer.from(bytes))
  assert.deepEqual([batch?.items, batch?.client], [2, { address: '127.0.0.1' }])
  assert.equal(ledger.in, 2)
  assert.deepEqual(ledger.received.get('http'), { accepted: 2, refused: 0, failed: 0 })
})
