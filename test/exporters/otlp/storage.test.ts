import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { status } from '@grpc/grpc-js'
import { schema } from '../../../extensions/file_storage/config.ts'
import { FileStorage } from '../../../extensions/file_storage/file_storage.ts'
import { OK } from '../../../pipeline/outcome.ts'
import { hostOf, settingsOf } from '../../pipeline/surroundings.ts'
import { FAST_RETRY, namedSpans, type Running, spans, until } from '../sending.ts'
import { Backend } from './backend.ts'
import { exporting, gated, namesIn } from './exporting.ts'

function directory(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'flowspan-queue-'))
  t.after(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** A storage that runs: with it, a host whose exporters may use it. */
async function storing(t: TestContext, path: string, options: Record<string, unknown> = {}) {
  const config = schema.parse({ directory: path, ...options })
  const storage = new FileStorage(settingsOf({ id: 'file_storage' }), config)
  const host = hostOf({ file_storage: storage })
  await storage.start(host)
  t.after(() => storage.shutdown())
  return { storage, host }
}

const STORAGE = { storage: 'file_storage', num_consumers: 1 }

/** The books must balance when all is still: what came in is sent, lost, stored or held. */
function assertBalanced({ ledger }: Running, taken: number): void {
  const { in: restored, used, lost, held } = ledger.entry()
  const sum = (counts: Readonly<Record<string, number>>) =>
    Object.values(counts).reduce((total, count) => total + count, 0)
  assert.equal(restored + taken, sum(used) + sum(lost) + held)
}

test('what a backend did not take is sent after the next start', async (t) => {
  const path = directory(t)
  const backend = await new Backend().listen()
  backend.answer = (n) => (n === 0 ? new Uint8Array(0) : { code: status.UNAVAILABLE })
  const first = await storing(t, path)
  const before = await exporting(t, backend, { sending_queue: STORAGE }, { host: first.host })
  for (const name of ['a', 'b', 'c', 'd']) {
    assert.equal(await before.exporter.consume(namedSpans(name, name)), OK)
  }
  await backend.arrived(2)
  await before.exporter.shutdown?.()
  await first.storage.shutdown()
  assert.deepEqual(before.ledger.entry().used, { sent: 2, stored: 6 })
  assert.deepEqual(before.ledger.entry().lost, {})
  assertBalanced(before, 8)

  backend.answer = () => new Uint8Array(0)
  const count = backend.received.length
  const { host } = await storing(t, path)
  const after = await exporting(t, backend, { sending_queue: STORAGE }, { host })
  await until(() => after.ledger.entry().used.sent === 6)
  assert.deepEqual(namesIn(backend).slice(count), [
    ['b', 'b'],
    ['c', 'c'],
    ['d', 'd'],
  ])
  assert.equal(after.ledger.entry().in, 6)
  assert.equal(after.ledger.notes.get('restored'), 6)
  assert.equal(after.exporter.held?.(), 0)
})

test('a wait for a retry ends at once at shutdown, and the request stays on disk', async (t) => {
  const path = directory(t)
  const backend = await new Backend().listen()
  backend.answer = () => ({ code: status.UNAVAILABLE })
  const { host } = await storing(t, path)
  const one = await exporting(
    t,
    backend,
    {
      sending_queue: STORAGE,
      retry_on_failure: { initial_interval: '1h', max_interval: '1h', max_elapsed_time: '0' },
    },
    { host },
  )
  await one.exporter.consume(spans(3))
  await backend.arrived(1)
  await one.exporter.shutdown?.()
  assert.equal(backend.received.length, 1, 'no last attempt is needed')
  assert.deepEqual(one.ledger.entry().used, { stored: 3 })
  assert.equal(one.ledger.notes.get('send_failed'), 3)
})

test('an attempt that nobody answers is broken off at the deadline, and stays', async (t) => {
  const path = directory(t)
  const { backend } = await gated(t)
  const { host } = await storing(t, path)
  const one = await exporting(t, backend, { sending_queue: STORAGE }, { host })
  await one.exporter.consume(spans(3))
  await backend.arrived(1)
  await one.exporter.shutdown?.(AbortSignal.timeout(50))
  assert.deepEqual(one.ledger.entry().used, { stored: 3 })
})

test('what is refused for good, or failed for too long, is lost and leaves the disk', async (t) => {
  const path = directory(t)
  const backend = await new Backend().listen()
  backend.answer = (n) => ({ code: n === 0 ? status.INVALID_ARGUMENT : status.UNAVAILABLE })
  const { host, storage } = await storing(t, path)
  const retry_on_failure = { ...FAST_RETRY, max_elapsed_time: '60ms' }
  const options = { sending_queue: STORAGE, retry_on_failure }
  const one = await exporting(t, backend, options, { host })
  await one.exporter.consume(spans(1))
  await one.exporter.consume(spans(2))
  await until(() => one.exporter.held?.() === 0)
  assert.deepEqual(one.ledger.entry().lost, { permanent: 1, retries_exhausted: 2 })
  const queue = await storage.queue('exporter/otlp/traces')
  assert.equal(queue.records, 0)
  await queue.close()
})

test('the exporters before and after a reload share a queue: nothing is lost, books balance', async (t) => {
  const { backend, open } = await gated(t)
  const { host } = await storing(t, directory(t))
  const old = await exporting(t, backend, { sending_queue: STORAGE }, { host })
  for (let i = 0; i < 10; i++) await old.exporter.consume(namedSpans(`old ${i}`))
  await backend.arrived(1)
  const young = await exporting(t, backend, { sending_queue: STORAGE }, { host })
  for (let i = 0; i < 10; i++) await young.exporter.consume(namedSpans(`new ${i}`))
  assert.equal(young.ledger.entry().in, 0, 'what the old one holds is not restored twice')
  const ended = old.exporter.shutdown?.()
  open()
  await ended
  await until(
    () => (old.ledger.entry().used.sent ?? 0) + (young.ledger.entry().used.sent ?? 0) === 20,
  )
  assert.equal(new Set(namesIn(backend).flat()).size, 20)
  assertBalanced(old, 10)
  assertBalanced(young, 10)
  assert.deepEqual([old.exporter.held?.(), young.exporter.held?.()], [0, 0])
})

test('queue_size bounds what is on disk, in units of the sizer', async (t) => {
  const { backend, open } = await gated(t)
  const { host } = await storing(t, directory(t))
  const sending_queue = { ...STORAGE, sizer: 'items', queue_size: 5 }
  const one = await exporting(t, backend, { sending_queue }, { host })
  assert.equal(await one.exporter.consume(spans(3)), OK)
  assert.equal((await one.exporter.consume(spans(3))).kind, 'retryable')
  assert.equal(one.ledger.notes.get('refused_queue_full'), 3)
  open()
  await until(() => one.ledger.entry().used.sent === 3)
})

test('with block_on_overflow a caller waits until the disk has room', async (t) => {
  const { backend, open } = await gated(t)
  const { host } = await storing(t, directory(t))
  const sending_queue = { ...STORAGE, queue_size: 1, block_on_overflow: true }
  const one = await exporting(t, backend, { sending_queue }, { host })
  await one.exporter.consume(spans(1))
  const waiting = one.exporter.consume(spans(2))
  open()
  assert.equal(await waiting, OK)
  await until(() => one.ledger.entry().used.sent === 3)
})

test('a storage that is full refuses, and the caller keeps the request', async (t) => {
  const { backend } = await gated(t)
  const { host } = await storing(t, directory(t), { max_size_mib: 2, segment_size_mib: 1 })
  const one = await exporting(t, backend, { sending_queue: STORAGE }, { host })
  let taken = 0
  let outcome = await one.exporter.consume(spans(1000))
  for (; outcome.kind === 'ok' && taken < 1000; taken++) {
    outcome = await one.exporter.consume(spans(1000))
  }
  assert.equal(outcome.kind, 'retryable')
  assert.equal(one.ledger.notes.get('refused_by_storage'), 1000)
  assert.equal(one.exporter.held?.(), taken * 1000)
})

test('batches are made of stored requests, and each leaves the disk when its batch is sent', async (t) => {
  const backend = await new Backend().listen()
  const { host } = await storing(t, directory(t))
  const batch = { min_size: 4, max_size: 4, flush_timeout: '20ms' }
  const one = await exporting(t, backend, { sending_queue: { ...STORAGE, batch } }, { host })
  for (const names of [['a', 'b', 'c'], ['d', 'e', 'f'], ['g']]) {
    await one.exporter.consume(namedSpans(...names))
  }
  await until(() => one.ledger.entry().used.sent === 7)
  assert.deepEqual(namesIn(backend), [
    ['a', 'b', 'c', 'd'],
    ['e', 'f', 'g'],
  ])
  assert.equal(one.exporter.held?.(), 0)
})

test('a record that cannot be decoded is counted, and does not stop the others', async (t) => {
  const path = directory(t)
  const backend = await new Backend().listen()
  const { host, storage } = await storing(t, path)
  const queue = await storage.queue('exporter/otlp/traces')
  await queue.append({ items: 7, parts: [Buffer.from('of another time')] })
  const one = await exporting(t, backend, { sending_queue: STORAGE }, { host })
  await one.exporter.consume(spans(2))
  await until(() => one.ledger.entry().used.sent === 2)
  assert.deepEqual(one.ledger.entry().lost, { undecodable: 7 })
  assertBalanced(one, 2)
  await queue.close()
})

test('a storage that is not there ends the start-up with the option', async (t) => {
  const backend = await new Backend().listen()
  await assert.rejects(
    exporting(t, backend, { sending_queue: STORAGE }),
    /exporters::otlp::sending_queue::storage: extension "file_storage" is not running/,
  )
})
