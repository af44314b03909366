import assert from 'node:assert/strict'
import { test } from 'node:test'
import { schema, validate } from '../../../exporters/otlp/config.ts'
import { parseEndpoint } from '../../../pipeline/exporter/grpc_endpoint.ts'

test('the defaults are the Collector’s', () => {
  assert.deepEqual(schema.parse({ endpoint: 'a:1', tls: null, sending_queue: null }), {
    endpoint: 'a:1',
    tls: {
      insecure: false,
      insecure_skip_verify: false,
      server_name_override: '',
      ca_file: '',
      ca_pem: '',
      include_system_ca_certs_pool: false,
      cert_file: '',
      cert_pem: '',
      key_file: '',
      key_pem: '',
      min_version: '',
      max_version: '',
      reload_interval: 0,
    },
    headers: {},
    compression: 'gzip',
    keepalive: { time: 10_000, timeout: 10_000, permit_without_stream: false },
    balancer_name: 'round_robin',
    wait_for_ready: false,
    authority: '',
    user_agent: '',
    read_buffer_size: 0,
    write_buffer_size: 0,
    timeout: 5000,
    retry_on_failure: {
      enabled: true,
      initial_interval: 5000,
      max_interval: 30_000,
      max_elapsed_time: 300_000,
      multiplier: 1.5,
      randomization_factor: 0.5,
    },
    sending_queue: {
      enabled: true,
      num_consumers: 10,
      queue_size: 1000,
      sizer: 'requests',
      block_on_overflow: false,
      wait_for_result: false,
      storage: '',
      batch: undefined,
    },
  })
})

test('`parseEndpoint` takes what gRPC can reach and says what is wrong with the rest', () => {
  const cases: [string, unknown][] = [
    ['tempo:4317', { target: 'dns:///tempo:4317', host: 'tempo', secure: undefined }],
    ['http://tempo:4317', { target: 'dns:///tempo:4317', host: 'tempo', secure: false }],
    ['HTTPS://tempo:4317/', { target: 'dns:///tempo:4317', host: 'tempo', secure: true }],
    ['dns:///tempo:4317', { target: 'dns:///tempo:4317', host: 'tempo', secure: undefined }],
    ['[::1]:4317', { target: 'dns:///[::1]:4317', host: '::1', secure: undefined }],
    ['unix:///run/otlp.sock', { target: 'unix:///run/otlp.sock', host: '', secure: undefined }],
    ['', { problem: 'requires a non-empty "endpoint"' }],
    ['tempo', { problem: 'missing port in address' }],
    ['tempo:port', { problem: 'invalid port "port"' }],
    ['tempo:0', { problem: 'invalid port "0"' }],
    ['tempo:65536', { problem: 'invalid port "65536"' }],
    ['[::g]:1', { problem: 'invalid IPv6 address "[::g]"' }],
    [':4317', { problem: 'invalid endpoint ":4317": write host:port' }],
    ['a b:1', { problem: 'invalid endpoint "a b:1": write host:port' }],
  ]
  for (const [text, expected] of cases) assert.deepEqual(parseEndpoint(text), expected, text)
})

test('`validate` reports every problem, each with its path', () => {
  const config = schema.parse({ headers: { 'bad name': 'x' }, tls: { cert_file: 'c' } })
  assert.deepEqual(
    validate(config).map(({ path }) => path.join('::')),
    ['endpoint', 'tls', 'headers::bad name'],
  )
  assert.deepEqual(validate(schema.parse({ endpoint: 'a:1' })), [])
})
