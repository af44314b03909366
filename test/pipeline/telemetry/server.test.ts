import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { test } from 'node:test'
import pino from 'pino'
import { MetricsServer } from '../../../pipeline/telemetry/server.ts'

function logging() {
  const lines: Record<string, unknown>[] = []
  const logger = pino({}, { write: (line) => void lines.push(JSON.parse(line)) })
  const reload = async () => ({ ok: true }) as const
  return { lines, with: { logger, reload } }
}

test('metrics are served until the shutdown, and nothing else is', async () => {
  const { lines, with: surroundings } = logging()
  const server = new MetricsServer(() => 'up 1\n', surroundings)
  await server.start('127.0.0.1:0')
  const url = String(lines[0]?.url)
  const answer = await fetch(url)
  assert.equal(answer.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8')
  assert.equal(await answer.text(), 'up 1\n')
  assert.equal((await fetch(new URL('/', url))).status, 404)
  await server.shutdown()
  await server.shutdown()
  await assert.rejects(fetch(url))
})

test('a port that is taken is a warning that names the option', async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  const { lines, with: surroundings } = logging()
  const server = new MetricsServer(() => '', surroundings)
  await server.start(`127.0.0.1:${(taken.address() as AddressInfo).port}`)
  assert.equal(lines[0]?.level, 40)
  assert.match(String(lines[0]?.reason), /EADDRINUSE/)
  assert.match(String(lines[0]?.change), /service::telemetry::metrics::address/)
  await server.shutdown()
  taken.close()
})
