import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { EPISODE_KIND } from '../../../pipeline/flows/schema.ts'
import { OK, retryable } from '../../../pipeline/outcome.ts'
import { type FlowRow, flowBatch } from '../rows.ts'
import { only, Stage } from './stage.ts'

const CUMULATIVE = 2
const HTTP_BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]

test('a request is measured at both ends, by the HTTP conventions', async () => {
  const stage = new Stage()
  const ends = { source: { service_name: 'web' }, destination: { service_name: 'api' } }
  stage.send(
    { role: 'client', host: 'api:8080', durationUs: 5000, ...ends },
    { role: 'server', durationUs: 5001, status: 503, ...ends },
  )
  const all = await stage.flush()
  const client = only(all, 'http.client.request.duration')
  assert.equal(client.resource['service.name'], 'web')
  assert.equal(client.metric.unit, 's')
  assert.equal(client.metric.histogram.aggregationTemporality, CUMULATIVE)
  assert.deepEqual(client.attributes, {
    'http.request.method': 'GET',
    'url.scheme': 'http',
    'network.protocol.name': 'http',
    'network.protocol.version': '1.1',
    'http.response.status_code': '200',
    'server.address': 'api',
    'server.port': '8080',
  })
  assert.deepEqual(client.data.explicitBounds, HTTP_BOUNDS)
  assert.deepEqual(client.data.bucketCounts, ['1', ...Array(14).fill('0')], 'a bound is inclusive')
  assert.equal(client.data.count, '1')
  assert.equal(client.data.sum, 0.005)
  const server = only(all, 'http.server.request.duration')
  assert.equal(server.resource['service.name'], 'api')
  assert.equal(server.data.bucketCounts[1], '1')
  assert.equal(server.attributes['error.type'], '503')
  assert.equal(server.attributes['http.response.status_code'], '503')
  assert.equal('server.address' in server.attributes, false)
})

test('points are cumulative from one start on', async () => {
  const stage = new Stage()
  const before = BigInt(Math.floor(performance.timeOrigin + performance.now())) * 1_000_000n
  stage.send({ role: 'server' }, { role: 'server' })
  const first = only(await stage.flush(), 'http.server.request.duration').data
  await sleep(2)
  stage.send({ role: 'server' })
  const second = only(await stage.flush(), 'http.server.request.duration').data
  assert.equal(first.count, '2')
  assert.equal(second.count, '3')
  assert.equal(second.startTimeUnixNano, first.startTimeUnixNano)
  assert(BigInt(first.startTimeUnixNano) >= before)
  assert(BigInt(first.timeUnixNano) >= BigInt(first.startTimeUnixNano))
  assert(BigInt(second.timeUnixNano) > BigInt(first.timeUnixNano))
})

test('series differ by what the conventions tell apart, and by nothing else', async () => {
  const stage = new Stage()
  const row: FlowRow = { role: 'client' }
  stage.send(row, { ...row, target: '/other' }, { ...row, flow: 9 }, { ...row, offset: 99 })
  assert.equal(only(await stage.flush(), 'http.client.request.duration').data.count, '4')
  const variants: FlowRow[] = [
    { role: 'client', method: 'POST' },
    { role: 'client', method: 'PURGE' },
    { role: 'client', status: 201 },
    { role: 'client', status: 0 },
    { role: 'client', status: 0, error: 'connection_closed' },
    { role: 'client', version: '1.0' },
    { role: 'client', host: 'storage' },
    { role: 'client', host: '' },
    { role: 'client', host: '', dst: [...Array(15).fill(0), 1] },
    { role: 'client', source: { service_name: 'x' } },
  ]
  stage.send(...variants)
  stage.send(...variants)
  const found = (await stage.flush()).filter((p) => p.name === 'http.client.request.duration')
  assert.equal(found.length, 1 + variants.length)
  assert.deepEqual(
    found.map((point) => point.data.count).sort(),
    ['4', ...variants.map(() => '2')].sort(),
  )
  const methods = found.map((point) => point.attributes['http.request.method'])
  assert(methods.includes('_OTHER') && !methods.includes('PURGE'))
})

