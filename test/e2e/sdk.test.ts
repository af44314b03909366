/**
 * Applications with the OpenTelemetry SDK, each protocol of it, send to flowspan, and all of it
 * comes out in a real Jaeger: through an agent and a gateway, or to the gateway's TLS and token.
 *
 *     app ── grpc, http/protobuf, http/json ──▶ agent ── TLS, token ─┐
 *     app ── the same, with TLS and token ───────────────────────────┴─▶ gateway ──▶ Jaeger
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { goAvailable } from '../kit/backends.ts'
import { Authority, type KeyPair } from '../kit/certificates.ts'
import { Flowspan, type FlowspanConfig } from '../kit/flowspan.ts'
import { type Jaeger, startJaeger } from '../kit/jaeger.ts'
import type { JaegerTrace } from '../kit/jaeger_api.ts'
import { freePorts } from '../kit/ports.ts'
import { removeDirectory, temporaryDirectory, waitFor } from '../kit/processes.ts'
import { skipUnless } from '../kit/requirements.ts'
import { orphans, type Span, spansOf } from './trace_view.ts'

const APP = join(import.meta.dirname, '../kit/apps/sdk_orders.ts')
const ORDERS = 200
const SPANS_AN_ORDER = 3
const TOKEN = 'only-the-shop-knows'
const PROTOCOLS = ['grpc', 'http/protobuf', 'http/json'] as const
type Protocol = (typeof PROTOCOLS)[number]

const run = promisify(execFile)
const go = await goAvailable()

interface Ports {
  readonly grpc: number
  readonly http: number
}

/** Processors in front of everything, as production has them. */
const PROCESSORS = {
  memory_limiter: { check_interval: '1s', limit_percentage: 80 },
  batch: { timeout: '50ms', send_batch_size: 256 },
}

function gatewayConfig(jaeger: Jaeger, at: { ports: Ports; pair: KeyPair }): FlowspanConfig {
  const secure = (port: number) => ({
    endpoint: `127.0.0.1:${port}`,
    tls: { cert_file: at.pair.cert, key_file: at.pair.key },
    auth: { authenticator: 'bearertokenauth' },
  })
  const { grpc, http } = at.ports
  return {
    extensions: { bearertokenauth: { token: TOKEN } },
    receivers: { otlp: { protocols: { grpc: secure(grpc), http: secure(http) } } },
    processors: PROCESSORS,
    exporters: { otlp: { endpoint: jaeger.otlpGrpc, tls: { insecure: true } } },
    service: { extensions: ['bearertokenauth'], pipelines: { traces: PIPELINE } },
  }
}

function agentConfig(at: { ports: Ports; gateway: Ports; ca: string }): FlowspanConfig {
  const plain = (port: number) => ({ endpoint: `127.0.0.1:${port}` })
  const auth = { authenticator: 'bearertokenauth' }
  const { grpc, http } = at.ports
  return {
    extensions: { bearertokenauth: { token: TOKEN } },
    receivers: { otlp: { protocols: { grpc: plain(grpc), http: plain(http) } } },
    processors: PROCESSORS,
    exporters: { otlp: { ...plain(at.gateway.grpc), tls: { ca_file: at.ca }, auth } },
    service: { extensions: ['bearertokenauth'], pipelines: { traces: PIPELINE } },
  }
}

const PIPELINE = {
  receivers: ['otlp'],
  processors: ['memory_limiter', 'batch'],
  exporters: ['otlp'],
}

