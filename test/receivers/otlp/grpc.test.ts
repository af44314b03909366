import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exportOtlp } from '../../kit/otlp_client.ts'
import { encode } from '../../proto/otlp.ts'
import { receiving } from './receiving.ts'

const batch = encode('traces', {
  resourceSpans: [{ scopeSpans: [{ spans: [{ name: 'a' }, { name: 'b' }] }] }],
})

test('a call of grpc-js is taken byte for byte', async (t) => {
  const { grpc, sink, ledger } = await receiving(t, { http: null })
  assert.deepEqual(await exportOtlp(grpc, batch), {})
  const [taken] = sink.taken
  assert.deepEqual(Buffer.from(taken?.bytes ?? []), Buffer.from(batch.bytes))
  assert.deepEqual([taken?.items, taken?.client], [2, { address: '127.0.0.1' }])
  assert.deepEqual(ledger.received.get('grpc'), { accepted: 2, refused: 0, failed: 0 })
})