test('connections are measured an edge', async () => {
  const stage = new Stage()
  const api = {
    service_name: 'api',
    k8s_namespace: 'shop',
    k8s_workload_kind: 'Deployment',
    k8s_workload: 'api',
  }
  const row: FlowRow = { kind: 'connection', role: 'client', source: { service_name: 'web' } }
  const one = { ...row, destination: { ...api, k8s_pod: 'api-1' } }
  const two = { ...row, destination: { ...api, k8s_pod: 'api-2' } }
  stage.send({ ...one, state: 'open', connectUs: 200 }, { ...two, state: 'open' })
  stage.send({ ...one, state: 'interim', sent: 1 })
  const closed: FlowRow = {
    ...one,
    reason: 'fin',
    sent: 100,
    sentDelta: 99,
    received: 2 ** 40,
    retransmits: 3,
  }
  stage.send({ ...closed, srttUs: 90 }, { ...two, reason: 'rst_received', sent: 11 })
  const all = await stage.flush()
  const edge = {
    'flowspan.role': 'client',
    'peer.service': 'api',
    'peer.k8s.namespace.name': 'shop',
    'peer.k8s.deployment.name': 'api',
  }
  const io = all.filter((point) => point.name === 'flowspan.tcp.io')
  assert.deepEqual(
    io.map((point) => [point.attributes, point.data.asInt]),
    [
      [{ ...edge, 'network.io.direction': 'transmit' }, '111'],
      [{ ...edge, 'network.io.direction': 'receive' }, String(2 ** 40)],
    ],
  )
  assert.equal(io[0]?.metric.sum.isMonotonic, true)
  assert.equal(io[0]?.metric.unit, 'By')
  assert.equal(io[0]?.resource['service.name'], 'web')
  assert.equal(only(all, 'flowspan.tcp.retransmits').data.asInt, '3')
  const rtt = only(all, 'flowspan.tcp.rtt')
  assert.equal(rtt.data.count, '1')
  assert.equal(rtt.data.sum, 90e-6)
  assert.equal(only(all, 'flowspan.tcp.connect.duration').data.sum, 200e-6)
  const connections = all.filter((point) => point.name === 'flowspan.tcp.connections')
  const state = (value: string) => ({ ...edge, 'flowspan.tcp.connection.state': value })
  assert.deepEqual(
    connections.map((point) => [point.attributes, point.data.asInt]),
    [
      [state('opened'), '2'],
      [state('closed'), '1'],
      [{ ...state('closed'), 'error.type': 'rst_received' }, '1'],
    ],
  )
})

test('what holds connections up and what is dropped is added up from row to row', async () => {
  const stage = new Stage()
  const row: FlowRow = { kind: 'connection', role: 'client' }
  const batch = flowBatch({ ...row, state: 'interim' }, { ...row, reason: 'fin' })
  for (const at of [0, 1]) {
    batch.base.busy_delta_us[at] = 1_000_000
    batch.base.rwnd_limited_delta_us[at] = 750_000
    batch.base.drops_delta[at] = 2
  }
  stage.connector.consume(batch)
  const all = await stage.flush()
  const busy = all.filter((point) => point.name === 'flowspan.tcp.busy.time')
  assert.deepEqual(
    busy.map((point) => [point.attributes['flowspan.tcp.limit'], point.data.asDouble]),
    [
      ['rwnd', 1.5],
      ['none', 0.5],
    ],
  )
  assert.equal(only(all, 'flowspan.tcp.drops').data.asInt, '4')
})

test('a listener’s drops are its process’s, by port', async () => {
  const stage = new Stage()
  const batch = flowBatch({ kind: 'listener', state: 'interim', role: 'server', port: 8080 })
  batch.base.listen_drops[0] = 9
  batch.base.listen_drops_delta[0] = 4
  batch.base.synack_retries_delta[0] = 1
  stage.connector.consume(batch)
  const all = await stage.flush()
  assert.equal(all.length, 2)
  const drops = only(all, 'flowspan.tcp.listener.drops')
  assert.deepEqual([drops.attributes, drops.data.asInt], [{ 'server.port': '8080' }, '4'])
  assert.equal(only(all, 'flowspan.tcp.listener.synack.retries').data.asInt, '1')
})

test('an episode counts once, as it begins, by its kind', async () => {
  const stage = new Stage()
  for (const state of ['open', 'interim', 'closed'] as const) {
    const batch = flowBatch({ kind: 'episode', state, role: 'server', port: 8080 })
    batch.base.episode_kind[0] = EPISODE_KIND.loss
    stage.connector.consume(batch)
  }
  const all = await stage.flush()
  assert.equal(all.length, 1)
  const { attributes, data } = only(all, 'flowspan.tcp.episodes')
  assert.deepEqual([attributes['flowspan.tcp.episode.kind'], data.asInt], ['loss', '1'])
})

test('a connection that was never established has failed, and says why', async () => {
  const stage = new Stage()
  const batch = flowBatch({ kind: 'connection', role: 'client', reason: 'refused' })
  batch.base.flow_id_local[0] = 1
  stage.connector.consume(batch)
  const all = await stage.flush()
  assert.equal(all.length, 1)
  assert.deepEqual(only(all, 'flowspan.tcp.connections').attributes, {
    'flowspan.role': 'client',
    'flowspan.tcp.connection.state': 'failed',
    'error.type': 'refused',
  })
})

