import assert from 'node:assert/strict'
import { test } from 'node:test'
import { status } from '@grpc/grpc-js'
import { schema, validate } from '../../../exporters/load_balancing/config.ts'
import type { LoadBalancer } from '../../../exporters/load_balancing/load_balancing_exporter.ts'
import { OK } from '../../../pipeline/outcome.ts'
import { until } from '../sending.ts'
import { backends, balancing, configured, endpointOf, OTLP, traces, tracesAt } from './balancing.ts'

const IDS = Array.from({ length: 60 }, (_, i) => i)

test('all spans of a trace go to one backend, from whichever batch they come', async (t) => {
  const at = await backends(t, 3)
  const { exporter, ledger } = await balancing(t, at)
  for (let i = 0; i < 3; i++) assert.equal(await exporter.consume(traces(...IDS)), OK)
  await until(() => exporter.held?.() === 0)
  const seen = at.map((backend) => new Set(tracesAt(backend)))
  for (const id of IDS) assert.equal(seen.filter((ids) => ids.has(id)).length, 1)
  assert(
    seen.every((ids) => ids.size > 5),
    'and each backend has its share',
  )
  assert.deepEqual(ledger.entry().used, { sent: 180 })
})

test('what waits for a backend that is gone goes to the others, and nothing is lost', async (t) => {
  const at = await backends(t, 3)
  const [gone, ...rest] = at
  if (gone === undefined) return
  gone.answer = () => ({ code: status.UNAVAILABLE, details: 'down' })
  const { exporter, ledger, resolve } = await balancing(t, at)
  for (let i = 0; i < 20; i++) await exporter.consume(traces(...IDS))
  await until(() => rest.every(({ received }) => received.length >= 20))
  const others = new Set(rest.flatMap(tracesAt)).size
  assert(others < 60 && exporter.held?.() !== 0)
  resolve(rest)
  await until(() => exporter.held?.() === 0)
  assert.deepEqual(ledger.entry().lost, {})
  assert.equal(ledger.entry().used.sent, 20 * 60)
  assert.equal(ledger.notes.get('rerouted'), 20 * (60 - others))
  assert.deepEqual(
    rest.flatMap(tracesAt).sort((a, b) => a - b),
    IDS.flatMap((id) => Array.from({ length: 20 }, () => id)),
  )
})

test('a backend that is away does not hold up the others', async (t) => {
  const at = await backends(t, 2)
  const [away, here] = at
  if (away === undefined || here === undefined) return
  away.answer = () => 'silence'
  const { exporter } = await balancing(t, at, { sending_queue: { num_consumers: 1 } })
  for (let i = 0; i < 10; i++) assert.equal(await exporter.consume(traces(...IDS)), OK)
  await here.arrived(10)
  assert.equal(away.received.length, 1)
})

test('when a queue is full the whole batch is refused, and nothing of it was taken', async (t) => {
  const at = await backends(t, 2)
  const [away, here] = at
  if (away === undefined || here === undefined) return
  away.answer = () => 'silence'
  const { exporter, ledger } = await balancing(t, at, { sending_queue: { queue_size: 2 } })
  for (let i = 0; i < 2; i++) assert.equal(await exporter.consume(traces(...IDS)), OK)
  await here.arrived(2)
  const refused = await exporter.consume(traces(...IDS))
  assert.equal(refused.kind, 'retryable')
  assert.match(refused.kind === 'retryable' ? refused.reason : '', /127\.0\.0\.1:\d+ is full/)
  assert.equal(ledger.notes.get('refused_queue_full'), 60)
})

test('what a backend refuses for good is lost, with the reason, and the rest is sent', async (t) => {
  const at = await backends(t, 2)
  const [bad, good] = at
  if (bad === undefined || good === undefined) return
  bad.answer = () => ({ code: status.INVALID_ARGUMENT, details: 'no' })
  const { exporter, ledger } = await balancing(t, at)
  await exporter.consume(traces(...IDS))
  await until(() => exporter.held?.() === 0)
  const { used, lost } = ledger.entry()
  assert.equal(used.sent, tracesAt(good).length)
  assert.deepEqual(lost, { permanent: 60 - tracesAt(good).length })
})

