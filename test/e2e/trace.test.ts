/**
 * A request between pods becomes one stitched trace in Jaeger, with Kubernetes metadata, and
 * nothing in any of the services knows of it.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { goAvailable } from '../kit/backends.ts'
import type { OtlpJson } from '../kit/otelcol.ts'
import { waitFor } from '../kit/processes.ts'
import { missingForShop, skipUnless } from '../kit/requirements.ts'
import { SHOP, type ShopName } from '../kit/shop.ts'
import { NAMESPACE, NODE_NAME, podName, replicaSetName, ZONE } from '../kit/shop_objects.ts'
import { lastPoints, total } from './metric_view.ts'
import {
  SDK_PATH,
  type SdkSpan,
  SENT,
  type Sent,
  send,
  sendInstrumented,
  WIRE,
} from './requests.ts'
import { drawn, orphans, type Span, spansOf } from './trace_view.ts'
import { startWorld, type World } from './world.ts'

const go = await goAvailable()
const missing = missingForShop() ?? (go.available ? undefined : go.reason)
const SPANS_TIMEOUT_MS = 30_000

describe('a request through three pods', { skip: skipUnless(missing), timeout: 120_000 }, () => {
  const cleanups: (() => unknown)[] = []
  let world: World
  let sdk: SdkSpan
  /** Every trace that one of the shop's services is part of. */
  let traces: Span[][]
  const clientBytes = { sent: 0, received: 0 }
  let metrics: OtlpJson[]

  before(async () => {
    world = await startWorld(cleanups)
    for (const sent of SENT) {
      const bytes = await send(world.shop, sent)
      clientBytes.sent += bytes.sent
      clientBytes.received += bytes.received
    }
    sdk = await sendInstrumented(world.shop, world.otlpSocket)
    await waitFor('Every span', async () => enough(await shopTraces(world)), {
      timeoutMs: SPANS_TIMEOUT_MS,
    })
    // What is still held comes out now: nothing can follow what is read after this.
    await world.flowspan.stop()
    traces = await shopTraces(world)
    // Its file exporter writes what it has received 20 ms later at most.
    metrics = await world.collector.waitFor('metrics', (requests) => {
      return total(lastPoints(requests, SERVER_DURATION), 'frontend') >= REQUESTS
    })
  })

  after(async () => {
    for (const cleanup of cleanups) await cleanup()
  })

  for (const sent of SENT) {
    const times = sent.count === 1 ? 'one trace' : `${sent.count} traces`
    test(`${sent.client} ${sent.path} over ${sent.family} makes ${times}`, () => {
      const found = tracesOf(traces, sent.path)
      assert.equal(found.length, sent.count)
      for (const trace of found) assert.equal(drawn(trace), expected(sent))
    })
  }

  test('there are as many spans as requests were sent, and no more', () => {
    assert.equal(traces.flat().length, SPANS)
    assert.equal(new Set(traces.flat().map(({ spanId }) => spanId)).size, SPANS)
  })

  test('no span names a parent that is missing, except the one on the wire', () => {
    const found = traces.flatMap((trace) => orphans(trace))
    assert.deepEqual(
      found.map(({ parentId, service }) => ({ parentId, service })),
      [{ parentId: WIRE.spanId, service: 'curl' }],
    )
  })

  test('a traceparent that the client sends is taken over', () => {
    const [trace] = tracesOf(traces, '/orders/traced')
    assert.equal(trace?.[0]?.traceId, WIRE.traceId)
    const link = root(trace as Span[]).attributes['flowspan.link.method']
    assert.equal(link, 'header')
  })

  test('the kernel continues the trace of an application with the OpenTelemetry SDK', () => {
    const [trace] = tracesOf(traces, SDK_PATH)
    assert.equal(trace?.[0]?.traceId, sdk.traceId)
    const tree = expected({ ...ORDER, client: 'checkout', path: SDK_PATH })
    const lines = tree.split('\n').map((line) => `  ${line}`)
    assert.equal(drawn(trace as Span[]), ['checkout client place order', ...lines].join('\n'))
    assert.equal(root(trace as Span[]).spanId, sdk.spanId)
  })

  test("each end has its pod's Kubernetes names, and its peer's through NAT", () => {
    const spans = tracesOf(traces, '/orders/once-ipv4').concat(
      tracesOf(traces, '/orders/once-ipv6'),
    )
    for (const span of spans.flat()) {
      const { ours, peer } = ends(span)
      assert.deepEqual(pick(span.resource, 'k8s.'), ours ? k8s(ours, world.podUids[ours]) : {})
      assert.equal(span.attributes['peer.service'], peer ?? 'curl')
      const named = peer ? { ...k8s(peer), 'k8s.service.name': peer } : {}
      assert.deepEqual(pick(span.attributes, 'peer.k8s.', 'peer.'), named)
      assert.equal(span.resource['cloud.availability_zone'], ours ? ZONE : undefined)
    }
  })

  test('each link says how it was found, and how sure it is', () => {
    for (const span of tracesOf(traces, '/orders/far-ipv6/fresh').flat()) {
      const { 'flowspan.link.method': method, 'flowspan.link.confidence': confidence } =
        span.attributes
      if (span.parentId === undefined) assert.equal(method, undefined)
      else if (span.kind === 'server') assert.deepEqual([method, confidence], ['identity', 1])
      else assert.ok(method === 'thread' && Number(confidence) >= 0.7, `${method} ${confidence}`)
    }
  })

  test("spans carry their connection's story", () => {
    for (const span of kernelSpans(traces)) {
      const { attributes } = span
      assert.ok(Number(attributes['flowspan.tcp.srtt_us']) > 0, drawn([span]))
      assert.ok(Number(attributes['flowspan.tcp.connect_us']) > 0, drawn([span]))
      assert.equal(attributes['flowspan.tcp.retransmits'], 0)
      assert.ok(span.durationUs > 0)
    }
  })

  test('both ends call a connection alike, and tell connections apart', () => {
    const flowsOf = (path: string, service: string, kind: string) =>
      tracesOf(traces, path)
        .flat()
        .filter((span) => span.service === service && span.kind === kind)
        .map((span) => span.attributes['flowspan.flow_id'])
    for (const { client, path, count } of SENT) {
      const flows = flowsOf(path, client, 'client')
      assert.deepEqual(flowsOf(path, 'frontend', 'server').sort(), flows.sort())
      assert.equal(new Set(flows).size, client === 'curl' ? count : 1)
    }
  })

  test('the durations of requests are counted once at each end', () => {
    const server = lastPoints(metrics, SERVER_DURATION)
    const client = lastPoints(metrics, 'http.client.request.duration')
    assert.equal(total(server, 'frontend'), REQUESTS)
    assert.equal(total(server, 'api'), REQUESTS)
    assert.equal(total(server, 'storage'), REQUESTS - 1)
    assert.equal(total(client, 'frontend'), REQUESTS)
    assert.equal(total(client, 'api'), REQUESTS - 1)
    // Others on this machine may run a curl, too.
    const { ipv4, ipv6 } = world.shop.services.frontend
    const fromCurl = (address: string) => total(client, 'curl', { 'server.address': address })
    assert.equal(fromCurl(ipv4) + fromCurl(ipv6), CURL_REQUESTS)
    assert.equal(total(server, 'storage', { 'http.response.status_code': 404 }), 1)
    assert.equal(total(server, 'api', { 'http.response.status_code': 500 }), 1)
    assert.equal(total(server, 'api', { 'error.type': '500' }), 1)
  })

  test('the connections and bytes of an edge are what the client counted', () => {
    const state = 'flowspan.tcp.connection.state'
    const toFrontend = { 'flowspan.role': 'client', 'peer.service': 'frontend' }
    const opened = lastPoints(metrics, 'flowspan.tcp.connections')
    assert.equal(total(opened, 'curl', { ...toFrontend, [state]: 'opened' }), CURL_REQUESTS)
    assert.equal(total(opened, 'curl', { ...toFrontend, [state]: 'closed' }), CURL_REQUESTS)
    assert.equal(total(opened, 'client', { ...toFrontend, [state]: 'opened' }), 2)
    const fromCurl = { [state]: 'opened', 'flowspan.role': 'server', 'peer.service': 'curl' }
    assert.equal(total(opened, 'frontend', fromCurl), CURL_REQUESTS)
    const bytes = lastPoints(metrics, 'flowspan.tcp.io')
    const direction = 'network.io.direction'
    assert.equal(
      total(bytes, 'client', { ...toFrontend, [direction]: 'transmit' }),
      clientBytes.sent,
    )
    assert.equal(
      total(bytes, 'client', { ...toFrontend, [direction]: 'receive' }),
      clientBytes.received,
    )
  })

  test('nothing was lost, and the books balance', () => {
    const { lost, held, unaccounted, components } = world.flowspan.balance()
    assert.deepEqual(
      { lost, held, unaccounted },
      { lost: 0, held: 0, unaccounted: 0 },
      JSON.stringify(components),
    )
  })
})

