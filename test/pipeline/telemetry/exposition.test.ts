import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics'
import { exposition, type NamingOptions } from '../../../pipeline/telemetry/exposition.ts'
import { ensureBackend, skipWithoutGo } from '../../kit/backends.ts'
import { Exposition } from '../../kit/exposition.ts'

class Reader extends MetricReader {
  protected override async onForceFlush() {}
  protected override async onShutdown() {}
}

const NASTY = 'back\\slash "quote"\nline ü'
const RESOURCE = { 'service.name': 'flowspan', 'service.instance.id': NASTY }
const DEFAULTS: NamingOptions = { without_scope_info: true, without_type_suffix: true }

/** Instruments of every kind, with values. */
async function sample(options: Partial<NamingOptions> = {}): Promise<string> {
  const reader = new Reader()
  const meter = new MeterProvider({ readers: [reader] }).getMeter('scope', '9')
  const counter = meter.createCounter('otelcol_things', { description: NASTY })
  counter.add(2, { 'otel.signal': 'traces', name: NASTY })
  counter.add(0.5, { 'otel.signal': 'logs', name: '' })
  meter.createUpDownCounter('balance').add(-3)
  meter.createGauge('rpc.level').record(1e21, { '1st': true })
  const advice = { explicitBucketBoundaries: [0.1, 1, 10] }
  const histogram = meter.createHistogram('size', { advice })
  for (const value of [0.05, 0.1, 5, 500]) histogram.record(value, { exporter: 'otlp/2' })
  meter.createCounter('never_added')
  const { resourceMetrics } = await reader.collect()
  return exposition(resourceMetrics, { resource: RESOURCE, options: { ...DEFAULTS, ...options } })
}

test('a strict reader finds every value, whatever its labels hold', async () => {
  const read = new Exposition(await sample())
  assert.equal(read.value('otelcol_things', { otel_signal: 'traces', name: NASTY }), 2)
  assert.equal(read.value('otelcol_things', { otel_signal: 'logs', name: '' }), 0.5)
  assert.equal(read.value('balance'), -3)
  assert.equal(read.value('rpc_level', { _1st: 'true' }), 1e21)
  assert.equal(read.families.get('balance')?.type, 'gauge')
  assert.equal(
    read.families.get('otelcol_things')?.help,
    NASTY.replaceAll('\\', '\\\\').replace('\n', '\\n'),
  )
  assert.equal(read.value('target_info', { service_instance_id: NASTY }), 1)
  assert.ok(!read.families.has('never_added'))
})

test('buckets are cumulative, with their sum and count', async () => {
  const { samples } = new Exposition(await sample()).families.get('size') ?? { samples: [] }
  assert.deepEqual(
    samples.map(({ name, labels, value }) => [name, labels.le, value]),
    [
      ['size_bucket', '0.1', 2],
      ['size_bucket', '1', 2],
      ['size_bucket', '10', 3],
      ['size_bucket', '+Inf', 4],
      ['size_sum', undefined, 505.15],
      ['size_count', undefined, 4],
    ],
  )
})

test('suffix, scope and labels of the resource are there for those who want them', async () => {
  const text = await sample({
    without_scope_info: false,
    without_type_suffix: false,
    with_resource_constant_labels: { included: ['service.*'], excluded: ['*.id'] },
  })
  const labels = { otel_scope_name: 'scope', otel_scope_version: '9', service_name: 'flowspan' }
  const read = new Exposition(text)
  assert.equal(read.value('otelcol_things_total', labels), 2.5)
  assert.equal(read.value('balance', labels), -3)
  assert.ok(!('service_instance_id' in (read.families.get('balance')?.samples[0]?.labels ?? {})))
})

interface Read {
  readonly name: string
  readonly type: string
  readonly samples: readonly { labels: Record<string, string>; value: number }[]
}

test("Prometheus' own parser reads the same", { skip: await skipWithoutGo() }, async () => {
  const program = await ensureBackend('prometheus_text')
  const text = await sample({ without_scope_info: false })
  const theirs = JSON.parse(execFileSync(program, { input: text, encoding: 'utf8' })) as Read[]
  const ours = new Exposition(text)
  assert.deepEqual(
    theirs.map(({ name, type }) => [name, type.toLowerCase()]),
    [...ours.families.values()].map(({ name, type }) => [name, type]).sort(),
  )
  for (const { name, type, samples } of theirs) {
    for (const { labels, value } of samples) {
      assert.equal(ours.value(type === 'HISTOGRAM' ? `${name}_sum` : name, labels) ?? value, value)
    }
  }
  assert.equal(theirs.find(({ name }) => name === 'otelcol_things')?.samples.length, 2)
})