test('without queues the caller waits, and hears what became of it', async (t) => {
  const at = await backends(t, 2)
  const off = { sending_queue: { enabled: false }, retry_on_failure: { enabled: false } }
  const { exporter, ledger } = await balancing(t, at, off)
  assert.equal(await exporter.consume(traces(...IDS)), OK)
  assert.equal(at.flatMap(tracesAt).length, 60)
  for (const backend of at) backend.answer = () => ({ code: status.UNAVAILABLE, details: 'down' })
  assert.equal((await exporter.consume(traces(...IDS))).kind, 'retryable')
  assert.deepEqual(ledger.entry().lost, {})
})

test('before any backend is known data is refused for now', async (t) => {
  const at = await backends(t, 1)
  const { exporter, resolve } = await balancing(t, [])
  assert.equal((await exporter.consume(traces(1))).kind, 'retryable')
  resolve(at)
  await until(() => exporter.refusal?.() === undefined)
  assert.equal(await exporter.consume(traces(1)), OK)
})

test('at shutdown what is held is sent', async (t) => {
  const at = await backends(t, 3)
  const { exporter, ledger } = await balancing(t, at)
  await exporter.consume(traces(...IDS))
  await exporter.shutdown?.()
  assert.equal(at.flatMap(tracesAt).length, 60)
  assert.deepEqual(ledger.entry().used, { sent: 60 })
  assert.equal(exporter.held?.(), 0)
})

test('a queue in front divides what it holds when it is sent', async (t) => {
  const at = await backends(t, 2)
  const resolver = { static: { hostnames: at.map(endpointOf) } }
  const options = { resolver, protocol: { otlp: OTLP }, sending_queue: {} }
  const { exporter, ledger } = await configured(t, options)
  assert.equal(await exporter.consume(traces(...IDS)), OK)
  await until(() => at.flatMap(tracesAt).length === 60)
  await until(() => ledger.entry().used.sent === 60)
  assert(at.every(({ received }) => received.length === 1))
})

test('what a queue in front holds waits until there are backends', async (t) => {
  const at = await backends(t, 1)
  const { exporter, resolve } = await balancing(t, [])
  const sent = (exporter as LoadBalancer).send(traces(1))
  resolve(at)
  assert.equal(await sent, OK)
  assert.deepEqual(at.flatMap(tracesAt), [1])
})

test('a routing key of another signal is refused, with those that can be', async (t) => {
  const resolver = { static: { hostnames: ['a'] } }
  await assert.rejects(configured(t, { resolver, routing_key: 'flow_id' }), {
    message:
      'exporters::otlp::routing_key: must be one of traceID, service, resource for traces: it is flow_id',
  })
})

test('one resolver must be named, with names that can be reached', () => {
  const problems = (resolver: unknown, more = {}) =>
    validate(schema.parse({ resolver, ...more })).map(({ path, message }) => `${path}: ${message}`)
  assert.deepEqual(problems({}), ['resolver: must be one of static, dns, k8s: there is none'])
  assert.deepEqual(problems({ static: { hostnames: ['a'] }, dns: { hostname: 'b' } }), [
    'resolver: must be one of static, dns, k8s: there are static and dns',
  ])
  assert.deepEqual(problems({ static: { hostnames: ['a', 'b:99999'] } }), [
    'resolver,static,hostnames,1: invalid port "99999"',
  ])
  const stored = { protocol: { otlp: { sending_queue: { storage: 'file_storage' } } } }
  assert.match(problems({ static: { hostnames: ['a'] } }, stored)[0] ?? '', /must not be set here/)
})
