/**
 * The names of our metrics are an interface: dashboards and alerts depend on them. This runs a
 * service of every component that needs no privileges, with successes and failures, and compares
 * all that it measures with `testdata/metrics.txt`; and the Collector's part with a Collector's.
 *
 *     FLOWSPAN_UPDATE=1 npm test pipeline/telemetry/frozen    writes the file anew
 */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { DataPointType, type MetricData } from '@opentelemetry/sdk-metrics'
import { COMPONENTS } from '../../../components.ts'
import { isShown } from '../../../pipeline/telemetry/levels.ts'
import { ensureBackend, skipWithoutGo } from '../../kit/backends.ts'
import { Exposition, type Family } from '../../kit/exposition.ts'
import { freePorts } from '../../kit/ports.ts'
import { Program, removeDirectory, temporaryDirectory, waitFor } from '../../kit/processes.ts'
import { type RunningService, startService } from '../../kit/service.ts'
import { answer, Conversation, get } from '../../receivers/pcap/conversation.ts'
import { pcap } from '../../receivers/pcap/packets.ts'

const FILE = join(import.meta.dirname, 'testdata/metrics.txt')
const NOT_HERE: Readonly<Record<string, string>> = {
  ebpf: 'needs privileges; test/receivers/ebpf/capabilities.test.ts has its metric',
  replay: 'measures nothing of its own',
  basicauth: 'measures nothing',
  bearertokenauth: 'measures nothing',
  debug: 'writes to the terminal, and measures nothing',
}

const PAYLOADS = {
  traces: {
    resourceSpans: [
      { scopeSpans: [{ spans: [{ name: 'x', traceId: '1'.repeat(32), spanId: '2'.repeat(16) }] }] },
    ],
  },
  metrics: {
    resourceMetrics: [
      { scopeMetrics: [{ metrics: [{ name: 'x', gauge: { dataPoints: [{ asInt: '1' }] } }] }] },
    ],
  },
  logs: { resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: { stringValue: 'x' } }] }] }] },
}

const SIGNALS = Object.keys(PAYLOADS) as (keyof typeof PAYLOADS)[]

/** `nowhere` answers nobody, so that sending fails. */
function configOf(directory: string, nowhere: number): string {
  const pipeline =
    '{ receivers: [otlp, nop], processors: [memory_limiter, k8s_attributes, batch], exporters: [otlp, otlp_http, load_balancing, file, nop] }'
  return `
receivers:
  otlp: { protocols: { grpc: { endpoint: "127.0.0.1:0" }, http: { endpoint: "127.0.0.1:0" } } }
  pcap: { path: ${directory}/capture }
  nop:
processors:
  memory_limiter: { check_interval: 1s, limit_mib: 4000 }
  k8s_attributes: { auth_type: none, passthrough: true }
  batch: { timeout: 10ms, send_batch_size: 2 }
  probabilistic_sampler: { sampling_percentage: 100, fail_closed: false }
  stitch:
connectors: { flow_spans: , flow_metrics: { metrics_flush_interval: 50ms } }
exporters:
  otlp:
    endpoint: 127.0.0.1:${nowhere}
    tls: { insecure: true }
    retry_on_failure: { enabled: false }
    sending_queue: { batch: { flush_timeout: 10ms }, storage: file_storage }
  otlp_http:
    endpoint: http://127.0.0.1:${nowhere}
    retry_on_failure: { enabled: false }
  load_balancing:
    resolver: { static: { hostnames: ["127.0.0.1:${nowhere}"] } }
    protocol: { otlp: { tls: { insecure: true }, retry_on_failure: { enabled: false } } }
  file: { path: ${directory}/file }
  file/rows: { path: ${directory}/rows }
  nop:
extensions:
  file_storage: { directory: ${directory}/storage, create_directory: true }
  health_check: { endpoint: "127.0.0.1:0" }
  zpages: { endpoint: "127.0.0.1:0" }
service:
  extensions: [file_storage, health_check, zpages]
  shutdown_timeout: 2s
  telemetry:
    metrics: { level: detailed, address: "127.0.0.1:0" }
    logs: { sampling: { initial: 1, thereafter: 0 } }
  pipelines:
    flows: { receivers: [pcap], processors: [k8s_attributes, stitch], exporters: [flow_spans, flow_metrics, file/rows] }
    traces: ${pipeline.replace('[otlp, nop]', '[otlp, nop, flow_spans]').replace('batch', 'probabilistic_sampler, batch')}
    metrics: ${pipeline.replace('[otlp, nop]', '[otlp, nop, flow_metrics]')}
    logs: ${pipeline}
`
}