test('values that cannot be are left out, and spoil no sum', async () => {
  const stage = new Stage()
  const row: FlowRow = { kind: 'connection', role: 'client' }
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, -5, 2 ** 70]) {
    stage.send(
      { role: 'server', durationUs: 1000 },
      { ...row, state: 'open', connectUs: bad },
      { ...row, reason: 'fin', sent: bad, received: 1 },
    )
    const batch = flowBatch({ role: 'server' })
    batch.base.duration_us[0] = bad
    stage.connector.consume(batch)
  }
  const all = await stage.flush()
  const io = all.filter((point) => point.name === 'flowspan.tcp.io')
  assert.deepEqual(
    io.map((point) => point.data.asInt),
    ['4'],
  )
  assert.equal(only(all, 'http.server.request.duration').data.count, '4')
  assert.equal(only(all, 'http.server.request.duration').data.sum, 0.004)
  assert(all.every((point) => point.name !== 'flowspan.tcp.connect.duration'))
})

test('beyond series_max values go to one series that says so, none are lost', async () => {
  const stage = new Stage({ series_max: 3 })
  for (let i = 0; i < 8; i++) stage.send({ role: 'client', host: `host-${i}` }, { role: 'server' })
  const all = (await stage.flush()).filter((p) => p.name === 'http.client.request.duration')
  assert.equal(all.length, 4)
  const overflow = all.filter((point) => point.attributes['otel.metric.overflow'] === true)
  assert.equal(overflow.length, 1)
  assert.equal(overflow[0]?.data.count, '5')
  assert.equal(stage.around.ledger.notes.get('series_overflowed'), 5)
})

test('a series not updated for series_expiration is forgotten, and begins anew', async () => {
  const stage = new Stage({ series_expiration: 60_000 })
  stage.send({ role: 'server' }, { role: 'server', method: 'POST' })
  const before = only(
    (await stage.flush()).filter((p) => p.attributes['http.request.method'] === 'GET'),
    'http.server.request.duration',
  ).data
  stage.now += 30_000
  stage.send({ role: 'server', method: 'POST' })
  stage.now += 30_001
  const left = only(await stage.flush(), 'http.server.request.duration')
  assert.equal(left.attributes['http.request.method'], 'POST')
  await sleep(2)
  stage.send({ role: 'server' })
  const again = (await stage.flush()).find((p) => p.attributes['http.request.method'] === 'GET')
  assert.equal(again?.data.count, '1')
  assert(BigInt(again?.data.startTimeUnixNano) > BigInt(before.timeUnixNano))
})

test('a connection’s series begin anew, too, and with another index for each text', async () => {
  const stage = new Stage({ series_expiration: 60_000 })
  const row = { kind: 'connection', role: 'client', state: 'closed', srtt: 90 } as const
  const closed = async () =>
    (await stage.flush()).find((point) => point.name === 'flowspan.tcp.connections')?.data.asInt
  stage.send(row)
  assert.equal(await closed(), '1')
  stage.send({ role: 'server', method: 'PUT', comm: 'another' }, row)
  assert.equal(await closed(), '2')
  stage.now += 60_001
  assert.equal(await closed(), undefined)
  stage.send(row)
  assert.equal(await closed(), '1')
})

test('series_expiration 0 keeps series for ever', async () => {
  const stage = new Stage({ series_expiration: 0 })
  stage.send({ role: 'server' })
  stage.now += 1e9
  assert.equal((await stage.flush()).length, 1)
})

test('many series leave in several requests, each whole', async () => {
  const stage = new Stage({ series_max: 20_000 })
  const rows = Array.from(
    { length: 12_000 },
    (_, i): FlowRow => ({ role: 'client', host: `h${i}` }),
  )
  stage.send(...rows)
  const all = await stage.flush()
  assert.equal(all.length, 12_000)
  assert(stage.around.got.length > 1)
  assert(stage.around.got.every((batch) => batch.bytes.length < 2.5 * 1024 * 1024))
  assert.equal(new Set(all.map((point) => point.attributes['server.address'])).size, 12_000)
})

test('flushes go by the clock, and at shutdown what is new is sent', async () => {
  const stage = new Stage({ metrics_flush_interval: 5 })
  stage.connector.start()
  stage.send({ role: 'server' })
  while (stage.around.got.length === 0) await sleep(5)
  await stage.connector.shutdown()
  const { length } = stage.around.got
  await stage.connector.shutdown()
  assert.equal(stage.around.got.length, length, 'nothing new, nothing sent')

  const late = new Stage()
  late.connector.start()
  late.send({ role: 'server' })
  await late.connector.shutdown()
  assert.equal(late.around.got.length, 1)
})

test('what `next` refuses is in the next flush, and noted', async () => {
  const stage = new Stage()
  stage.send({ role: 'server' })
  stage.around.answer = () => retryable('busy')
  assert.deepEqual(await stage.flush(), [])
  assert.equal(stage.around.ledger.notes.get('points_refused'), 1)
  stage.around.answer = () => OK
  await stage.connector.shutdown()
  assert.equal(stage.around.got.length, 1)
})

test('every row is accounted for as measured', () => {
  const stage = new Stage()
  stage.send(
    { role: 'server' },
    { role: 'server', state: 'open' },
    { role: 'client', kind: 'connection', state: 'interim' },
  )
  assert.deepEqual(stage.around.ledger.entry().used, { measured: 3 })
})
