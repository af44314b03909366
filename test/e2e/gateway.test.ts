/**
 * An agent sends its rows to a gateway, which is killed and comes back: every row arrives, as it
 * was, over gRPC and HTTP, and the gateway makes traces of them.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { flowLog } from '../../pipeline/flows/json.ts'
import { decodeFlows } from '../../pipeline/flows/otlp/decode.ts'
import { checkRequest } from '../../pipeline/otlp/check.ts'
import { HttpBackend } from '../exporters/otlp_http/backend.ts'
import { goAvailable } from '../kit/backends.ts'
import { authority } from '../kit/certificates.ts'
import { Flowspan, type FlowspanConfig, killAtOnce, type Row } from '../kit/flowspan.ts'
import { type Jaeger, startJaeger } from '../kit/jaeger.ts'
import { runInPod } from '../kit/pod_process.ts'
import { freePorts } from '../kit/ports.ts'
import { waitFor } from '../kit/processes.ts'
import { missingForShop, skipUnless } from '../kit/requirements.ts'
import { Shop } from '../kit/shop.ts'
import { orphans, type Span, spansOf } from './trace_view.ts'

const go = await goAvailable()
const missing = missingForShop() ?? (go.available ? undefined : go.reason)

const FLOWS = 'flows.jsonl'
const AUTH = { auth: { authenticator: 'bearertokenauth' } }
const TOKEN = { bearertokenauth: { token: 'rows-only' } }
/** Rows of a chain come within less, whenever the gateway began. */
const WINDOW = '3s'
/** An agent says every second that a request is open; when it has not for so long it is gone. */
const OPEN_TIMEOUT_S = 4
/** curl, nginx twice, the API twice, the storage. */
const CHAIN_SPANS = 6
/** By how rows came to the gateway: where it sends them on. */
const WAYS = ['grpc', 'http'] as const

interface Ports {
  readonly grpc: number
  readonly http: number
}

function agent(ports: Ports, ca: string) {
  const common = {
    tls: { ca_pem: ca },
    ...AUTH,
    sending_queue: {
      storage: 'file_storage',
      batch: { flush_timeout: '50ms', min_size: 50, max_size: 100 },
    },
    retry_on_failure: { initial_interval: '50ms', max_interval: '200ms', max_elapsed_time: 0 },
  }
  return (directory: string): FlowspanConfig => ({
    extensions: {
      ...TOKEN,
      file_storage: { directory: join(directory, 'queue'), create_directory: true },
    },
    receivers: {
      ebpf: { host: { node: 'node-1' }, requests: { open_row_interval: '1s' } },
    },
    processors: {
      // Names both ends by their processes.
      k8s_attributes: { auth_type: 'none' },
    },
    exporters: {
      file: { path: join(directory, FLOWS), flush_interval: '50ms' },
      otlp: { endpoint: `127.0.0.1:${ports.grpc}`, ...common },
      otlp_http: { endpoint: `https://127.0.0.1:${ports.http}`, ...common },
    },
    service: {
      extensions: ['bearertokenauth', 'file_storage'],
      pipelines: {
        flows: {
          receivers: ['ebpf'],
          processors: ['k8s_attributes'],
          exporters: ['file', 'otlp', 'otlp_http'],
        },
      },
    },
  })
}

/** What it has taken it has sent on: nothing of it is held where a kill would take it. */
function gateway(ports: Ports, to: { tls: object; sink: number; jaeger: string }): FlowspanConfig {
  const sink = (way: string) => ({
    logs_endpoint: `http://127.0.0.1:${to.sink}/${way}`,
    sending_queue: { enabled: false },
  })
  const receiver = (way: 'grpc' | 'http') => ({
    protocols: { [way]: { endpoint: `127.0.0.1:${ports[way]}`, tls: to.tls, ...AUTH } },
  })
  return {
    extensions: TOKEN,
    receivers: { 'otlp/grpc': receiver('grpc'), 'otlp/http': receiver('http') },
    processors: {
      stitch: { wait: 'always', window: WINDOW, open_timeout: `${OPEN_TIMEOUT_S}s` },
    },
    connectors: { flow_spans: {} },
    exporters: {
      'otlp_http/grpc': sink('grpc'),
      'otlp_http/http': sink('http'),
      'otlp/jaeger': { endpoint: to.jaeger, tls: { insecure: true } },
    },
    service: {
      extensions: ['bearertokenauth'],
      pipelines: {
        'flows/grpc': { receivers: ['otlp/grpc'], exporters: ['otlp_http/grpc'] },
        'flows/http': { receivers: ['otlp/http'], exporters: ['otlp_http/http'] },
        'flows/spans': {
          receivers: ['otlp/grpc'],
          processors: ['stitch'],
          exporters: ['flow_spans'],
        },
        traces: { receivers: ['flow_spans'], exporters: ['otlp/jaeger'] },
      },
    },
  }
}

