import assert from 'node:assert/strict'
import { test } from 'node:test'
import { schema, validate } from '../../../extensions/health_check/config.ts'
import { healthOf, overall, parts, type Rules } from '../../../extensions/health_check/health.ts'
import type { ComponentView, ServiceView } from '../../../pipeline/service_view.ts'
import type { Status } from '../../../pipeline/status.ts'
import { hostOf } from '../../pipeline/surroundings.ts'

const RULES = schema.parse({}).component_health
const LAX: Rules = {
  ...RULES,
  include_permanent_errors: false,
  include_recoverable_errors: false,
}
const MINUTE = 60_000

const CODES: readonly [status: Status, ageMs: number, strict: number, lax: number][] = [
  ['ok', 0, 200, 200],
  ['recoverable_error', MINUTE - 1, 200, 200],
  ['recoverable_error', MINUTE, 500, 200],
  ['permanent_error', 0, 500, 200],
  ['fatal_error', 0, 500, 500],
  ['none', 0, 503, 503],
  ['starting', 0, 503, 503],
  ['stopping', 0, 503, 503],
  ['stopped', 0, 503, 503],
]

for (const [status, ageMs, strict, lax] of CODES) {
  test(`${status} for ${ageMs} ms is ${strict}, and ${lax} where errors do not count`, () => {
    const health = healthOf({ status, at: 1000 }, RULES, 1000 + ageMs)
    assert.deepEqual([health.code, health.healthy], [strict, strict === 200])
    assert.equal(healthOf({ status, at: 1000 }, LAX, 1000 + ageMs).code, lax)
  })
}

/** A service of one pipeline, whose exporters have these states. */
function serviceOf(...states: Status[]): ServiceView {
  const exporters = states.map((_, i) => `nop/${i}`)
  const view = (kind: 'receiver' | 'exporter', id: string, status: Status): ComponentView => ({
    kind,
    id,
    signal: 'traces',
    status: () => ({ status, at: 0, reason: id }),
    book: () => undefined,
  })
  return {
    ...hostOf().service,
    components: () => [
      view('receiver', 'nop', 'ok'),
      ...states.map((status, i) => view('exporter', `nop/${i}`, status)),
    ],
    pipelines: () => [{ id: 'traces', receivers: ['nop'], processors: [], exporters }],
  }
}

test('a service is as well as its worst component, and what is unhealthy is the worst', () => {
  const worst = (...states: Status[]) => {
    const service = serviceOf(...states)
    return overall(service, parts(service, { ...RULES, include_permanent_errors: false })).event
  }
  assert.equal(worst('ok', 'ok').status, 'ok')
  // It is long enough ago to count, which the permanent one does not.
  assert.equal(worst('permanent_error', 'recoverable_error').reason, 'nop/1')
  assert.equal(worst('recoverable_error', 'fatal_error').reason, 'nop/1')
  assert.equal(worst('stopped', 'starting').status, 'starting')
})

test('a service that has nothing to show is well, and one that starts or stops is not', () => {
  const service = hostOf().service
  assert.equal(overall(service, []).code, 200)
  for (const state of ['starting', 'stopping'] as const) {
    assert.equal(overall({ ...service, state }, []).code, 503)
  }
})

test('options that contradict each other are errors', () => {
  const problems = (config: object) =>
    validate(schema.parse(config)).map(({ path }) => path.join('::'))
  assert.deepEqual(problems({}), [])
  assert.deepEqual(problems({ use_v2: true }), [])
  assert.deepEqual(problems({ http: {} }), ['http'])
  assert.deepEqual(problems({ use_v2: true, http: { status: { enabled: false } } }), [
    'http::status::enabled',
  ])
  assert.deepEqual(problems({ path: '/livez' }), ['liveness_path'])
})