describe('an application with the OpenTelemetry SDK', {
  skip: skipUnless(go.available ? undefined : go.reason),
  timeout: 240_000,
}, () => {
  const cleanups: (() => unknown)[] = []
  const ids = new Map<string, readonly string[]>()
  let jaeger: Jaeger
  let agent: Flowspan
  let gateway: Flowspan
  let ports: { agent: Ports; gateway: Ports }
  let authority: Authority

  before(async () => {
    const directory = temporaryDirectory('sdk')
    cleanups.unshift(() => removeDirectory(directory))
    authority = new Authority(directory)
    jaeger = await startJaeger()
    cleanups.unshift(() => jaeger.stop())
    const [a, b, c, d] = (await freePorts(4)) as [number, number, number, number]
    ports = { agent: { grpc: a, http: b }, gateway: { grpc: c, http: d } }
    const pair = authority.issue('gateway')
    gateway = await start(gatewayConfig(jaeger, { ports: ports.gateway, pair }))
    const ca = authority.cert
    agent = await start(agentConfig({ ports: ports.agent, gateway: ports.gateway, ca }))
    // One after another: what is looked for is what arrives, not how fast.
    for (const protocol of PROTOCOLS) {
      ids.set(`plain ${protocol}`, await place(`plain ${protocol}`, protocol, toAgent(protocol)))
      ids.set(`tls ${protocol}`, await place(`tls ${protocol}`, protocol, toGateway(protocol)))
    }
    // They drain, the agent into the gateway: nothing can follow what is read after this.
    await agent.stop()
    await gateway.stop()
  })

  after(async () => {
    for (const cleanup of cleanups) await cleanup()
  })

  async function start(config: FlowspanConfig): Promise<Flowspan> {
    const flowspan = await Flowspan.start(() => config)
    cleanups.unshift(async () => {
      await flowspan.kill()
      flowspan.clean()
    })
    return flowspan
  }

  function toAgent(protocol: Protocol): Record<string, string> {
    const port = protocol === 'grpc' ? ports.agent.grpc : ports.agent.http
    return { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` }
  }

  function toGateway(protocol: Protocol, token = TOKEN): Record<string, string> {
    const port = protocol === 'grpc' ? ports.gateway.grpc : ports.gateway.http
    return {
      // The SDK's gRPC client takes no address for the name of a server with TLS.
      OTEL_EXPORTER_OTLP_ENDPOINT: `https://localhost:${port}`,
      OTEL_EXPORTER_OTLP_CERTIFICATE: authority.cert,
      OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer%20${token}`,
    }
  }

  for (const protocol of PROTOCOLS) {
    for (const [way, service] of [
      ['agent and gateway', `plain ${protocol}`],
      ["the gateway's TLS and token", `tls ${protocol}`],
    ] as const) {
      test(`over ${protocol}, by ${way}: every span is in Jaeger, once and whole`, async () => {
        const traces = await tracesIn(jaeger, service)
        assert.deepEqual(
          traces.map(({ traceID }) => traceID).sort(),
          [...(ids.get(service) ?? [])].sort(),
        )
        assert.equal(ids.get(service)?.length, ORDERS)
        for (const trace of traces) assertOrder(spansOf(trace), service)
        const numbers = traces.map((trace) => rootOf(spansOf(trace)).attributes['order.id'])
        assert.deepEqual(
          numbers.map(Number).sort((one, other) => one - other),
          Array.from({ length: ORDERS }, (_, number) => number),
        )
      })
    }
  }

  test('events, links, statuses and arrays are those that the application gave', async () => {
    for (const service of ids.keys()) {
      // Every tenth card is refused: its trace has all that a trace can have.
      const id = ids.get(service)?.[9] as string
      const sent = await jaeger.otlpTrace(id)
      const [resource] = sent?.resourceSpans ?? []
      const [scope] = resource?.scopeSpans ?? []
      assert.deepEqual([scope?.scope?.name, scope?.scope?.version], ['orders', '1.2.3'])
      const span = (name: string) => scope?.spans.find((each) => each.name === name)
      const items = span('place order')?.attributes?.find(({ key }) => key === 'order.items')
      assert.deepEqual(items?.value, {
        arrayValue: { values: [{ stringValue: 'tea' }, { stringValue: 'cup' }] },
      })
      const event = span('check stock')?.events?.[0]
      assert.deepEqual([event?.name, event?.attributes?.[0]?.key], ['counted', 'stock.left'])
      assert.equal(span('charge card')?.links?.[0]?.spanId, span('check stock')?.spanId)
      assert.deepEqual(span('charge card')?.status, { code: 2, message: 'card refused' })
    }
  })

  test('both flowspans account for every span, and have lost none', () => {
    const each = PROTOCOLS.length * ORDERS * SPANS_AN_ORDER
    for (const [flowspan, spans] of [
      [agent, each],
      [gateway, 2 * each],
    ] as const) {
      const { components, lost, held, unaccounted } = flowspan.balance()
      assert.deepEqual([lost, held, unaccounted], [0, 0, 0])
      assert.equal(components['receiver/otlp']?.out, spans)
      assert.equal(components['exporter/otlp']?.used?.sent, spans)
    }
  })

  test('a wrong token, and none, are refused before anything is read', async () => {
    const pair = authority.issue('again')
    const again = await start(gatewayConfig(jaeger, { ports: ports.gateway, pair }))
    for (const protocol of PROTOCOLS) {
      const { OTEL_EXPORTER_OTLP_HEADERS: _, ...without } = toGateway(protocol)
      for (const env of [toGateway(protocol, 'a-guess'), without]) {
        // Some exporters of the SDK end the application over it.
        await place('stranger', protocol, env).catch(() => {})
      }
    }
    const { components, lost } = await again.stop()
    assert.equal(lost, 0)
    assert.equal(components['receiver/otlp']?.in ?? 0, 0)
    assert.ok(!(await jaeger.services()).includes('stranger'))
  })
})

/** Has the application place its orders; gives their trace ids once it has sent them. */
async function place(
  service: string,
  protocol: Protocol,
  env: Record<string, string>,
): Promise<readonly string[]> {
  const { stdout } = await run(process.execPath, [APP, String(ORDERS)], {
    env: {
      PATH: process.env.PATH,
      OTEL_SERVICE_NAME: service,
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test,shop.branch=Köln',
      OTEL_TRACES_EXPORTER: 'otlp',
      OTEL_METRICS_EXPORTER: 'none',
      OTEL_LOGS_EXPORTER: 'none',
      OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
      ...env,
    },
  })
  return JSON.parse(stdout) as string[]
}

/** All traces of a service, when as many as were sent are there. */
async function tracesIn(jaeger: Jaeger, service: string): Promise<readonly JaegerTrace[]> {
  return await waitFor(`every trace of ${service}`, async () => {
    const traces = await jaeger.traces(service)
    return traces.length >= ORDERS ? traces : undefined
  })
}

function rootOf(spans: readonly Span[]): Span {
  return spans.find(({ parentId }) => parentId === undefined) as Span
}

function assertOrder(spans: readonly Span[], service: string): void {
  assert.equal(spans.length, SPANS_AN_ORDER)
  assert.deepEqual(orphans(spans), [])
  assert.equal(new Set(spans.map(({ spanId }) => spanId)).size, SPANS_AN_ORDER)
  const root = rootOf(spans)
  assert.equal(root.service, service)
  assert.equal(root.kind, 'server')
  const number = Number(root.attributes['order.id'])
  assert.equal(root.attributes['order.total'], number + 0.5)
  assert.equal(root.attributes['order.gift'], number % 2 === 0)
  assert.equal(root.attributes['order.note'], 'für Grüße 🎁')
  assert.equal(root.resource['deployment.environment.name'], 'test')
  assert.equal(root.resource['shop.branch'], 'Köln')
  const names = spans.map(({ name, kind }) => `${name} ${kind}`).sort()
  assert.deepEqual(names, ['charge card client', 'check stock internal', 'place order server'])
  for (const { parentId } of spans) assert.ok(parentId === undefined || parentId === root.spanId)
}
