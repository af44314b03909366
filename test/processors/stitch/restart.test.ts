/** A gateway that is killed while rows wait in it, as a process of its own. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { schema } from '../../../exporters/otlp/config.ts'
import { otlp } from '../../../exporters/otlp/index.ts'
import type { ExporterFactory } from '../../../pipeline/component.ts'
import { decodeFlows } from '../../../pipeline/flows/otlp/decode.ts'
import { Ledger } from '../../../pipeline/ledger.ts'
import { OK } from '../../../pipeline/outcome.ts'
import { Backend } from '../../exporters/otlp/backend.ts'
import { freePorts } from '../../kit/ports.ts'
import { Program, removeDirectory, temporaryDirectory, waitFor } from '../../kit/processes.ts'
import { silent } from '../../pipeline/probes.ts'
import { hostOf, settingsOf } from '../../pipeline/surroundings.ts'
import { batchOf, type Row } from './rows.ts'
import { id64 } from './stage.ts'

const FLOWSPAN = join(import.meta.dirname, '../../../bin/flowspan')

const configOf = (port: number, backend: number) => `
receivers: { otlp: { protocols: { grpc: { endpoint: "127.0.0.1:${port}" } } } }
processors: { stitch: { wait: always, window: 10s, acknowledge: handed_on } }
exporters:
  otlp:
    endpoint: 127.0.0.1:${backend}
    tls: { insecure: true }
    sending_queue: { enabled: false }
service:
  telemetry: { metrics: { level: none } }
  pipelines: { flows: { receivers: [otlp], processors: [stitch], exporters: [otlp] } }
`

test('rows that wait in a gateway that is killed come again, each once, with their parents', async (t) => {
  const directory = temporaryDirectory('restart')
  const backend = await new Backend().listen()
  const [port] = (await freePorts(1)) as [number]
  const file = join(directory, 'config.yaml')
  writeFileSync(file, configOf(port, backend.port))
  const start = async () => {
    const program = new Program([FLOWSPAN, 'run', '--config', file])
    await program.line(/Everything is ready/)
    return program
  }
  let gateway = await start()
  const config = schema.parse({
    endpoint: `127.0.0.1:${port}`,
    tls: { insecure: true },
    timeout: '60s',
    retry_on_failure: { initial_interval: '50ms', max_interval: '200ms' },
  })
  const ledger = new Ledger(silent)
  const settings = settingsOf({ id: 'otlp', ledger })
  const agent = await (otlp as ExporterFactory).create.flows?.(settings, config)
  assert(agent)
  await agent.start?.(hostOf())
  t.after(async () => {
    await agent.shutdown?.(AbortSignal.timeout(1000))
    await gateway.stop({ timeoutMs: 0 })
    backend.close()
    removeDirectory(directory)
  })
  const waiting: Row = { role: 'server', flow: 1, name: 'callee', identity: ['one', 1] }
  const beside: Row = { role: 'client', flow: 2, name: 'beside', identity: ['one', 2] }
  const before: Row = { role: 'client', flow: 3, name: 'before', identity: ['one', 3] }
  const caller: Row = { role: 'client', flow: 1, name: 'caller', identity: ['two', 1] }
  assert.equal(await agent.consume(batchOf([before])), OK)
  await backend.arrived(1)
  assert.equal(await agent.consume(batchOf([waiting, beside])), OK)
  // It is under way by now or will be soon: a kill at any time must do.
  await waitFor('the answer to what was handed on', () => (agent.held?.() === 2 ? true : undefined))
  process.kill(gateway.pid, 'SIGKILL')
  await gateway.stop({ timeoutMs: 0 })
  assert.equal(agent.held?.(), 2, 'still the agent’s')
  gateway = await start()
  assert.equal(await agent.consume(batchOf([caller])), OK)
  await waitFor('every answer', () => (agent.held?.() === 0 ? true : undefined))
  assert.deepEqual(ledger.entry().used, { sent: 4 })
  const rows = backend.received.flatMap(({ bytes }) => {
    const { batch } = decodeFlows(bytes, 10)
    return Array.from({ length: batch.rows }, (_, row) => ({
      name: batch.text(batch.base.method, row),
      span: id64(batch.stitch?.span_id as Uint32Array, row),
      parent: id64(batch.stitch?.parent_span_id as Uint32Array, row),
    }))
  })
  const names = rows.map(({ name }) => name)
  assert.deepEqual(names.sort(), ['before', 'beside', 'callee', 'caller'])
  const [callee, call] = ['callee', 'caller'].map((name) => rows.find((row) => row.name === name))
  assert.equal(callee?.parent, call?.span)
})
