import assert from 'node:assert/strict'
import { test } from 'node:test'
import { listenEndpoint, schema, validate } from '../../../receivers/otlp/config.ts'

test('a protocol that is named and left empty has all defaults, one that is left out is off', () => {
  const { protocols, max_in_flight_size_mib: inFlight } = schema.parse({
    protocols: { grpc: null },
  })
  assert.equal(protocols.http, undefined)
  assert.equal(protocols.grpc?.endpoint, 'localhost:4317')
  assert.equal(protocols.grpc?.max_recv_msg_size_mib, 4)
  assert.equal(inFlight, 256)
  const { http } = schema.parse({ protocols: { http: {} } }).protocols
  assert.equal(http?.endpoint, 'localhost:4318')
  assert.equal(http?.max_request_body_size, 20 * 2 ** 20)
  assert.deepEqual(
    [http?.traces_url_path, http?.metrics_url_path, http?.logs_url_path],
    ['/v1/traces', '/v1/metrics', '/v1/logs'],
  )
})

test('without a protocol there is nothing to receive', () => {
  for (const config of [{}, { protocols: null }, { protocols: {} }]) {
    assert.deepEqual(validate(schema.parse(config)), [
      { path: [], message: 'must specify at least one protocol when using the OTLP receiver' },
    ])
  }
})

test('what the Collector takes is taken', () => {
  const config = schema.parse({
    protocols: {
      grpc: {
        endpoint: '0.0.0.0:4317',
        max_recv_msg_size_mib: 0,
        max_concurrent_streams: 16,
        read_buffer_size: 1024,
        write_buffer_size: 1024,
        include_metadata: true,
        auth: { authenticator: 'bearertokenauth' },
        keepalive: {
          server_parameters: { max_connection_age: '5m', time: '30s' },
          enforcement_policy: { min_time: '10s', permit_without_stream: true },
        },
      },
      http: {
        cors: { allowed_origins: ['*'], max_age: 7200 },
        response_headers: { 'x-a': 'b' },
        compression_algorithms: ['', 'gzip', 'snappy', 'lz4'],
        read_timeout: '10s',
        idle_timeout: '1m',
        traces_url_path: 'v1/in',
      },
    },
  })
  assert.deepEqual(validate(config), [])
  assert.equal(config.protocols.grpc?.max_recv_msg_size_mib, 4)
  assert.equal(config.protocols.http?.traces_url_path, '/v1/in')
})

test('an unknown key of any level is an error', () => {
  for (const config of [
    { protocol: {} },
    { protocols: { udp: {} } },
    { protocols: { grpc: { port: 1 } } },
    { protocols: { http: { keepalive: { time: '1s' } } } },
  ]) {
    assert.match(String(schema.safeParse(config).error?.issues[0]?.code), /unrecognized_keys/)
  }
})

test('an endpoint is an address, or the path of a socket', () => {
  const endpoint = (grpc: object) =>
    listenEndpoint(schema.parse({ protocols: { grpc } }).protocols.grpc!)
  assert.equal(endpoint({ endpoint: '[::1]:1' }), '[::1]:1')
  assert.equal(endpoint({ endpoint: 'unix:///tmp/a' }), 'unix:///tmp/a')
  assert.equal(endpoint({ endpoint: '/tmp/a', transport: 'unix' }), 'unix:///tmp/a')
  const empty = schema.parse({ protocols: { grpc: { endpoint: '' } } })
  assert.deepEqual(validate(empty), [
    { path: ['protocols', 'grpc', 'endpoint'], message: 'must not be empty' },
  ])
})