/** The lines of the rows that came behind the gateway, by identity, with how often each came. */
class Sink {
  readonly backend = new HttpBackend()
  readonly #lines = new Map<string, Map<string, string>>(WAYS.map((way) => [way, new Map()]))
  #read = 0
  doubles = 0

  lines(way: string): ReadonlyMap<string, string> {
    const { received } = this.backend
    for (; this.#read < received.length; this.#read++) {
      const { path, body } = received[this.#read] as (typeof received)[number]
      const lines = this.#lines.get(path.slice(1)) as Map<string, string>
      const { batch, rejected } = decodeFlows(body, checkRequest('logs', body) as number)
      assert.equal(rejected, 0)
      const line = flowLog(batch)
      for (let row = 0; row < batch.rows; row++) {
        const text = line(row)
        const identity = identityOf(JSON.parse(text))
        if (lines.has(identity)) this.doubles++
        lines.set(identity, text)
      }
    }
    return this.#lines.get(way) as Map<string, string>
  }
}

function identityOf({ agent_id, sequence }: Row): string {
  assert.ok(agent_id !== undefined && sequence !== undefined)
  return `${agent_id} ${sequence}`
}

/**
 * A request is open for longer than its agent may be silent, and has calls that are over. Then the
 * agent is killed, and nobody will ever say how it ended.
 */
async function loseAgent(
  t: TestContext,
  of: { shop: Shop; jaeger: Jaeger; config: ReturnType<typeof agent> },
): Promise<void> {
  const { shop, jaeger, config } = of
  const lost = await Flowspan.start(config)
  t.after(async () => {
    await lost.kill()
    lost.clean()
  })
  const path = '/orders/last/held'
  const url = shop.url('ipv4', path)
  runInPod(shop.client, ['curl', '-sS', '-m', '30', url]).catch(() => undefined)
  const announced = () =>
    lost.rows(FLOWS).filter(({ target, state, comm }) => {
      return target === path && state === 'open' && comm === 'curl'
    })
  await waitFor('a request that is open', () => announced().length > OPEN_TIMEOUT_S + 1)
  const before = await jaeger.traces('api', { sinceMs: Date.now() - 60_000, limit: 100 })
  const unfinished = (spans: readonly Span[]) =>
    spans.filter(({ attributes }) => 'flowspan.exchange.unfinished' in attributes)
  assert.deepEqual(
    before.flatMap((trace) => unfinished(spansOf(trace))),
    [],
    'it is open',
  )
  await killAtOnce(lost)
  const trace = await jaeger.waitForTrace({
    service: 'curl',
    matches: ({ spans }) =>
      spans.length >= CHAIN_SPANS && spans.some((span) => JSON.stringify(span.tags).includes(path)),
  })
  const spans = spansOf(trace)
  assert.deepEqual(orphans(spans), [])
  assert.deepEqual(
    unfinished(spans)
      .map(({ service, kind, attributes }) => {
        return `${service} ${kind} ${attributes['flowspan.exchange.unfinished']}`
      })
      .sort(),
    ['api server', 'curl client', 'nginx client', 'nginx server'].map((end) => `${end} agent_lost`),
  )
}

test('a gateway that is killed and comes back gets every row, and makes traces of them', {
  skip: skipUnless(missing),
  timeout: 120_000,
}, async (t) => {
  const ca = authority(t)
  if (ca === undefined) return
  const { cert, key } = ca.issue('gateway')
  const pem = (file: string) => readFileSync(file, 'utf8')
  const jaeger = await startJaeger()
  t.after(() => jaeger.stop())
  const shop = await Shop.start()
  t.after(() => shop.close())
  const sink = new Sink()
  await sink.backend.listen()
  t.after(() => sink.backend.close())
  const [grpc, http] = (await freePorts(2)) as [number, number]
  const tls = { cert_pem: pem(cert), key_pem: pem(key) }
  const to = { tls, sink: sink.backend.port, jaeger: jaeger.otlpGrpc }
  const startGateway = async () => {
    const started = await Flowspan.start(() => gateway({ grpc, http }, to))
    t.after(async () => {
      await started.kill()
      started.clean()
    })
    return started
  }
  const first = await startGateway()
  const sender = await Flowspan.start(agent({ grpc, http }, pem(ca.cert)))
  t.after(async () => {
    await sender.kill()
    sender.clean()
  })
  const ask = async (path: string, times: number) => {
    for (let i = 0; i < times; i++) {
      const url = shop.url(i % 2 === 0 ? 'ipv4' : 'ipv6', `${path}-${i}`)
      await runInPod(shop.client, ['curl', '-sS', '-m', '5', '-o', '/dev/null', url])
    }
  }
  const behind = (path: string) => (row: Row) => String(row.target).startsWith(path)
  const arrived = () =>
    waitFor('the rows so far', () => {
      const sent = sender.rows(FLOWS).map(identityOf)
      return WAYS.every((way) => sent.every((identity) => sink.lines(way).has(identity)))
    })

  await ask('/orders/before', 4)
  await waitFor('a row', () => sink.lines('grpc').size > 0)
  await Promise.all([ask('/orders/killed', 6), killAtOnce(first)])
  await waitFor('what nobody takes', () => {
    return sender.rows(FLOWS).some(behind('/orders/killed-5'))
  })
  await startGateway()
  await ask('/orders/after', 2)
  await waitFor('the last', () => sender.rows(FLOWS).some(behind('/orders/after-1')))
  await arrived()

  const lines = new Map(
    sender.lines(FLOWS).map((line) => [identityOf(JSON.parse(line)), JSON.parse(line)]),
  )
  for (const way of WAYS) {
    const there = sink.lines(way)
    for (const [identity, row] of lines) {
      const text = there.get(identity)
      // What came since the file was read is not there yet.
      if (text !== undefined) assert.deepEqual(JSON.parse(text), row)
    }
    for (const path of ['before-3', 'killed-5', 'after-1']) {
      const rows = [...there.values()].map((line) => JSON.parse(line) as Row)
      const nginx = rows.find(
        (row) => behind(`/orders/${path}`)(row) && row.dst_service_name === 'nginx',
      )
      assert.ok(nginx, `${way} ${path}`)
      assert.equal(nginx.host_node, 'node-1')
    }
  }
  // Connections behind nginx are older than this gateway, which need not know who is at their ends.
  for (const path of ['/orders/after-0', '/orders/after-1']) {
    const trace = await jaeger.waitForTrace({
      service: 'nginx',
      matches: ({ spans }) =>
        spans.some((span) => JSON.stringify(span.tags).includes(path)) &&
        spans.length >= CHAIN_SPANS,
    })
    const spans = spansOf(trace)
    const ids = new Set(spans.map(({ spanId }) => spanId))
    assert.deepEqual([spans.length, ids.size], [CHAIN_SPANS, CHAIN_SPANS])
    const roots = spans.filter(({ parentId }) => parentId === undefined)
    assert.deepEqual(
      roots.map(({ service, kind }) => `${service} ${kind}`),
      ['curl client'],
    )
    assert.ok(spans.every(({ parentId }) => parentId === undefined || ids.has(parentId)))
  }
  const { components } = await sender.stop()
  for (const name of ['exporter/otlp', 'exporter/otlp_http']) {
    assert.deepEqual(components[name]?.lost, {}, name)
  }
  await loseAgent(t, { shop, jaeger, config: agent({ grpc, http }, pem(ca.cert)) })
  t.diagnostic(`${lines.size} rows, ${sink.doubles} delivered twice`)
})
