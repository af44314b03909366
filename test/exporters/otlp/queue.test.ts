import assert from 'node:assert/strict'
import { test } from 'node:test'
import { status } from '@grpc/grpc-js'
import { OK } from '../../../pipeline/outcome.ts'
import { FAST_RETRY, namedSpans, spans, until } from '../sending.ts'
import { Backend } from './backend.ts'
import { exporting, gated } from './exporting.ts'

const FULL = { kind: 'retryable', reason: 'sending queue is full' }

test('queue_size counts items or bytes, of what is being sent too', async (t) => {
  const one = spans(4).bytes.length
  for (const [sizer, queue_size] of [
    ['items', 8],
    ['bytes', 2 * one],
  ] as const) {
    const { backend, open } = await gated(t)
    const sending_queue = { num_consumers: 1, sizer, queue_size }
    const { exporter, ledger } = await exporting(t, backend, { sending_queue })
    assert.equal(await exporter.consume(spans(4)), OK)
    assert.equal(exporter.refusal?.(), undefined)
    assert.equal(await exporter.consume(spans(4)), OK)
    assert.deepEqual(exporter.refusal?.(), FULL, 'whoever asks first need not read his data')
    assert.deepEqual(await exporter.consume(spans(1)), FULL)
    assert.equal(ledger.notes.get('refused_queue_full'), 1)
    open()
    await until(() => ledger.entry().used.sent === 8)
    assert.equal(exporter.refusal?.(), undefined)
    const tooLarge = await exporter.consume(spans(20))
    assert.match(JSON.stringify(tooLarge), /"permanent".*element size too large/)
    assert.equal(ledger.notes.get('refused_too_large'), 20)
  }
})

test('what is refused is logged as rejected, once in a while', async (t) => {
  const { backend, open } = await gated(t)
  const sending_queue = { num_consumers: 1, queue_size: 1 }
  const { exporter, log } = await exporting(t, backend, { sending_queue })
  for (let i = 0; i < 20; i++) await exporter.consume(spans(3))
  open()
  const lines = log.map((line) => JSON.parse(line))
  const [line, ...more] = lines.filter(({ msg }) => msg === 'Exporting failed. Rejecting data.')
  assert.deepEqual([line.error, line.rejected_items, more], ['sending queue is full', 3, []])
})

test('an empty request is taken and not sent when items are counted', async (t) => {
  const backend = await new Backend().listen()
  const { exporter } = await exporting(t, backend, { sending_queue: { sizer: 'items' } })
  assert.equal(await exporter.consume(spans(0)), OK)
  await exporter.shutdown?.()
  assert.equal(backend.received.length, 0)
})

test('with block_on_overflow callers get room in the order in which they came', async (t) => {
  const { backend, open } = await gated(t)
  const sending_queue = { sizer: 'items', queue_size: 4, num_consumers: 1, block_on_overflow: true }
  const { exporter, ledger } = await exporting(t, backend, { sending_queue })
  const order: string[] = []
  const given = [4, 3, 1].map((count) =>
    Promise.resolve(exporter.consume(spans(count, `${count}`))).then(() => order.push(`${count}`)),
  )
  await given[0]
  // The third would fit as soon as one item has left, but the second came before it.
  open()
  await Promise.all(given)
  await until(() => ledger.entry().used.sent === 8)
  assert.deepEqual(order, ['4', '3', '1'])
  assert.equal(exporter.refusal?.(), undefined, 'who blocks has a reason to be asked')
})

test('shutdown tells whoever waits for room, and counts it as refused', async (t) => {
  const { backend } = await gated(t)
  const sending_queue = { queue_size: 1, num_consumers: 1, block_on_overflow: true }
  const { exporter, ledger } = await exporting(t, backend, { sending_queue })
  await exporter.consume(spans(1))
  const waiting = exporter.consume(spans(5))
  await exporter.shutdown?.(AbortSignal.timeout(50))
  assert.equal((await waiting).kind, 'retryable')
  assert.equal(ledger.notes.get('refused_shutdown'), 5)
  assert.deepEqual(ledger.entry().lost, { shutdown: 1 })
})

test('with wait_for_result the caller hears the outcome, and keeps what failed', async (t) => {
  const backend = await new Backend().listen()
  const answers = [new Uint8Array(0), { code: status.INVALID_ARGUMENT, details: 'no' }]
  backend.answer = (n) => answers[n] as Uint8Array
  const { exporter, ledger } = await exporting(t, backend, {
    sending_queue: { wait_for_result: true },
  })
  assert.equal(await exporter.consume(spans(2)), OK)
  assert.equal(backend.received.length, 1)
  const failed = await exporter.consume(spans(3))
  assert.deepEqual(failed, {
    kind: 'permanent',
    reason: 'not retryable error: INVALID_ARGUMENT: no',
    errorType: 'INVALID_ARGUMENT',
  })
  assert.deepEqual(ledger.entry(), { in: 0, out: 0, used: { sent: 2 }, lost: {}, held: 0 })
  assert.deepEqual(Object.fromEntries(ledger.notes), { send_failed: 3, refused_after_sending: 3 })
})

test('a request that went in two batches, of which one failed, stays the caller’s', async (t) => {
  const backend = await new Backend().listen()
  backend.answer = (n) => (n === 0 ? new Uint8Array(0) : { code: status.INVALID_ARGUMENT })
  const { exporter, ledger } = await exporting(t, backend, {
    sending_queue: {
      wait_for_result: true,
      num_consumers: 1,
      batch: { min_size: 1, max_size: 3, flush_timeout: '10ms' },
    },
  })
  assert.equal((await exporter.consume(spans(5))).kind, 'permanent')
  // What was sent counts as taken in, so that the books balance when all of it is offered again.
  assert.deepEqual(ledger.entry(), { in: 3, out: 0, used: { sent: 3 }, lost: {}, held: 0 })
  assert.deepEqual(Object.fromEntries(ledger.notes), { send_failed: 2, refused_after_sending: 5 })
})

test('a throttled backend that asks for years is not asked at once', async (t) => {
  const backend = await new Backend().listen()
  backend.answer = () => ({ code: status.UNAVAILABLE })
  const { exporter } = await exporting(t, backend, {
    retry_on_failure: {
      ...FAST_RETRY,
      initial_interval: '900h',
      max_interval: '900h',
      max_elapsed_time: '0',
    },
  })
  await exporter.consume(namedSpans('a'))
  await backend.arrived(1)
  // A timer of more than 2^31 ms would fire at once.
  await new Promise((resolve) => setTimeout(resolve, 100))
  assert.equal(backend.received.length, 1)
})
