import assert from 'node:assert/strict'
import { test } from 'node:test'
import { schema, urlOf, validate } from '../../../exporters/otlp_http/config.ts'
import { otlpHttpExporter } from '../../../exporters/otlp_http/otlp_http_exporter.ts'
import { settingsOf } from '../../pipeline/surroundings.ts'

function says(options: object): string[] {
  return validate(schema.parse(options)).map(
    ({ path, message }) => `${path.join('::')}: ${message}`,
  )
}

test('the defaults are the Collector’s', () => {
  const config = schema.parse({ endpoint: 'http://a:1' })
  const { encoding, compression, compression_params, timeout, max_idle_conns } = config
  assert.deepEqual(
    [encoding, compression, compression_params.level, timeout, max_idle_conns],
    ['proto', 'gzip', 0, 30_000, 100],
  )
  assert.deepEqual(validate(config), [])
})

test('options of HTTP/2 are taken, without effect, as Collector configurations have them', () => {
  const http2 = { http2_read_idle_timeout: '10s', http2_ping_timeout: '15s' }
  assert.deepEqual(says({ endpoint: 'http://a:1', force_attempt_http2: false, ...http2 }), [])
})

test('what is wrong is said in the Collector’s words, all at once', () => {
  assert.deepEqual(says({}), [': at least one endpoint must be specified'])
  assert.deepEqual(says({ logs_endpoint: 'http://a/b' }), [])
  assert.deepEqual(says({ endpoint: 'a:1', proxy_url: 'ftp://b' }), [
    'endpoint: endpoint must be a valid URL: write http://host:port',
    'proxy_url: proxy_url must be a valid URL: write http://host:port',
  ])
  assert.deepEqual(says({ endpoint: 'http://a', compression_params: { level: 10 } }), [
    'compression_params: unsupported parameters {Level:10} for compression type "gzip"',
  ])
  const zstd = { endpoint: 'http://a', compression: 'zstd', compression_params: { level: 10 } }
  assert.deepEqual(says(zstd), [])
  const headers = { 'bad name': 's3cret', good: 's3cret\n' }
  assert.deepEqual(says({ endpoint: 'http://a', headers }), [
    'headers::bad name: is no name that HTTP allows',
    'headers::good: has a value that HTTP does not allow',
  ])
})

test('a signal without an endpoint cannot be created, and says which option is missing', () => {
  const config = schema.parse({ traces_endpoint: 'http://a/in' })
  assert.equal(String(urlOf('traces', config)), 'http://a/in')
  assert.throws(
    () => otlpHttpExporter('logs')(settingsOf({ id: 'otlp_http/x' }), config),
    /exporters::otlp_http\/x: either endpoint or logs_endpoint must be specified/,
  )
})
