import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { test } from 'node:test'
import type { ConfigError } from '../../../pipeline/config/problems.ts'
import { telemetryOptions } from '../../../pipeline/telemetry/options.ts'
import { freePorts } from '../../kit/ports.ts'
import { makeTelemetry, serveTelemetry } from './telemetries.ts'

test('metrics are served until the shutdown, and nothing else is', async (t) => {
  const { telemetry, url } = await serveTelemetry(t)
  const answer = await fetch(url())
  assert.equal(answer.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8')
  assert.match(await answer.text(), /^otelcol_process_memory_rss \d+$/m)
  assert.equal((await fetch(new URL('/', url()))).status, 404)
  await telemetry.shutdown(AbortSignal.timeout(1000))
  await assert.rejects(fetch(url()))
})

test('an address that is taken is a warning that names the option', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  t.after(() => taken.close())
  const address = `127.0.0.1:${(taken.address() as AddressInfo).port}`
  const { lines } = await serveTelemetry(t, { metrics: { address } })
  const warning = lines.find(({ level }) => level === 'warn')
  assert.match(String(warning?.reason), /the address is in use/)
  assert.match(String(warning?.change), /service::telemetry::metrics::address/)
})

test('what a component measures is there, in the level that it belongs to', async (t) => {
  const names = {
    otelcol_exporter_queue_size: ['basic', 'normal', 'detailed'],
    otelcol_processor_batch_batch_send_size: ['normal', 'detailed'],
    otelcol_processor_batch_batch_send_size_bytes: ['detailed'],
    otelcol_exporter_enqueue_size_bytes: ['detailed'],
    'rpc.server.call.duration': ['detailed'],
  }
  for (const level of ['basic', 'normal', 'detailed']) {
    const { telemetry, scrape } = await serveTelemetry(t, { metrics: { level } })
    for (const name of Object.keys(names)) {
      telemetry.instruments.meter.createCounter(name).add(1)
    }
    const { families } = await scrape()
    for (const [name, levels] of Object.entries(names)) {
      const is = `${name} at ${level}`
      assert.equal(families.has(name.replaceAll('.', '_')), levels.includes(level), is)
    }
  }
})

test('level none measures nothing and listens nowhere', async (t) => {
  const { telemetry, lines } = await serveTelemetry(t, { metrics: { level: 'none' } })
  assert.equal(await telemetry.collect(), undefined)
  assert.deepEqual(lines, [])
})

test('the resource has a name, a version and a new id, unless null takes one away', async (t) => {
  const one = await serveTelemetry(t)
  const other = await serveTelemetry(t)
  const id = async ({ scrape }: typeof one) =>
    (await scrape()).families.get('target_info')?.samples[0]?.labels.service_instance_id
  assert.match((await id(one)) ?? '', /^[0-9a-f-]{36}$/)
  assert.notEqual(await id(one), await id(other))
  const resource = { 'service.name': 'agent', 'service.instance.id': null, zone: 7 }
  const { scrape } = await serveTelemetry(t, { resource } as object)
  const labels = (await scrape()).families.get('target_info')?.samples[0]?.labels
  assert.deepEqual(labels, { service_name: 'agent', service_version: '1.2.3', zone: '7' })
})

test('a view renames, and leaves attributes out', async (t) => {
  const views = [
    {
      selector: { instrument_name: 'otelcol_things' },
      stream: { name: 'things', attribute_keys: { excluded: ['secret'] } },
    },
    { selector: { instrument_name: 'otelcol_process_*' }, stream: { aggregation: { drop: {} } } },
  ]
  const { telemetry, scrape } = await serveTelemetry(t, { metrics: { level: 'detailed', views } })
  telemetry.instruments.meter.createCounter('otelcol_things').add(1, { secret: 's', open: 'o' })
  const read = await scrape()
  assert.deepEqual(read.families.get('things')?.samples[0]?.labels, { open: 'o' })
  assert.ok(![...read.families.keys()].some((name) => name.startsWith('otelcol_process_')))
})

test('lines that sampling left out are counted by level', async (t) => {
  const logs = { sampling: { initial: 1, thereafter: 0 } }
  const { logs: made, scrape } = await serveTelemetry(t, { logs } as object)
  for (let i = 0; i < 5; i++) made.logger.warn('again')
  assert.equal((await scrape()).value('flowspan_log_lines_sampled_out', { level: 'warn' }), 4)
})

test('a reload changes levels and addresses while all goes on', async (t) => {
  const { telemetry, logs, url, scrape, lines } = await serveTelemetry(t)
  const child = logs.logger.child({ component: 'exporter/otlp' })
  telemetry.instruments.meter.createCounter('rpc.client.calls').add(1)
  assert.ok(!(await scrape()).families.has('rpc_client_calls'))
  const [port] = await freePorts(1)
  const before = url()
  const metrics = { level: 'detailed', address: `127.0.0.1:${port}` }
  const wanted = telemetryOptions.parse({ logs: { level: 'DEBUG' }, metrics })
  await telemetry.reconfigure(wanted)()
  assert.notEqual(url(), before)
  assert.ok((await scrape()).families.has('rpc_client_calls'))
  await assert.rejects(fetch(before))
  child.debug('heard now')
  assert.ok(lines.some(({ msg }) => msg === 'heard now'))
})

test('a reload tells what it cannot change, all at once', async (t) => {
  const { telemetry } = await makeTelemetry(t, { metrics: { level: 'none' } })
  const exporter = { otlp: { endpoint: 'http://localhost:4318' } }
  const wanted = telemetryOptions.parse({
    logs: { level: 'debug', encoding: 'json' },
    metrics: { readers: [{ periodic: { exporter } }] },
    traces: { processors: [{ batch: { exporter } }] },
    resource: { a: 'b' },
  })
  assert.throws(
    () => telemetry.reconfigure(wanted),
    ({ problems }: ConfigError) => {
      const paths = problems.map(({ path }) => path.slice(2).join('::'))
      const all = ['logs::encoding', 'traces', 'resource', 'metrics::readers', 'metrics::level']
      assert.deepEqual(paths, all)
      assert.match(problems[0]?.message ?? '', /restart flowspan/)
      return true
    },
  )
})
