import assert from 'node:assert/strict'
import { test } from 'node:test'
import pino from 'pino'
import { z } from 'zod'
import { extension, type Host, receiver } from '../../pipeline/component.ts'
import { loadConfig } from '../../pipeline/config/load.ts'
import { OK } from '../../pipeline/outcome.ts'
import { Service } from '../../pipeline/service.ts'
import { flows, Probes } from './probes.ts'

const YAML = `
receivers: { probe: , asker: }
exporters: { probe: }
extensions: { helper: , helper/idle: }
service:
  extensions: [helper]
  telemetry: { metrics: { level: none } }
  shutdown_timeout: 1s
  pipelines: { flows: { receivers: [probe, asker], exporters: [probe] } }
`

interface Line {
  readonly msg: string
  readonly [key: string]: unknown
}

/** A service with an extension that is seen, and a receiver that asks its host for it. */
async function build(yaml = YAML) {
  const asked: { host?: Host } = {}
  const steps: string[] = []
  const base = { stability: 'development', schema: z.strictObject({}) } as const
  const helper = extension({
    ...base,
    type: 'helper',
    create: ({ id }) => ({
      start: () => void steps.push(`start ${id}`),
      shutdown: async () => void steps.push(`shutdown ${id}`),
    }),
  })
  const asker = receiver({
    ...base,
    type: 'asker',
    create: {
      flows: () => ({
        start(host: Host) {
          asked.host = host
        },
      }),
    },
  })
  const probes = new Probes([helper, asker])
  const lines: Line[] = []
  const logger = pino({}, { write: (line) => void lines.push(JSON.parse(line)) })
  const config = loadConfig({ name: 'x', text: yaml }, { factories: probes.factories, env: {} })
  const settings = { logger, version: '0', inherited: () => undefined }
  return { service: await Service.build(config, settings), probes, asked, steps, lines }
}

test('extensions that the service names stand around the pipelines, and are found', async () => {
  const { service, probes, asked, steps } = await build()
  await service.start()
  assert.deepEqual(steps, ['start helper'])
  assert.ok(asked.host?.extension('helper'))
  assert.equal(asked.host?.extension('helper/idle'), undefined)
  await service.shutdown()
  assert.deepEqual(steps, ['start helper', 'shutdown helper'])
  assert.ok(probes.steps.includes('shutdown exporter/probe'))
})

test('the last line has the balance of all books', async () => {
  const { service, probes, lines } = await build()
  await service.start()
  assert.equal(probes.give('probe', flows(4)), OK)
  assert.equal(await service.shutdown(), true)
  const last = lines.at(-1)
  assert.equal(last?.lost, 0)
  const books = last?.components as Record<string, { used: object }>
  assert.deepEqual(books['exporter/probe']?.used, { sent: 4 })
})

test('a shutdown asked for twice happens once', async () => {
  const { service, probes } = await build()
  await service.start()
  await Promise.all([service.shutdown(), service.shutdown()])
  await service.shutdown()
  assert.equal(probes.steps.filter((step) => step === 'shutdown exporter/probe').length, 1)
})

test('a start that fails ends what had started, and says which component it was', async () => {
  const { service, probes, steps } = await build()
  probes.failing.add('start exporter/probe')
  await assert.rejects(
    service.start(),
    /^Error: cannot start pipelines: failed to start "probe" exporter: start fails$/,
  )
  assert.deepEqual(steps, ['start helper', 'shutdown helper'])
  assert.ok(!probes.steps.includes('start receiver/probe'))
})

test('a component that reports a fatal error is heard', async () => {
  const { service, asked } = await build()
  await service.start()
  asked.host?.fatal(new Error('the ring is gone'))
  await assert.rejects(service.failed, /the ring is gone/)
  await service.shutdown()
})

test('a variable that is not set is told in the log', async () => {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: flowspan's own placeholder
  const { service, lines } = await build(YAML.replace('helper: ,', 'helper: "${GONE}",'))
  await service.start()
  assert.deepEqual(lines.find(({ name }) => name === 'GONE')?.level, 40)
  await service.shutdown()
})

test('a shutdown that is not clean answers so, and names who was late', async () => {
  const { service, lines } = await build()
  await service.start()
  const receiver = service.nodes.find(({ id }) => id === 'asker')
  assert.ok(receiver)
  receiver.component.shutdown = () => new Promise(() => {})
  const hold = setInterval(() => {}, 1000)
  assert.equal(await service.shutdown(), false)
  clearInterval(hold)
  assert.ok(lines.some(({ msg }) => /shut down "asker" receiver: the shutdown deadline/.test(msg)))
})
