/** Health of a real service, whose exporter sends to a server that goes and comes. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { freePorts } from '../../kit/ports.ts'
import { waitFor } from '../../kit/processes.ts'
import { startService } from '../../kit/service.ts'

const SPANS = JSON.stringify({
  resourceSpans: [
    { scopeSpans: [{ spans: [{ name: 'x', traceId: '1'.repeat(32), spanId: '2'.repeat(16) }] }] },
  ],
})

const yaml = (backend: number, health: string) => `
receivers: { otlp: { protocols: { http: { endpoint: "127.0.0.1:0" } } } }
exporters:
  otlp_http:
    endpoint: http://127.0.0.1:${backend}
    retry_on_failure: { initial_interval: 50ms, max_interval: 50ms }
  nop:
extensions: { health_check: ${health} }
service:
  extensions: [health_check]
  shutdown_timeout: 2s
  telemetry: { metrics: { level: none } }
  pipelines:
    traces: { receivers: [otlp], exporters: [otlp_http] }
    traces/idle: { receivers: [otlp], exporters: [nop] }
`

async function startBackend(port: number) {
  const server = createServer((request, response) => {
    request.resume().on('end', () => response.writeHead(200).end())
  }).listen(port, '127.0.0.1')
  await once(server, 'listening')
  return server
}

test('a backend that stays away makes it unhealthy, and one that is back well again', async (t) => {
  const [port] = (await freePorts(1)) as [number]
  const health = '{ endpoint: "127.0.0.1:0", component_health: { recovery_duration: 300ms } }'
  const { address } = await startService(t, yaml(port, health))
  const get = async (path = '/') => {
    const answer = await fetch(`http://${address('extension/health_check')}${path}`)
    return { code: answer.status, body: await answer.text() }
  }
  const well = await get()
  assert.equal(well.code, 200)
  assert.match(
    well.body,
    /^\{"status":"Server available","upSince":"[^"]+Z","uptime":"[\d.]+s"\}\n$/,
  )

  const url = `http://${address('receiver/otlp')}/v1/traces`
  const headers = { 'content-type': 'application/json' }
  assert.equal((await fetch(url, { method: 'POST', body: SPANS, headers })).status, 200)
  const is = (code: number) => async () => ((await get()).code === code ? get() : undefined)
  const sick = await waitFor('unhealthy', is(500))
  assert.match(JSON.parse(sick.body).reason, /ECONNREFUSED|connect/)
  // A restart would not help.
  assert.deepEqual(await get('/livez'), { code: 200, body: 'alive\n' })

  const backend = await startBackend(port)
  t.after(() => backend.close().closeAllConnections())
  await waitFor('healthy again', is(200))
})

test('the second version names every component, and one pipeline for itself', async (t) => {
  const [port] = (await freePorts(1)) as [number]
  const health =
    '{ use_v2: true, http: { endpoint: "127.0.0.1:0" }, component_health: { recovery_duration: 0s } }'
  const { address, service } = await startService(t, yaml(port, health))
  const get = async (query = '') => {
    const answer = await fetch(`http://${address('extension/health_check')}/status${query}`)
    return { code: answer.status, body: JSON.parse(await answer.text()) }
  }
  const short = await get()
  assert.equal(short.code, 200)
  assert.deepEqual(Object.keys(short.body), ['start_time', 'healthy', 'status', 'status_time'])
  assert.equal(short.body.status, 'StatusOK')

  const url = `http://${address('receiver/otlp')}/v1/traces`
  const headers = { 'content-type': 'application/json' }
  await fetch(url, { method: 'POST', body: SPANS, headers })
  await waitFor('unhealthy', async () => (await get()).code === 500)
  const { body } = await get('?verbose')
  assert.equal(body.status, 'StatusRecoverableError')
  assert.deepEqual(Object.keys(body.components), [
    'pipeline:traces',
    'pipeline:traces/idle',
    'extensions',
  ])
  const { components } = body.components['pipeline:traces']
  assert.deepEqual(Object.keys(components), ['receiver:otlp', 'exporter:otlp_http'])
  assert.match(components['exporter:otlp_http'].error, /ECONNREFUSED|connect/)
  assert.equal(components['receiver:otlp'].healthy, true)
  assert.equal((await get('?pipeline=traces')).code, 500)
  const idle = await get('?pipeline=traces/idle&verbose')
  assert.deepEqual(
    [idle.code, Object.keys(idle.body.components)],
    [200, ['receiver:otlp', 'exporter:nop']],
  )
  const root = `http://${address('extension/health_check')}`
  assert.equal((await fetch(`${root}/status?pipeline=none`)).status, 404)
  assert.equal((await fetch(`${root}/`)).status, 404)
  await service.shutdown()
  await assert.rejects(fetch(root))
})

test('texts of its own are answered in place of JSON', async (t) => {
  const health = '{ endpoint: "127.0.0.1:0", path: /health, response_body: { healthy: fine } }'
  const { address } = await startService(t, yaml(9, health))
  const answer = await fetch(`http://${address('extension/health_check')}/health`)
  assert.deepEqual([answer.status, await answer.text()], [200, 'fine'])
})