const ORDER: Omit<Sent, 'client'> & { client: string } = {
  client: 'curl',
  family: 'ipv4',
  path: '',
  count: 1,
  status: 200,
  depth: 3,
}

const SERVER_DURATION = 'http.server.request.duration'

/** With the one that the instrumented application sent. */
const REQUESTS = SENT.reduce((sum, { count }) => sum + count, 0) + 1
const CURL_REQUESTS = SENT.filter(({ client }) => client === 'curl').reduce(
  (sum, { count }) => sum + count,
  0,
)

/** Two spans a hop, and the one that the SDK sent. */
const SPANS = SENT.reduce((sum, { count, depth }) => sum + count * depth * 2, 0) + 3 * 2 + 1

async function shopTraces({ jaeger }: World): Promise<Span[][]> {
  const byId = new Map<string, Span[]>()
  for (const service of SHOP) {
    for (const trace of await jaeger.traces(service)) byId.set(trace.traceID, spansOf(trace))
  }
  return [...byId.values()]
}

function enough(traces: readonly Span[][]): boolean {
  return traces.flat().length >= SPANS
}

/** The tree that a request must make, as `drawn` draws it. */
function expected({ client, path, status, depth }: Omit<Sent, 'client'> & { client: string }) {
  const item = `/items/${path.split('/')[2]}`
  const lines = [
    `${client} client GET ${path} ${status}`,
    `frontend server GET ${path} ${status}`,
    `frontend client GET ${path} ${status}`,
    `api server GET ${path} ${status}`,
    `api client GET ${item} ${status}`,
    `storage server GET ${item} ${status}`,
  ].slice(0, depth * 2)
  return lines.map((line, depth) => '  '.repeat(depth) + line).join('\n')
}

