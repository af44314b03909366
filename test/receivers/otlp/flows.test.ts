import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { FlowBatch } from '../../../pipeline/flows/batch.ts'
import { FlowsEncoder } from '../../../pipeline/flows/otlp/encode.ts'
import type { OtlpBatch } from '../../../pipeline/otlp/batch.ts'
import { mergeRequests } from '../../../pipeline/otlp/split.ts'
import { OK, type Outcome, permanent, retryable } from '../../../pipeline/outcome.ts'
import { exportOtlp } from '../../kit/otlp_client.ts'
import { allCells } from '../../pipeline/flows/otlp/rows.ts'
import { exchangeRows } from '../../pipeline/flows/otlp/sample.ts'
import { decode, encode, responseType } from '../../proto/otlp.ts'
import { frame, LOGS, RawGrpc } from './raw_grpc.ts'
import { type Options, receiving } from './receiving.ts'

const encoder = new FlowsEncoder('1.0.0')
const rows = exchangeRows(3)
const flows = encoder.encode(rows)
const logs = encode('logs', {
  resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: { stringValue: 'hello' } }] }] }],
})
/** A row whose event is not known, and a record that is none at all, between rows. */
const odd = encode('logs', {
  resourceLogs: [
    {
      scopeLogs: [
        {
          scope: { name: 'flowspan.flows' },
          logRecords: [{ eventName: 'flowspan.dream' }, { body: { stringValue: 'x' } }],
        },
      ],
    },
  ],
})

function merged(...requests: OtlpBatch[]): OtlpBatch {
  const bytes = mergeRequests(requests.map((request) => request.bytes))
  return { signal: 'logs', bytes, items: 0 }
}

class FlowSink {
  readonly mutates = false
  readonly taken: FlowBatch[] = []
  answer: () => Outcome = () => OK

  consume(batch: FlowBatch): Outcome {
    this.taken.push(batch)
    return this.answer()
  }
}

async function flowReceiver(t: TestContext, options: Options = {}) {
  const flowSink = new FlowSink()
  const receiver = await receiving(t, { flows: flowSink, signals: [], ...options })
  const post = (body: Uint8Array | string, type = 'application/x-protobuf') =>
    fetch(`${receiver.http}/v1/logs`, {
      method: 'POST',
      headers: { 'content-type': type },
      body: typeof body === 'string' ? body : Buffer.from(body),
    })
  return { ...receiver, flowSink, post }
}

test('rows come over gRPC and HTTP as they were, and are counted by transport', async (t) => {
  const { grpc, post, flowSink, ledger } = await flowReceiver(t)
  assert.deepEqual(await exportOtlp(grpc, flows), {})
  assert.equal((await post(flows.bytes)).status, 200)
  assert.equal(flowSink.taken.length, 2)
  for (const batch of flowSink.taken) assert.deepEqual(allCells(batch), allCells(rows))
  assert.deepEqual(
    ['grpc', 'http'].map((transport) => ledger.received.get(transport)),
    Array(2).fill({ accepted: 3, refused: 0, failed: 0 }),
  )
})

test('with both pipelines rows go to flows and the rest to logs, in one request too', async (t) => {
  const { grpc, flowSink, sink } = await flowReceiver(t, { signals: ['logs'] })
  for (const request of [flows, logs, merged(flows, logs), merged(logs, flows)]) {
    assert.deepEqual(await exportOtlp(grpc, request), {})
  }
  assert.deepEqual(
    flowSink.taken.map((batch) => batch.rows),
    [3, 3, 3],
  )
  assert.equal(sink.taken.length, 3)
  for (const { bytes, items } of sink.taken) {
    assert.equal(items, 1)
    const { resourceLogs } = decode({ signal: 'logs', bytes, items })
    const bodies = resourceLogs.flatMap((resource: { scopeLogs?: object[] }) =>
      (resource.scopeLogs ?? []).map((scope) => JSON.stringify(scope)),
    )
    assert.match(bodies.join(), /"hello"/)
    assert.doesNotMatch(bodies.join(), /flowspan/)
  }
})

