/** Rows through the exporter's layers: what becomes of batches, retries and the queue on disk. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { status } from '@grpc/grpc-js'
import { schema } from '../../../exporters/otlp/config.ts'
import { otlp } from '../../../exporters/otlp/index.ts'
import { schema as storageSchema } from '../../../extensions/file_storage/config.ts'
import { FileStorage } from '../../../extensions/file_storage/file_storage.ts'
import type { Exporter, ExporterFactory } from '../../../pipeline/component.ts'
import type { OtlpExporter } from '../../../pipeline/exporter/sending_exporter.ts'
import { Origin } from '../../../pipeline/flows/origin.ts'
import { decodeFlows } from '../../../pipeline/flows/otlp/decode.ts'
import { checkRequest } from '../../../pipeline/otlp/check.ts'
import { OK, retryable } from '../../../pipeline/outcome.ts'
import { exchangeRows } from '../../pipeline/flows/otlp/sample.ts'
import { hostOf, settingsOf, type TestHost } from '../../pipeline/surroundings.ts'
import { encode } from '../../proto/otlp.ts'
import { FAST_RETRY, running, until } from '../sending.ts'
import { Backend } from './backend.ts'

const origin = new Origin({ id: 'machine', name: 'worker', node: '' })

async function flowsExporter(
  t: TestContext,
  backend: Backend,
  { host, ...options }: { host?: TestHost; [option: string]: unknown } = {},
) {
  t.after(() => backend.close())
  const endpoint = `127.0.0.1:${backend.port}`
  const config = schema.parse({ endpoint, tls: { insecure: true }, ...options })
  const { create } = otlp as ExporterFactory<unknown>
  // The layers do not look at what they are given before it is encoded.
  const made = await running(
    t,
    (settings) => create.flows?.(settings, config) as unknown as OtlpExporter,
    host && { host },
  )
  return { ...made, exporter: made.exporter as unknown as Exporter<'flows'> }
}

/** Sequence numbers of the rows in each request. */
function sequencesIn(backend: Backend): number[][] {
  return backend.received.map(({ bytes }) => {
    const { batch } = decodeFlows(bytes, checkRequest('logs', bytes) as number)
    return [...(batch.origin?.sequence.subarray(0, batch.rows) ?? [])]
  })
}

test('rows are merged, cut by their number, and sent again until they are taken', async (t) => {
  const backend = await new Backend().listen()
  backend.answer = (n) => (n % 2 === 0 ? { code: status.UNAVAILABLE } : new Uint8Array(0))
  const { exporter, ledger } = await flowsExporter(t, backend, {
    retry_on_failure: FAST_RETRY,
    sending_queue: { sizer: 'items', num_consumers: 1, batch: { min_size: 7, max_size: 7 } },
  })
  const first = exchangeRows(3, origin).origin?.sequence[0] as number
  for (let i = 0; i < 10; i++) assert.deepEqual(await exporter.consume(exchangeRows(4, origin)), OK)
  await until(() => ledger.entry().used.sent === 40)
  const taken = sequencesIn(backend).filter((_, i) => i % 2 === 1)
  assert.deepEqual(
    taken.map(({ length }) => length),
    [7, 7, 7, 7, 7, 5],
  )
  assert.deepEqual(
    taken.flat(),
    Array.from({ length: 40 }, (_, i) => first + 3 + i),
  )
})

test('a full queue refuses rows, which stay the sender’s', async (t) => {
  const backend = await new Backend().listen()
  backend.answer = () => ({ code: status.UNAVAILABLE })
  const { exporter, ledger } = await flowsExporter(t, backend, {
    sending_queue: { sizer: 'items', queue_size: 10 },
  })
  assert.deepEqual(await exporter.consume(exchangeRows(9, origin)), OK)
  const outcome = await exporter.consume(exchangeRows(3, origin))
  assert.deepEqual(outcome, retryable('sending queue is full'))
  assert.equal(ledger.notes.get('refused_queue_full'), 3)
  assert.equal(exporter.held?.(), 9)
})

test('rows wait on disk apart from the logs of the same exporter', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'flowspan-queue-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const storage = new FileStorage(
    settingsOf({ id: 'file_storage' }),
    storageSchema.parse({ directory }),
  )
  const host = hostOf({ file_storage: storage })
  await storage.start(host)
  t.after(() => storage.shutdown())
  const sending_queue = { storage: 'file_storage', num_consumers: 1 }
  const down = await new Backend().listen()
  down.answer = () => ({ code: status.UNAVAILABLE })
  const before = await flowsExporter(t, down, { host, sending_queue })
  assert.deepEqual(await before.exporter.consume(exchangeRows(3, origin)), OK)
  await down.arrived(1)
  await before.exporter.shutdown?.()
  assert.equal(before.ledger.entry().used.stored, 3)

  const up = await new Backend().listen()
  const config = schema.parse({
    endpoint: `127.0.0.1:${up.port}`,
    tls: { insecure: true },
    sending_queue,
  })
  const { create } = otlp as ExporterFactory<unknown>
  const logs = await running(t, (s) => create.logs?.(s, config) as OtlpExporter, { host })
  const request = encode('logs', { resourceLogs: [{ scopeLogs: [{ logRecords: [{}] }] }] })
  assert.deepEqual(await logs.exporter.consume({ ...request, items: 1 }), OK)
  await until(() => logs.ledger.entry().used.sent === 1)
  assert.deepEqual(sequencesIn(up), [[]])
  const after = await flowsExporter(t, up, { host, sending_queue })
  await until(() => after.ledger.entry().used.sent === 3)
  assert.deepEqual(sequencesIn(up).flat(), sequencesIn(down)[0])
})
