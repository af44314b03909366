import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OK } from '../../../pipeline/outcome.ts'
import { namedSpans, spans, until } from '../sending.ts'
import { Backend } from './backend.ts'
import { exporting, gated, namesIn } from './exporting.ts'

const NEVER = '1h'

test('requests are merged until there are min_size items', async (t) => {
  const backend = await new Backend().listen()
  const batch = { min_size: 5, flush_timeout: NEVER }
  const { exporter, ledger } = await exporting(t, backend, { sending_queue: { batch } })
  for (const names of [['a', 'b'], ['c'], ['d', 'e', 'f'], ['g']]) {
    assert.equal(await exporter.consume(namedSpans(...names)), OK)
  }
  await until(() => ledger.entry().used.sent === 6)
  assert.deepEqual(namesIn(backend), [['a', 'b', 'c', 'd', 'e', 'f']])
  assert.equal(exporter.held?.(), 1)
})

test('what is smaller than min_size is sent after flush_timeout', async (t) => {
  const backend = await new Backend().listen()
  const { exporter, ledger } = await exporting(t, backend, { sending_queue: { batch: null } })
  const started = performance.now()
  await exporter.consume(namedSpans('a'))
  await exporter.consume(namedSpans('b'))
  await until(() => ledger.entry().used.sent === 2)
  assert.ok(performance.now() - started >= 195, 'an empty `batch` waits for 200 ms')
  assert.deepEqual(namesIn(backend), [['a', 'b']])
})

test('batches are cut at max_size, and the rest waits for more', async (t) => {
  const backend = await new Backend().listen()
  const batch = { min_size: 3, max_size: 3, flush_timeout: NEVER }
  const sending_queue = { num_consumers: 1, batch }
  const { exporter, ledger } = await exporting(t, backend, { sending_queue })
  await exporter.consume(namedSpans('a', 'b'))
  await exporter.consume(namedSpans('c', 'd', 'e', 'f', 'g'))
  await until(() => ledger.entry().used.sent === 6)
  await exporter.consume(namedSpans('h', 'i'))
  await until(() => ledger.entry().used.sent === 9)
  assert.deepEqual(namesIn(backend), [
    ['a', 'b', 'c'],
    ['d', 'e', 'f'],
    ['g', 'h', 'i'],
  ])
  assert.equal(exporter.held?.(), 0)
})

test('sizes are in bytes when the sizer is, and no batch is larger than max_size', async (t) => {
  const backend = await new Backend().listen()
  const batch = { sizer: 'bytes', min_size: 200, max_size: 300, flush_timeout: NEVER }
  const { exporter } = await exporting(t, backend, { sending_queue: { batch } })
  for (let i = 0; i < 20; i++) await exporter.consume(spans(3, `span ${i}`))
  await exporter.shutdown?.()
  const sizes = backend.received.map(({ bytes }) => bytes.length)
  assert.equal(namesIn(backend).flat().length, 60)
  assert.ok(Math.max(...sizes) <= 300, `${sizes}`)
  assert.ok(sizes.filter((size) => size < 200).length <= 1, `${sizes}`)
})

test('only requests whose clients sent the same values are merged', async (t) => {
  const backend = await new Backend().listen()
  const batch = { flush_timeout: '20ms', partition: { metadata_keys: ['X-Tenant'] } }
  const { exporter, ledger } = await exporting(t, backend, { sending_queue: { batch } })
  const of = (name: string, tenant?: string[]) => ({
    ...namedSpans(name),
    client: { address: '10.0.0.1', metadata: tenant && { 'x-tenant': tenant } } as object,
  })
  for (const request of [
    of('a', ['1']),
    of('b', ['2']),
    of('c', ['1']),
    of('d'),
    of('e', ['']),
    of('f', ['1', '2']),
    namedSpans('g'),
  ]) {
    await exporter.consume(request)
  }
  await until(() => ledger.entry().used.sent === 7)
  const batches = namesIn(backend).map((names) => names.join(''))
  assert.deepEqual(batches.sort(), ['ac', 'b', 'dg', 'e', 'f'])
})

test('while the backend is slow batches that are due go on growing', async (t) => {
  const { backend, open } = await gated(t)
  const batch = { min_size: 10, flush_timeout: '1ms' }
  const sending_queue = { num_consumers: 1, batch }
  const { exporter, ledger } = await exporting(t, backend, { sending_queue })
  await exporter.consume(namedSpans('first'))
  await backend.arrived(1)
  for (const name of ['a', 'b', 'c']) {
    await exporter.consume(namedSpans(name))
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  open()
  await until(() => ledger.entry().used.sent === 4)
  assert.deepEqual(namesIn(backend), [['first'], ['a', 'b', 'c']])
})

test('shutdown does not wait for a batch to fill', async (t) => {
  const backend = await new Backend().listen()
  const batch = { min_size: 1000, flush_timeout: NEVER }
  const { exporter, ledger } = await exporting(t, backend, { sending_queue: { batch } })
  for (const name of ['a', 'b']) await exporter.consume(namedSpans(name))
  await exporter.shutdown?.()
  assert.deepEqual(namesIn(backend), [['a', 'b']])
  assert.deepEqual(ledger.entry(), { in: 0, out: 0, used: { sent: 2 }, lost: {}, held: 0 })
})

test('shutdown past its deadline loses what waits in a batch, and counts it', async (t) => {
  const { backend } = await gated(t)
  const batch = { min_size: 3, flush_timeout: NEVER }
  const sending_queue = { num_consumers: 1, batch }
  const { exporter, ledger } = await exporting(t, backend, { sending_queue })
  for (let i = 0; i < 8; i++) await exporter.consume(namedSpans('a'))
  await exporter.shutdown?.(AbortSignal.abort())
  assert.deepEqual(ledger.entry(), { in: 0, out: 0, used: {}, lost: { shutdown: 8 }, held: 0 })
})

test('a request that is malformed is sent as it is, for the backend to judge', async (t) => {
  const backend = await new Backend().listen()
  const batch = { min_size: 1, max_size: 1 }
  const { exporter, log } = await exporting(t, backend, { sending_queue: { batch } })
  const bytes = Uint8Array.of(10, 99)
  await exporter.consume({ signal: 'traces', bytes, items: 2 })
  await backend.arrived(1)
  assert.deepEqual([...(backend.received[0]?.bytes ?? [])], [...bytes])
  assert.match(log.join(), /Failed to split request\./)
})