test('with a pipeline of logs alone rows are logs, byte for byte', async (t) => {
  const { grpc, sink } = await receiving(t, { signals: ['logs'] })
  assert.deepEqual(await exportOtlp(grpc, flows), {})
  assert.deepEqual(Buffer.from(sink.taken[0]?.bytes ?? []), Buffer.from(flows.bytes))
})

test('logs that have no pipeline are refused as before, also beside rows', async (t) => {
  const { grpc, post, flowSink } = await flowReceiver(t)
  await assert.rejects(exportOtlp(grpc, logs), /UNIMPLEMENTED: no pipeline takes logs/)
  assert.equal((await post(logs.bytes)).status, 404)
  const answer = await post(merged(logs, flows).bytes)
  const response = responseType('logs')
    .decode(Buffer.from(await answer.arrayBuffer()))
    .toJSON()
  assert.deepEqual(response, {
    partialSuccess: {
      rejectedLogRecords: '1',
      errorMessage: 'no pipeline takes logs that are no flow rows',
    },
  })
  assert.equal(flowSink.taken[0]?.rows, 3)
})

test('records that are no rows are told to the sender as a partial success, and counted', async (t) => {
  const { post, grpc, flowSink, ledger } = await flowReceiver(t)
  const request = merged(odd, flows)
  const wanted = {
    rejectedLogRecords: '2',
    errorMessage: 'no row has the event name "flowspan.dream"',
  }
  const proto = await post(request.bytes)
  const read = (bytes: Uint8Array) => responseType('logs').decode(bytes).toJSON()
  assert.equal(proto.status, 200)
  assert.deepEqual(read(Buffer.from(await proto.arrayBuffer())), { partialSuccess: wanted })
  const json = await post(
    JSON.stringify({ resourceLogs: decode(odd).resourceLogs }),
    'application/json',
  )
  assert.deepEqual(await json.json(), { partialSuccess: wanted })
  const client = new RawGrpc(t, grpc)
  const { body, code } = await client.call({
    headers: { ':path': LOGS },
    body: [frame(request.bytes)],
  })
  assert.equal(code, 0)
  assert.deepEqual(read(body.subarray(5)), { partialSuccess: wanted })
  assert.deepEqual(
    flowSink.taken.map((batch) => batch.rows),
    [3, 3],
  )
  assert.deepEqual(
    ['http', 'grpc'].map((transport) => ledger.received.get(transport)),
    [
      { accepted: 3, refused: 0, failed: 4 },
      { accepted: 3, refused: 0, failed: 2 },
    ],
  )
  assert.equal(ledger.notes.get('rejected_records{http}'), 4)
})

test('what the pipeline of flows answers is what the sender hears', async (t) => {
  const { grpc, flowSink, sink } = await flowReceiver(t, { signals: ['logs'] })
  flowSink.answer = () => retryable('busy')
  await assert.rejects(exportOtlp(grpc, merged(logs, flows)), /UNAVAILABLE: busy/)
  flowSink.answer = () => permanent('never')
  await assert.rejects(exportOtlp(grpc, flows), /INTERNAL: never/)
  // Logs that are refused keep the rows out: all of the request comes again.
  sink.answer = () => retryable('logs are busy')
  const before = flowSink.taken.length
  await assert.rejects(exportOtlp(grpc, merged(flows, logs)), /UNAVAILABLE: logs are busy/)
  assert.equal(flowSink.taken.length, before)
})

test('what is decoded counts as held, and what does not fit is refused', async (t) => {
  const { grpc, flowSink } = await flowReceiver(t, { more: { max_in_flight_size_mib: 1 } })
  // Bare rows take far more room as columns than on the wire.
  const record = {
    eventName: 'flowspan.exchange',
    attributes: [
      { key: 'flowspan.state', value: { stringValue: 'open' } },
      { key: 'flowspan.role', value: { stringValue: 'client' } },
    ],
  }
  const many = encode('logs', {
    resourceLogs: [
      {
        scopeLogs: [{ scope: { name: 'flowspan.flows' }, logRecords: Array(9000).fill(record) }],
      },
    ],
  })
  assert.ok(many.bytes.length < 2 ** 20)
  await assert.rejects(exportOtlp(grpc, many), /UNAVAILABLE: more than 1 MiB/)
  assert.equal(flowSink.taken.length, 0)
  assert.deepEqual(await exportOtlp(grpc, flows), {})
})
