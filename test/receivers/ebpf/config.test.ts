import assert from 'node:assert/strict'
import { test } from 'node:test'
import { schema, validate } from '../../../receivers/ebpf/config.ts'

test('the defaults are valid', () => {
  assert.deepEqual(validate(schema.parse({})), [])
  assert.deepEqual(schema.parse({ requests: {}, batch: {} }), schema.parse({}))
})

const BAD: [object, string][] = [
  [{ conn_ring_bytes: 5000 }, 'conn_ring_bytes'],
  [{ payload_ring_bytes: 3 << 20 }, 'payload_ring_bytes'],
  [
    { requests: { capture_small_bytes: 4096, capture_max_bytes: 1024 } },
    'requests::capture_small_bytes',
  ],
  [{ interval: '1s', interval_max: '10ms' }, 'interval_max'],
]

for (const [options, path] of BAD) {
  test(`${JSON.stringify(options)} is refused at ${path}`, () => {
    const problems = validate(schema.parse(options))
    assert.deepEqual(
      problems.map((problem) => problem.path.join('::')),
      [path],
    )
  })
}

for (const options of [
  { conn_ring_bytes: 1024 },
  { requests: { capture_max_bytes: 1 << 20 } },
  { requests: { query: 'show' } },
  { batch: { rows: 0 } },
  { no_such: true },
]) {
  test(`${JSON.stringify(options)} is refused`, () => {
    assert.equal(schema.safeParse(options).success, false)
  })
}
