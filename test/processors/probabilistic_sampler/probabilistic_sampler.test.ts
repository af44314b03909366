/** The processor with its neighbours: what goes over, and what the books say. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createNoopMeter } from '@opentelemetry/api'
import fc from 'fast-check'
import { FlowBatch } from '../../../pipeline/flows/batch.ts'
import type { OtlpBatch } from '../../../pipeline/otlp/batch.ts'
import { countItems } from '../../../pipeline/otlp/count.ts'
import { OK, type Outcome, retryable } from '../../../pipeline/outcome.ts'
import { schema, validate } from '../../../processors/probabilistic_sampler/config.ts'
import {
  FlowSampler,
  TraceSampler,
} from '../../../processors/probabilistic_sampler/probabilistic_sampler.ts'
import { settingsOf } from '../../pipeline/surroundings.ts'
import { decode, encode } from '../../proto/otlp.ts'

/** By its last 14 digits kept at half, and not. */
const KEPT = '1111111111111111ffc0000000000000'
const DROPPED = '11111111111111110040000000000000'
const HALF = { sampling_percentage: 50, mode: 'equalizing' }

function set<T>(options: object, answer: Outcome = OK) {
  const counted: Record<string, number> = {}
  const createCounter = (name: string) => ({
    add: (count: number, { policy, sampled }: { policy?: string; sampled?: string } = {}) => {
      assert.equal(name, 'otelcol_processor_probabilistic_sampler_count_traces_sampled')
      const key = `${policy} ${sampled}`
      counted[key] = (counted[key] ?? 0) + count
    },
  })
  const settings = settingsOf({ meter: Object.assign(createNoopMeter(), { createCounter }) })
  const taken: T[] = []
  const next = {
    mutates: false,
    consume: (data: T) => {
      if (answer.kind === 'ok') taken.push(data)
      return answer
    },
  }
  return { settings, taken, next, counted, config: schema.parse(options) }
}

function traces(options: object, answer?: Outcome) {
  const made = set<OtlpBatch>(options, answer)
  return { ...made, sampler: new TraceSampler(made.settings, made.config, made.next) }
}

const span = (traceId: string, more: object = {}) => ({
  traceId: Buffer.from(traceId, 'hex'),
  name: 'n',
  ...more,
})

function request(...spans: object[][]): OtlpBatch {
  const made = encode('traces', {
    resourceSpans: spans.map((of, i) => ({
      resource: { attributes: [{ key: 'service.name', value: { stringValue: `s${i}` } }] },
      scopeSpans: [{ scope: { name: 'lib' }, spans: of, schemaUrl: 'x' }],
      schemaUrl: 'y',
    })),
  })
  return { ...made, items: spans.flat().length }
}

test('kept spans go over with their threshold, resources without one are left out', () => {
  const { sampler, taken, settings } = traces(HALF)
  const more = { traceState: 'vendor=1', kind: 2, attributes: [{ key: 'a' }], flags: 1 }
  const batch = request([span(DROPPED)], [span(KEPT, more), span(DROPPED), span(KEPT)])
  assert.equal(sampler.consume(batch), OK)
  const [sampled] = taken as [OtlpBatch]
  const wanted = [
    span(KEPT, { ...more, traceState: 'ot=th:8,vendor=1' }),
    span(KEPT, { traceState: 'ot=th:8' }),
  ]
  const whole = decode(request([], wanted))
  assert.deepEqual(decode(sampled), { resourceSpans: whole.resourceSpans.slice(1) })
  assert.equal(sampled.items, 2)
  assert.equal(countItems('traces', sampled.bytes), 2)
  assert.deepEqual(settings.ledger.entry().used, { sampled_out: 2 })
})

