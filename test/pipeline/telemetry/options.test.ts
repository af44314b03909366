import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decode } from '../../../pipeline/config/decode.ts'
import { addressOf, pullReaders } from '../../../pipeline/telemetry/metrics_options.ts'
import { telemetryOptions } from '../../../pipeline/telemetry/options.ts'
import { grpcUrl, httpUrl, type OtlpOptions } from '../../../pipeline/telemetry/otlp_options.ts'

const PATH = ['service', 'telemetry']

function problems(value: unknown): string[] {
  const decoded = decode(telemetryOptions, { path: PATH, value, texts: {} })
  if (decoded.ok) return []
  return decoded.problems.map(({ path, message }) => `${path.slice(2).join('::')}: ${message}`)
}

function parse(value: unknown) {
  const decoded = decode(telemetryOptions, { path: PATH, value, texts: {} })
  assert.ok(decoded.ok, JSON.stringify(decoded))
  return decoded.value
}

test("the defaults are the Collector's", () => {
  for (const empty of [undefined, null, {}, { logs: null, metrics: null, traces: null }]) {
    const { logs, metrics, traces, resource } = parse(empty)
    assert.deepEqual(logs.sampling, { enabled: true, tick: 10_000, initial: 10, thereafter: 100 })
    assert.deepEqual(
      [logs.level, logs.encoding, logs.output_paths],
      ['info', 'console', ['stderr']],
    )
    assert.equal(metrics.level, 'normal')
    assert.deepEqual(pullReaders(metrics).map(addressOf), ['localhost:8888'])
    assert.deepEqual([traces.processors, resource], [[], {}])
  }
})

test('a reader for Prometheus is written out, or in one word', () => {
  const prometheus = { host: '::1', port: 9000 }
  const readers = [
    { pull: { exporter: { prometheus } } },
    { pull: { exporter: { prometheus: {} } } },
  ]
  assert.deepEqual(pullReaders(parse({ metrics: { readers } }).metrics).map(addressOf), [
    '[::1]:9000',
    'localhost:8888',
  ])
  const short = parse({ metrics: { address: '[::1]:9000' } }).metrics
  assert.deepEqual(pullReaders(short).map(addressOf), ['[::1]:9000'])
})

const otlp = { protocol: 'grpc', endpoint: 'localhost:4317' }
const periodic = { exporter: { otlp } }

const WRONG: readonly [name: string, value: unknown, message: RegExp][] = [
  [
    'no reader',
    { metrics: { readers: [] } },
    /^metrics: collector telemetry metrics reader should exist when metric level is not none$/,
  ],
  [
    'views without detail',
    { metrics: { views: [{ selector: { instrument_name: 'x' }, stream: {} }] } },
    /^metrics: service::telemetry::metrics::views can only be set when service::telemetry::metrics::level is detailed$/,
  ],
  [
    'a level that is none',
    { metrics: { level: 'loud' } },
    /^metrics::level: must be one of \[none basic normal detailed\]/,
  ],
  [
    'two ways at once',
    { metrics: { address: 'localhost:1', readers: [{ periodic }] } },
    /^metrics::address: cannot be set beside "readers"/,
  ],
  [
    'a reader of both kinds',
    { metrics: { readers: [{ periodic, pull: { exporter: { prometheus: {} } } }] } },
    /^metrics::readers::0: must have one of "pull" and "periodic"$/,
  ],
  [
    'another exporter',
    { metrics: { readers: [{ periodic: { exporter: { otlp, console: {} } } }] } },
    /^metrics::readers::0::periodic::exporter: has invalid keys: console/,
  ],
  [
    'units in names',
    { metrics: { readers: [{ pull: { exporter: { prometheus: { without_units: false } } } }] } },
    /^metrics::readers::0::pull::exporter::prometheus::without_units: must be one of \[true\]/,
  ],
  [
    'a protocol that is none',
    {
      traces: {
        processors: [{ simple: { exporter: { otlp: { ...otlp, protocol: 'http/json' } } } }],
      },
    },
    /^traces::processors::0::simple::exporter::otlp::protocol: must be one of \[grpc http\/protobuf\]/,
  ],
  [
    'HTTP without a URL',
    { traces: { processors: [{ batch: { exporter: { otlp: { endpoint: 'localhost:4318' } } } }] } },
    /^traces::processors::0::batch::exporter::otlp::endpoint: must be a URL such as http:\/\/host:4318: it is "localhost:4318"$/,
  ],
  [
    'two samplers',
    { traces: { sampler: { always_on: {}, always_off: {} } } },
    /^traces::sampler: must name one sampler$/,
  ],
  [
    'a queue smaller than a batch',
    { traces: { processors: [{ batch: { max_queue_size: 1, exporter: { otlp } } }] } },
    /^traces::processors::0::batch: "max_export_batch_size" must not be more/,
  ],
  ['an unknown key', { logs: { colour: true } }, /^logs: has invalid keys: colour/],
]

for (const [name, value, message] of WRONG) {
  test(`${name}: one error, at its place`, () => {
    const found = problems(value)
    assert.equal(found.length, 1, found.join('\n'))
    assert.match(found[0] ?? '', message)
  })
}

test('no reader is needed where nothing is measured', () => {
  assert.deepEqual(problems({ metrics: { level: 'none', readers: [] } }), [])
})

test('headers are a map, or a list as older schemas have it', () => {
  const headersOf = (headers: unknown) => {
    const exporter = { otlp: { ...otlp, headers } }
    const { traces } = parse({ traces: { processors: [{ batch: { exporter } }] } })
    return traces.processors[0]?.batch?.exporter.otlp.headers
  }
  assert.deepEqual(headersOf({ a: 'b' }), { a: 'b' })
  assert.deepEqual(headersOf([{ name: 'a', value: 'b' }]), { a: 'b' })
})

test('an endpoint says whether there is TLS, and a path only if it wants another', () => {
  const of = (over: object): OtlpOptions => {
    const exporter = { otlp: { ...otlp, ...over } }
    const { traces } = parse({ traces: { processors: [{ simple: { exporter } }] } })
    return traces.processors[0]?.simple?.exporter.otlp as OtlpOptions
  }
  assert.deepEqual(grpcUrl(of({})), { url: 'https://localhost:4317', isInsecure: false })
  assert.deepEqual(grpcUrl(of({ insecure: true })), {
    url: 'http://localhost:4317',
    isInsecure: true,
  })
  assert.equal(grpcUrl(of({ tls: { insecure: true } })).isInsecure, true)
  assert.equal(grpcUrl(of({ endpoint: 'http://a:1' })).isInsecure, true)
  const http = (endpoint: string) => httpUrl(of({ protocol: 'http/protobuf', endpoint }), 'traces')
  assert.equal(http('http://a:4318'), 'http://a:4318/v1/traces')
  assert.equal(http('https://a/otlp/v1/traces'), 'https://a/otlp/v1/traces')
})
