import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parse } from 'yaml'
import { printConfig } from '../../cli/print_config.ts'
import { COMPONENTS } from '../../components.ts'
import { Factories } from '../../pipeline/config/factories.ts'
import { FeatureGates } from '../../pipeline/config/feature_gates.ts'

const program = { factories: new Factories(COMPONENTS), version: '0', gates: new FeatureGates() }

const CONFIG = `
receivers: { nop: }
extensions:
  bearertokenauth: { tokens: ["\${PRINT_TEST_TOKEN}", two] }
  basicauth: { client_auth: { username: me, password: secret } }
exporters:
  nop/2:
  otlp:
    { endpoint: here:1, timeout: 90s, tls: { insecure: "\${PRINT_TEST_INSECURE}" }, headers: { a: b } }
  otlp_http: { endpoint: "http://me:p%40ss@here:1/a:b@c", headers: [{ name: a, value: b }] }
service:
  pipelines: { traces: { receivers: [nop], exporters: [otlp, nop/2] } }
`

process.env.PRINT_TEST_TOKEN = '0123'
process.env.PRINT_TEST_INSECURE = 'true'

interface Options {
  readonly mode?: string
  readonly format?: string
  readonly validate?: boolean
}

function print(yaml: string, options: Options = {}): Promise<string> {
  const all = { mode: 'redacted', format: 'yaml', validate: true, ...options }
  return printConfig({ uris: [`yaml:${yaml}`] }, program, all)
}

test('everything is expanded, and every option has its value or its default', async () => {
  const printed = parse(await print(CONFIG, { mode: 'unredacted' }))
  assert.deepEqual(printed.receivers, { nop: {} })
  assert.deepEqual(printed.extensions.bearertokenauth.tokens, ['0123', 'two'])
  assert.equal(printed.extensions.basicauth.client_auth.password, 'secret')
  const { otlp } = printed.exporters
  assert.equal(otlp.endpoint, 'here:1')
  assert.equal(otlp.timeout, '90s')
  assert.equal(otlp.tls.insecure, true)
  assert.equal(otlp.tls.insecure_skip_verify, false)
  assert.equal(otlp.retry_on_failure.initial_interval, '5s')
  assert.equal(printed.service.shutdown_timeout, '30s')
  assert.equal(printed.service.telemetry.logs.level, 'info')
  assert.deepEqual(printed.service.pipelines.traces.exporters, ['otlp', 'nop/2'])
})

test('secrets are masked unless they are asked for', async () => {
  const printed = parse(await print(CONFIG))
  assert.deepEqual(printed.extensions.bearertokenauth.tokens, ['[REDACTED]', '[REDACTED]'])
  assert.equal(printed.extensions.basicauth.client_auth.password, '[REDACTED]')
  assert.equal(printed.extensions.basicauth.client_auth.username, 'me')
  assert.equal(printed.exporters.otlp_http.endpoint, 'http://me:[REDACTED]@here:1/a:b@c')
  assert.deepEqual(printed.exporters.otlp.headers, { a: '[REDACTED]' })
  assert.deepEqual(printed.exporters.otlp_http.headers, [{ name: 'a', value: '[REDACTED]' }])
})

test('what is printed is a configuration that prints the same', async () => {
  for (const format of ['yaml', 'JSON']) {
    const first = await print(CONFIG, { mode: 'Unredacted', format })
    assert.equal(await print(first, { mode: 'unredacted', format }), first)
  }
})

test('rules between options and sections are checked, or not', async () => {
  const wrong = CONFIG.replace('endpoint: here:1', 'endpoint: here').replace('[nop]', '[gone]')
  await assert.rejects(print(wrong), /^Error: invalid configuration: 2 problems:\n/)
  const printed = parse(await print(wrong, { validate: false }))
  assert.equal(printed.exporters.otlp.endpoint, 'here')
})

test('names and types are always checked', async () => {
  const wrong = CONFIG.replace('90s', '90')
  await assert.rejects(
    print(wrong, { validate: false }),
    /^Error: failed to get config: exporters::o/,
  )
})

test('an unknown mode and an unknown format are refused as the Collector refuses them', async () => {
  const mode = 'invalid mode "x": modes are: redacted, unredacted'
  await assert.rejects(print(CONFIG, { mode: 'x' }), { message: mode })
  await assert.rejects(print(CONFIG, { format: 'x' }), { message: 'unrecognized print format: x' })
})
