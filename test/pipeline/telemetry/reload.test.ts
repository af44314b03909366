/** Reloads of a running service that change what it tells of itself. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Exposition } from '../../kit/exposition.ts'
import { freePorts } from '../../kit/ports.ts'
import { startService } from '../../kit/service.ts'

const yaml = (telemetry: string) => `
receivers: { nop: }
exporters: { nop: }
service:
  telemetry: ${telemetry}
  pipelines: { traces: { receivers: [nop], exporters: [nop] } }
`

test('levels and the address of metrics change while the service runs', async (t) => {
  const [before, after] = (await freePorts(2)) as [number, number]
  const { reload, service, lines } = await startService(
    t,
    yaml(`{ metrics: { address: "127.0.0.1:${before}" } }`),
  )
  const scrape = async (port: number) =>
    new Exposition(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text())
  assert.ok((await scrape(before)).families.has('otelcol_process_uptime'))
  service.nodes[0]?.logger.debug('not heard')
  await reload(yaml(`{ metrics: { address: "127.0.0.1:${after}" }, logs: { level: debug } }`))
  assert.ok((await scrape(after)).families.has('otelcol_process_uptime'))
  await assert.rejects(fetch(`http://127.0.0.1:${before}/metrics`))
  service.nodes[0]?.logger.debug('heard')
  assert.deepEqual(
    lines.filter(({ level }) => level === 'debug').map(({ msg }) => msg),
    ['heard'],
  )
  await reload(yaml('{ metrics: { level: none } }'))
  await assert.rejects(fetch(`http://127.0.0.1:${after}/metrics`))
  await reload(yaml(`{ metrics: { address: "127.0.0.1:${before}" } }`))
  assert.ok((await scrape(before)).families.has('otelcol_process_uptime'))
})

test('a reload that would change more fails by name, and all stays as it was', async (t) => {
  const [port] = (await freePorts(1)) as [number]
  const metrics = `metrics: { address: "127.0.0.1:${port}" }`
  const { reload, service } = await startService(t, yaml(`{ ${metrics} }`))
  const nodes = service.nodes
  await assert.rejects(
    reload(yaml(`{ ${metrics}, logs: { encoding: json, level: debug }, resource: { a: b } }`)),
    (error: Error) => {
      assert.match(
        error.message,
        /service::telemetry::logs::encoding: cannot be changed by a reload/,
      )
      assert.match(error.message, /service::telemetry::resource: .*\(test\.yaml:5:/)
      return true
    },
  )
  assert.deepEqual(service.nodes, nodes)
  assert.equal(service.nodes[0]?.logger.level, 'info')
  assert.equal((await fetch(`http://127.0.0.1:${port}/metrics`)).status, 200)
})