async function send(target: string, signal: keyof typeof PAYLOADS): Promise<void> {
  const answer = await fetch(`http://${target}/v1/${signal}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(PAYLOADS[signal]),
  })
  await answer.arrayBuffer()
  assert.ok(answer.ok || answer.status === 503, `${signal}: ${answer.status}`)
}

/** `name type unit {keys} level "help"` */
function lineOf(metric: MetricData): string {
  const { name, unit, description } = metric.descriptor
  const keys = new Set(metric.dataPoints.flatMap(({ attributes }) => Object.keys(attributes)))
  const level = (['basic', 'normal', 'detailed'] as const).find((level) => isShown(name, level))
  const labels = `{${[...keys].sort().join(',')}}`
  return `${name} ${typeOf(metric)} ${unit} ${labels} ${level} ${JSON.stringify(description)}`
}

function typeOf(metric: MetricData): string {
  if (metric.dataPointType === DataPointType.HISTOGRAM) return 'histogram'
  return metric.dataPointType === DataPointType.SUM && metric.isMonotonic ? 'counter' : 'gauge'
}

async function linesOf({ telemetry }: RunningService): Promise<string[]> {
  const collected = await telemetry.collect()
  const metrics = collected?.scopeMetrics.flatMap((scope) => scope.metrics) ?? []
  return metrics
    .filter(({ dataPoints }) => dataPoints.length > 0)
    .map(lineOf)
    .sort()
}

async function startAll(t: TestContext) {
  const directory = temporaryDirectory('frozen')
  t.after(() => removeDirectory(directory))
  const talk = new Conversation().open().say('client', get('/')).say('server', answer('x')).close()
  writeFileSync(join(directory, 'capture'), pcap(talk.packets))
  const [nowhere] = (await freePorts(1)) as [number]
  const yaml = configOf(directory, nowhere)
  const running = await startService(t, yaml)
  const started = running.lines.find(({ msg }) => /HTTP server/.test(msg))
  return { yaml, running, http: String(started?.endpoint) }
}

test('names, types, units, attributes, levels and texts of all metrics are as they were', async (t) => {
  const { yaml, running, http } = await startAll(t)
  for (const { type, kind } of COMPONENTS) {
    const isThere = new RegExp(`\\b${type}\\b`).test(yaml)
    assert.ok(isThere || type in NOT_HERE, `${kind} ${type} is not in this test, without a reason`)
  }
  const frozen = readFileSync(FILE, 'utf8').trimEnd().split('\n')
  let lines: string[] = []
  const isAll = async () => {
    // Three at once, so that a batch of two is full.
    await Promise.all(SIGNALS.flatMap((signal) => [1, 2, 3].map(() => send(http, signal))))
    lines = await linesOf(running)
    return isDeepStrictEqual(lines, frozen)
  }
  await waitFor('all instruments', isAll, { timeoutMs: 10_000 }).catch(() => {
    if (process.env.FLOWSPAN_UPDATE !== undefined) writeFileSync(FILE, `${lines.join('\n')}\n`)
    else assert.deepEqual(lines, frozen)
  })
})

/** Where an exporter sends to, which the Collector tells with each of its counters too. */
const ONLY_THEIRS = ['server_address', 'server_port', 'url_path']
const NOT_OURS = [
  // V8 does not count what it allocates.
  'otelcol_process_runtime_total_alloc_bytes',
  // A processor calls the next one within its own time.
  'otelcol_processor_internal_duration',
]

function shapeOf({ name, type, samples }: Family) {
  const keys = new Set(samples.flatMap(({ labels }) => Object.keys(labels)))
  const bounds = new Set(samples.flatMap(({ labels }) => labels.le ?? []).map(Number))
  const labels = [...keys].filter((key) => !ONLY_THEIRS.includes(key)).sort()
  return { name, type, labels, bounds: [...bounds].sort((a, b) => a - b) }
}

const COLLECTOR_OPTIONS = { skip: await skipWithoutGo(), timeout: 120_000 }

test('a Collector has no metric that we lack, or tell otherwise', COLLECTOR_OPTIONS, async (t) => {
  const directory = temporaryDirectory('otelcol')
  t.after(() => removeDirectory(directory))
  const [http, nowhere, metrics] = (await freePorts(3)) as [number, number, number]
  const config = {
    receivers: { otlp: { protocols: { http: { endpoint: `127.0.0.1:${http}` } } } },
    processors: {
      k8s_attributes: { auth_type: 'none', passthrough: true },
      batch: { timeout: '10ms', send_batch_size: 2 },
    },
    exporters: {
      otlp_grpc: {
        endpoint: `127.0.0.1:${nowhere}`,
        tls: { insecure: true },
        retry_on_failure: { enabled: false },
        sending_queue: { batch: { flush_timeout: '10ms' } },
      },
      otlp_http: {
        endpoint: `http://127.0.0.1:${nowhere}`,
        retry_on_failure: { enabled: false },
      },
    },
    service: {
      telemetry: {
        metrics: {
          level: 'detailed',
          readers: [{ pull: { exporter: { prometheus: { host: '127.0.0.1', port: metrics } } } }],
        },
      },
      pipelines: Object.fromEntries(
        SIGNALS.map((signal) => [
          signal,
          {
            receivers: ['otlp'],
            processors: ['k8s_attributes', 'batch'],
            exporters: ['otlp_grpc', 'otlp_http'],
          },
        ]),
      ),
    },
  }
  writeFileSync(join(directory, 'config.json'), JSON.stringify(config))
  const path = await ensureBackend('otelcol')
  const program = new Program([path, '--config', join(directory, 'config.json')])
  t.after(() => program.stop())
  await program.line(/Everything is ready/)
  const ours = await startAll(t)
  const scrape = async (address: string) =>
    new Exposition(await (await fetch(`http://${address}/metrics`)).text()).families
  const served = ours.running.lines.find(({ msg }) => msg === 'Serving own metrics')
  const compare = async () => {
    for (const target of [`127.0.0.1:${http}`, ours.http]) {
      await Promise.all(SIGNALS.flatMap((signal) => [1, 2, 3].map(() => send(target, signal))))
    }
    const theirs = [...(await scrape(`127.0.0.1:${metrics}`)).values()].filter(
      ({ name }) => name.startsWith('otelcol_') && !NOT_OURS.includes(name),
    )
    const own = await scrape(new URL(String(served?.url)).host)
    const ownShapes = theirs.flatMap(({ name }) => {
      const family = own.get(name)
      return family === undefined ? [] : [shapeOf(family)]
    })
    return { theirs: theirs.map(shapeOf), own: ownShapes }
  }
  let last = await compare()
  const isEqual = async () => {
    last = await compare()
    const hasFailed = last.theirs.some(({ name }) => name.includes('send_failed_log_records'))
    return hasFailed && isDeepStrictEqual(last.own, last.theirs)
  }
  await waitFor('the same', isEqual, { timeoutMs: 10_000 }).catch(() => {
    assert.deepEqual(last.own, last.theirs)
  })
  assert.ok(last.theirs.length > 25, `${last.theirs.length} families`)
})
