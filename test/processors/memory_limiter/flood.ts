/**
 * A pipeline whose exporter can send nothing, flooded: `flood.ts limited|unlimited LIMIT_MIB
 * OFFER_MIB`. Ends with a line of JSON, unless the kernel kills it.
 */
import pino from 'pino'
import { z } from 'zod'
import { otlp } from '../../../exporters/otlp/index.ts'
import { type Consumer, processor, receiver } from '../../../pipeline/component.ts'
import { Factories } from '../../../pipeline/config/factories.ts'
import { loadConfig } from '../../../pipeline/config/load.ts'
import { TracesWriter } from '../../../pipeline/otlp/traces_writer.ts'
import { Service } from '../../../pipeline/service.ts'
import { memoryLimiter } from '../../../processors/memory_limiter/index.ts'

const [mode, limitMib, offerMib] = process.argv.slice(2)
const BYTES = 64 * 1024

let next: Consumer<'traces'> | undefined
const flood = receiver({
  type: 'flood',
  stability: 'development',
  schema: z.strictObject({}),
  create: {
    traces: (_settings, _config, to) => {
      next = to
      return {}
    },
  },
})
const pass = processor({
  type: 'unlimited',
  stability: 'development',
  schema: z.strictObject({}),
  create: {
    traces: (_settings, _config, to) => ({ mutates: false, consume: (data) => to.consume(data) }),
  },
})

/** Port 1 refuses connections, so all that is taken stays in the queue. */
const yaml = `
receivers: { flood: }
processors:
  unlimited:
  memory_limiter: { check_interval: 200ms, limit_mib: ${limitMib} }
exporters:
  otlp:
    endpoint: 127.0.0.1:1
    tls: { insecure: true }
    sending_queue: { queue_size: 1000000 }
service:
  shutdown_timeout: 1s
  telemetry: { metrics: { level: none } }
  pipelines:
    traces:
      receivers: [flood]
      processors: [${mode === 'limited' ? 'memory_limiter' : 'unlimited'}]
      exporters: [otlp]
`

const logger = pino({ level: 'silent' })
const config = loadConfig(
  { name: 'flood.yaml', text: yaml },
  { factories: new Factories([flood, pass, memoryLimiter, otlp]), env: {} },
)
const service = await Service.build(config, { logger, version: '0', inherited: () => undefined })
await service.start()

const batch = spans()
let offered = 0
let taken = 0
const end = Number(offerMib) * 1024 * 1024
while (offered < end) {
  // As a receiver: what a socket had is given on, then the loop turns.
  for (let i = 0; i < 16; i++) {
    offered += BYTES
    if (next?.refusal?.() !== undefined) continue
    const outcome = await next?.consume({ ...batch, bytes: batch.bytes.slice() })
    if (outcome?.kind === 'ok') taken += BYTES
  }
  await new Promise((done) => setImmediate(done))
}
const mib = (bytes: number) => Math.round(bytes / 1024 / 1024)
process.stdout.write(`${JSON.stringify({ offered: mib(offered), taken: mib(taken) })}\n`)
process.exit(0)

function spans() {
  const writer = new TracesWriter()
  writer.beginResource()
  writer.beginScope('flood', '1')
  while (writer.bytes < BYTES) {
    writer.beginSpan()
    writer.attrString('http.url', 'x'.repeat(500))
  }
  return writer.finish()
}
