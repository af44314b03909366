import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fixed, schema, validate } from '../../../receivers/ebpf/config.ts'

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

for (const [options, paths] of [
  [
    { include: { ports: [80, '9000-9100', '9-1', 65_536] } },
    ['include::ports::2', 'include::ports::3'],
  ],
  [{ exclude: { cidrs: ['10.0.0.0/8', '10.0.0.0/33', 'fd00::/8'] } }, ['exclude::cidrs::1']],
  [{ include: { netns: ['blue', '../x', 4_026_531_840] } }, ['include::netns::1']],
  [{ include: { cgroup: '/a/*' } }, ['include::cgroup']],
  [
    { exclude: { cgroup: ['a/../b', Array(16).fill('c').join('/')] } },
    ['exclude::cgroup::0', 'exclude::cgroup::1'],
  ],
  [{ exclude: { pids: [1] } }, ['exclude']],
] as const) {
  test(`${JSON.stringify(options)} is refused at ${paths}`, () => {
    const { error } = schema.safeParse(options)
    assert.deepEqual(
      error?.issues.map((issue) => issue.path.join('::')),
      paths,
    )
  })
}

test('one rule stands for a list of one', () => {
  const { include } = schema.parse({ include: { ports: 8080, netns: 4_026_531_840 } })
  assert.deepEqual(include, { netns: ['4026531840'], cgroup: [], ports: ['8080'], cidrs: [] })
})

/** What the kernel programs and rings were made with, another value of each, and its path. */
const FIXED: [object, string][] = [
  [{ conn_ring_bytes: 8192 }, 'conn_ring_bytes'],
  [{ payload_ring_bytes: 8192 }, 'payload_ring_bytes'],
  [{ requests: { enabled: false } }, 'requests::enabled'],
  [{ requests: { capture_small_bytes: 64 } }, 'requests::capture_small_bytes'],
  [{ requests: { capture_max_bytes: 2048 } }, 'requests::capture_max_bytes'],
]

for (const [options, path] of FIXED) {
  test(`${path} cannot change without a restart`, () => {
    const [problem, ...more] = fixed(schema.parse({}), schema.parse(options))
    assert.equal(problem?.path.join('::'), path)
    assert.match(problem?.message ?? '', /^Cannot change without a restart: it is \w+, not \w+$/)
    assert.deepEqual(more, [])
  })
}

test('everything else can change while it runs', () => {
  const wanted = {
    interval: '1s',
    interval_max: '2s',
    batch: { rows: 7, latency: '3s' },
    connections_max: 5,
    backlog_rows_max: 6,
    include: { ports: [80] },
    exclude: { cidrs: ['10.0.0.0/8'] },
    requests: { query: 'keep', open_row_after: '4s', pipelined_max: 2, exchanges_max: 3 },
  }
  assert.deepEqual(fixed(schema.parse({}), schema.parse(wanted)), [])
})
