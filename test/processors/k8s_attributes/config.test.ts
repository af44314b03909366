import assert from 'node:assert/strict'
import { test } from 'node:test'
import { configSchema, nodeOf, validate } from '../../../processors/k8s_attributes/config.ts'

test('the defaults are those of the page', () => {
  assert.deepEqual(configSchema.parse({}), {
    wait_for_metadata: false,
    wait_for_metadata_timeout: 10_000,
    wait_for_row: 2000,
    pod_delete_grace_period: 120_000,
    connections_max: 65_536,
    rows_waiting_max: 10_000,
    filter: {},
    extract: {
      metadata: [
        'k8s.namespace.name',
        'k8s.pod.name',
        'k8s.pod.uid',
        'k8s.pod.start_time',
        'k8s.deployment.name',
        'k8s.node.name',
        'container.image.name',
        'container.image.tag',
      ],
      labels: [],
      annotations: [],
      otel_annotations: false,
      well_known_labels: false,
      deployment_name_from_replicaset: false,
    },
    passthrough: false,
    pod_association: [],
    exclude: { pods: [{ name: 'jaeger-agent' }, { name: 'jaeger-collector' }] },
  })
  assert.deepEqual(validate(configSchema.parse({})), [])
})

test('a part of a section keeps the other defaults', () => {
  const { extract } = configSchema.parse({ extract: { well_known_labels: true } })
  assert.equal(extract.well_known_labels, true)
  assert.equal(extract.metadata.length, 8)
})

test('an unknown key is an error', () => {
  assert.equal(configSchema.safeParse({ auth: 'none' }).success, false)
  assert.equal(configSchema.safeParse({ filter: { nodes: 'x' } }).success, false)
  assert.equal(configSchema.safeParse({ auth_type: 'token' }).success, false)
})

test('rules between options are told with their path', () => {
  const both = configSchema.parse({ filter: { node: 'a', node_from_env_var: 'FLOWSPAN_NO_SUCH' } })
  const problems = validate(both)
  assert.deepEqual(
    problems.map(({ path }) => path.join('::')),
    ['filter', 'filter::node_from_env_var'],
  )
  assert.match(problems[1]?.message ?? '', /envvar "FLOWSPAN_NO_SUCH" is not set/)
  const waiting = configSchema.parse({ auth_type: 'none', wait_for_metadata: true })
  assert.equal(validate(waiting)[0]?.path[0], 'wait_for_metadata')
})

test('the node comes from the option or from the environment', () => {
  process.env.FLOWSPAN_TEST_NODE = 'worker-3'
  const byEnv = configSchema.parse({ filter: { node_from_env_var: 'FLOWSPAN_TEST_NODE' } })
  assert.deepEqual(validate(byEnv), [])
  assert.equal(nodeOf(byEnv), 'worker-3')
  assert.equal(nodeOf(configSchema.parse({ filter: { node: 'a' } })), 'a')
  assert.equal(nodeOf(configSchema.parse({})), undefined)
})

test('what `extract` and `pod_association` may not say is told in the Collector’s words', () => {
  const bad = configSchema.parse({
    extract: {
      metadata: ['invalid.metadata.field'],
      labels: [
        { tag_name: 'a', key: 'label1', key_regex: 'label\\d' },
        { key: 'x', from: 'unknown' },
        { key_regex: '(' },
      ],
    },
    pod_association: [
      { sources: Array(5).fill({ from: 'connection' }) },
      { sources: [{ from: 'resource_attribute', name: 'k8s.deployment.name' }] },
      { sources: [{ from: 'resource_attribute', name: 'k8s.namespace.name' }] },
    ],
    exclude: { pods: [{ name: '[' }] },
  })
  const lines = validate(bad).map(({ path, message }) => `${path.join('::')}: ${message}`)
  const expected = [
    /^extract::metadata::0: "invalid.metadata.field" is not a supported metadata field$/,
    /^extract::labels::0: Out of Key or KeyRegex only one .* Key:label1 and KeyRegex:label\\d$/,
    /^extract::labels::1: unknown is not a valid choice for From. Must be one of: pod, namespace,/,
    /^extract::labels::2: Invalid regular expression/,
    /^pod_association::0: too many association sources. limit is 4$/,
    /^pod_association::1: cannot associate by "k8s.deployment.name"; there are k8s.pod.ip, ip/,
    /^pod_association::2: no pod can be found without the connection or one of k8s.pod.ip/,
    /^exclude::pods::0::name: Invalid regular expression/,
  ]
  assert.equal(lines.length, expected.length)
  for (const [i, pattern] of expected.entries()) assert.match(lines[i] as string, pattern)
})
