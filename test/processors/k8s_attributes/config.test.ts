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
    extract: { well_known_labels: false, deployment_name_from_replicaset: false },
  })
  assert.deepEqual(validate(configSchema.parse({})), [])
})

test('a part of a section keeps the other defaults', () => {
  const { extract } = configSchema.parse({ extract: { well_known_labels: true } })
  assert.deepEqual(extract, { well_known_labels: true, deployment_name_from_replicaset: false })
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