test('the Collector’s metric tells what has decided how, of what was taken', () => {
  const priority = (value: number) => ({
    attributes: [{ key: 'sampling.priority', value: { intValue: value } }],
  })
  const batch = () =>
    request(
      [span(KEPT), span(KEPT), span(DROPPED), span('')],
      [
        span(DROPPED, { traceState: 'ot=rv:ffffffffffffff' }),
        span(KEPT, { traceState: 'ot=rv:0' }),
      ],
      [span(KEPT, priority(0)), span(DROPPED, priority(1))],
    )
  const { sampler, counted } = traces(HALF)
  assert.equal(sampler.consume(batch()), OK)
  assert.deepEqual(counted, {
    'trace_id_w3c true': 2,
    'trace_id_w3c false': 1,
    // One without a trace, one with a value that is none.
    'missing_randomness false': 2,
    'sampling_randomness true': 1,
    'sampling_priority false': 1,
    'sampling_priority true': 1,
  })
  const hashed = traces({ sampling_percentage: 100 })
  hashed.sampler.consume(request([span(KEPT)]))
  assert.deepEqual(hashed.counted, { 'trace_id_hash true': 1 })
  const refused = traces(HALF, retryable('full'))
  refused.sampler.consume(batch())
  assert.deepEqual(refused.counted, {}, 'it comes again')
})

test('what has its threshold already goes over as the very same bytes', () => {
  const { sampler, taken } = traces(HALF)
  const batch = request([span(KEPT, { traceState: 'ot=th:8' })])
  assert.equal(sampler.consume(batch), OK)
  assert.equal(taken[0]?.bytes, batch.bytes)
})

test('`sampling.priority` decides before anything else, whatever type it has', () => {
  const values = [{ intValue: 1 }, { doubleValue: 0.5 }, { stringValue: '2' }]
  const nevers = [{ intValue: 0 }, { doubleValue: 0 }, { stringValue: '0.0' }]
  const undecided = [
    { intValue: -1 },
    { stringValue: 'x' },
    { stringValue: '' },
    { boolValue: true },
  ]
  const kept = (value: object, traceId: string) => {
    const { sampler, taken } = traces(HALF)
    sampler.consume(request([span(traceId, { attributes: [{ key: 'sampling.priority', value }] })]))
    return taken.length === 1
  }
  for (const value of values) assert.ok(kept(value, DROPPED))
  for (const value of nevers) assert.ok(!kept(value, KEPT))
  for (const value of undecided)
    assert.deepEqual([kept(value, KEPT), kept(value, DROPPED)], [true, false])
})

test('what is refused is not counted, as it comes again', () => {
  const refusal = retryable('full')
  const { sampler, settings } = traces(HALF, refusal)
  assert.deepEqual(sampler.consume(request([span(KEPT), span(DROPPED)])), refusal)
  assert.deepEqual(settings.ledger.entry().used, {})
})

test('spans of which nobody can say are noted', () => {
  const { sampler, settings, taken } = traces({ ...HALF, fail_closed: false })
  sampler.consume(request([{ name: 'no trace' }, span(DROPPED, { traceState: 'what?' })]))
  assert.equal(settings.ledger.notes.get('no_randomness'), 2)
  assert.equal(taken[0]?.items, 2)
})

test('bytes that are no request are refused for good; none throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const { sampler } = traces(HALF)
      const { kind } = sampler.consume({ signal: 'traces', bytes, items: 1 }) as Outcome
      if (typeof countItems('traces', bytes) !== 'number') assert.equal(kind, 'permanent')
    }),
  )
})

test('rows of one trace share its fate, those of none pass', () => {
  const made = set<FlowBatch>(HALF)
  const sampler = new FlowSampler(made.settings, made.config, made.next)
  const batch = new FlowBatch(4)
  const ids = [
    [0, 0, 0, 0],
    [0, 0xffc00000, 0x1111, 1],
    [0, 0x00400000, 0x1111, 1],
    [0, 0xffc00000, 0x1111, 1],
  ]
  for (const id of ids) batch.add('stitch').trace_id.set(id, 4 * batch.addRow())
  batch.base.pid.set([1, 2, 3, 4])
  assert.equal(sampler.consume(batch), OK)
  assert.deepEqual([...(made.taken[0]?.base.pid ?? [])], [1, 2, 4])
  assert.deepEqual(made.settings.ledger.entry().used, { sampled_out: 1 })
  const unstitched = new FlowBatch(1)
  unstitched.addRow()
  sampler.consume(unstitched)
  assert.equal(made.taken[1], unstitched)
})

test('a rate too small for any threshold is an error', () => {
  const [problem] = validate(schema.parse({ sampling_percentage: 1e-20 }))
  assert.equal(problem?.message, 'sampling rate is too small: 1e-20%')
  assert.deepEqual(validate(schema.parse({})), [])
})
