import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createNoopMeter } from '@opentelemetry/api'
import pino from 'pino'
import { OK, retryable } from '../../../pipeline/outcome.ts'
import { schema } from '../../../processors/memory_limiter/config.ts'
import { memoryLimiter } from '../../../processors/memory_limiter/index.ts'
import { Limiter } from '../../../processors/memory_limiter/limiter.ts'
import { MemoryLimiter } from '../../../processors/memory_limiter/memory_limiter.ts'
import { flows, Probes, spans } from '../../pipeline/probes.ts'
import { hostOf, settingsOf } from '../../pipeline/surroundings.ts'

const MIB = 1024 * 1024
const REFUSED = retryable('data refused due to high memory usage')

function setUp() {
  const state = { used: 0 }
  const counts: Record<string, number> = {}
  const meter = createNoopMeter()
  meter.createCounter = (name) => ({
    add: (count, attributes) => {
      const key = `${name} ${JSON.stringify(attributes)}`
      counts[key] = (counts[key] ?? 0) + count
    },
  })
  const config = schema.parse({ check_interval: '1h', limit_mib: 100 })
  const memory = { used: () => state.used, gc: () => {}, trim: () => {} }
  const limiter = new Limiter({
    config,
    logger: pino({ level: 'silent' }),
    memory,
    total: () => 0,
  })
  const settings = settingsOf({ id: 'memory_limiter/a', meter })
  const next = { mutates: false, consume: () => OK }
  const processor = new MemoryLimiter(settings, { signal: 'traces', limiter, next })
  return { state, counts, limiter, processor }
}

test('it refuses by `consume` and by `refusal`, counts, and reports its status', async () => {
  const { state, counts, limiter, processor } = setUp()
  const host = hostOf()
  processor.start(host)
  assert.equal(processor.refusal(), undefined)
  assert.equal(processor.consume(spans(3)), OK)
  state.used = 100 * MIB
  limiter.check()
  assert.deepEqual(processor.refusal(), REFUSED)
  assert.deepEqual(processor.consume(spans(4)), REFUSED)
  state.used = 10 * MIB
  await processor.shutdown()
  await processor.shutdown()
  const labels = '{"processor":"memory_limiter/a"}'
  assert.deepEqual(counts, {
    [`otelcol_processor_memory_limiter_accepted_spans ${labels}`]: 3,
    [`otelcol_processor_memory_limiter_refused_spans ${labels}`]: 4,
  })
  assert.deepEqual(host.reports, [{ status: 'recoverable_error', reason: REFUSED.reason }])
})

test('a receiver hears the refusal through the graph, and so do flows', async () => {
  const probes = new Probes([memoryLimiter])
  const graph = await probes.build(`
receivers: { probe: }
processors:
  probe:
  memory_limiter: { check_interval: 50ms, limit_mib: 1 }
exporters: { probe: }
service:
  pipelines:
    flows: { receivers: [probe], processors: [probe, memory_limiter], exporters: [probe] }
`)
  await graph.start(hostOf())
  const next = probes.next.get('probe')
  while (next?.refusal?.() === undefined) await new Promise((done) => setTimeout(done, 20))
  assert.deepEqual(next.refusal(), REFUSED)
  assert.deepEqual(await next.consume(flows(2)), REFUSED)
  assert.deepEqual(await graph.shutdown(1000), [])
})

test('the processors of one section share one limiter', async () => {
  const lines: string[] = []
  const logger = pino({ level: 'info' }, { write: (line) => lines.push(JSON.parse(line).msg) })
  const config = schema.parse({ check_interval: '1s', limit_percentage: 50 })
  const next = { mutates: false, consume: () => OK }
  await memoryLimiter.create.traces?.(settingsOf({ logger }), config, next)
  await memoryLimiter.create.logs?.(settingsOf({ logger }), config, next)
  assert.deepEqual(lines, ['Using percentage memory limiter', 'Memory limiter configured'])
})