/** Traces in which the frontend was asked for the path. */
function tracesOf(traces: readonly Span[][], path: string): Span[][] {
  return traces.filter((trace) =>
    trace.some((span) => span.service === 'frontend' && span.attributes['url.path'] === path),
  )
}

function kernelSpans(traces: readonly Span[][]): Span[] {
  return traces.flat().filter(({ name }) => name !== 'place order')
}

/** The span at the top: the one whose parent is not among them. */
function root(trace: readonly Span[]): Span {
  const ids = new Set(trace.map(({ spanId }) => spanId))
  return trace.find(({ parentId }) => parentId === undefined || !ids.has(parentId)) as Span
}

/** Which services are at the span's own end and at the other; undefined for the client's pod. */
function ends({ service, kind }: Span): { ours?: ShopName; peer?: ShopName } {
  const at = SHOP.indexOf(service as ShopName)
  const peer = SHOP[kind === 'client' ? at + 1 : at - 1]
  return { ...(at >= 0 && { ours: SHOP[at] as ShopName }), ...(peer && { peer }) }
}

function k8s(name: ShopName, uid?: string): Record<string, string> {
  return {
    'k8s.namespace.name': NAMESPACE,
    'k8s.pod.name': podName(name),
    'k8s.deployment.name': name,
    'k8s.replicaset.name': replicaSetName(name),
    'k8s.node.name': NODE_NAME,
    ...(uid !== undefined && { 'k8s.pod.uid': uid }),
  }
}

/** The attributes whose key begins with `prefix`, without `cut`. */
function pick(attributes: Span['attributes'], prefix: string, cut = ''): object {
  return Object.fromEntries(
    Object.entries(attributes)
      .filter(([key]) => key.startsWith(prefix))
      .map(([key, value]) => [key.slice(cut.length), value]),
  )
}
