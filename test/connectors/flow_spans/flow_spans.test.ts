import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { schema } from '../../../connectors/flow_spans/config.ts'
import { FlowSpans } from '../../../connectors/flow_spans/flow_spans.ts'
import type { FlowBatch } from '../../../pipeline/flows/batch.ts'
import { LINK_METHOD } from '../../../pipeline/flows/schema.ts'
import { OK, permanent, retryable } from '../../../pipeline/outcome.ts'
import { decode } from '../../proto/otlp.ts'
import { type FlowRow, flowBatch, Surroundings } from '../rows.ts'

const SPAN_KIND_SERVER = 2
const SPAN_KIND_CLIENT = 3
const STATUS_ERROR = 2

// biome-ignore lint/suspicious/noExplicitAny: decoded messages are walked freely
type Decoded = any

interface Span {
  readonly message: Decoded
  readonly attributes: Record<string, unknown>
  readonly resource: Record<string, unknown>
}

function spansOf(batch: FlowBatch, around = new Surroundings()): Span[] {
  const connector = new FlowSpans(around.settings, schema.parse({}), around.next)
  assert.deepEqual(connector.consume(batch), OK)
  return around.got.flatMap((otlp) => {
    const spans = decode(otlp).resourceSpans.flatMap((resource: Decoded) =>
      resource.scopeSpans.flatMap((scope: Decoded) => {
        assert.deepEqual(scope.scope, { name: 'flowspan', version: '1.2.3' })
        return scope.spans.map((message: Decoded) => ({
          message,
          attributes: attributes(message.attributes),
          resource: attributes(resource.resource.attributes),
        }))
      }),
    )
    assert.equal(spans.length, otlp.items)
    return spans
  })
}

function spanOf(row: FlowRow): Span {
  const spans = spansOf(flowBatch(row))
  assert.equal(spans.length, 1)
  return spans[0] as Span
}

function attributes(list: Decoded[] = []): Record<string, unknown> {
  const pairs = list.map(({ key, value }): [string, unknown] => [key, Object.values(value)[0]])
  assert.equal(new Set(pairs.map(([key]) => key)).size, pairs.length, 'each key once')
  return Object.fromEntries(pairs)
}

test('a CLIENT span has what the conventions demand', () => {
  const { message, attributes } = spanOf({
    role: 'client',
    target: '/cart?id=',
    host: 'api:8080',
    connectUs: 312.4,
    srttUs: 95,
    retransmits: 2,
  })
  assert.equal(message.kind, SPAN_KIND_CLIENT)
  assert.equal(message.name, 'GET')
  assert.equal(message.startTimeUnixNano, '1767225600000000000')
  assert.equal(message.endTimeUnixNano, '1767225600001500000')
  assert.equal(message.flags, 1)
  assert.equal(message.status, undefined)
  assert.equal(message.parentSpanId, undefined)
  assert.deepEqual(attributes, {
    'http.request.method': 'GET',
    'http.response.status_code': '200',
    'server.address': 'api',
    'server.port': '8080',
    'url.scheme': 'http',
    'url.full': 'http://api:8080/cart?id=',
    'http.request.size': '120',
    'http.response.size': '4096',
    'network.peer.address': '10.0.0.2',
    'network.peer.port': '8080',
    'network.local.address': '10.0.0.1',
    'network.local.port': '40000',
    'network.transport': 'tcp',
    'network.protocol.name': 'http',
    'network.protocol.version': '1.1',
    'process.pid': '4242',
    'flowspan.flow_id': '0000000900000007',
    'flowspan.tcp.srtt_us': '95',
    'flowspan.tcp.min_rtt_us': '95',
    'flowspan.tcp.retransmits': '2',
    'flowspan.tcp.connect_us': '312',
  })
})

test('a SERVER span has path and query apart, and who asked', () => {
  const { message, attributes } = spanOf({ role: 'server', target: '/cart?id=1', host: '' })
  assert.equal(message.kind, SPAN_KIND_SERVER)
  assert.equal(attributes['url.path'], '/cart')
  assert.equal(attributes['url.query'], 'id=1')
  assert.equal(attributes['url.full'], undefined)
  assert.equal(attributes['client.address'], '10.0.0.1')
  assert.equal(attributes['client.port'], '40000')
  assert.equal(attributes['network.peer.address'], '10.0.0.1')
  assert.equal(attributes['network.local.port'], '8080')
  assert.equal(attributes['server.address'], '10.0.0.2', 'no Host header')
})

test('the URL names the address where the request names no host', () => {
  const ipv6 = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
  const { attributes } = spanOf({ role: 'client', host: '', dst: ipv6 })
  assert.equal(attributes['url.full'], 'http://[2001:db8::1]:8080/cart')
  assert.equal(attributes['server.address'], '2001:db8::1')
  const literal = spanOf({ role: 'client', host: '[::1]:90' }).attributes
  assert.equal(literal['server.address'], '::1')
  assert.equal(literal['server.port'], '90')
  const bare = spanOf({ role: 'client', host: '[::1]' }).attributes
  assert.equal(bare['server.address'], '::1')
  assert.equal(bare['server.port'], '8080')
})

test('a method nobody knows is _OTHER, its name HTTP, and the original kept', () => {
  const { message, attributes } = spanOf({ role: 'client', method: 'PURGE' })
  assert.equal(message.name, 'HTTP')
  assert.equal(attributes['http.request.method'], '_OTHER')
  assert.equal(attributes['http.request.method_original'], 'PURGE')
})

test('a 4xx is the client’s error, a 5xx both ends’, what the row names too', () => {
  const error = (row: FlowRow) => {
    const { message, attributes } = spanOf(row)
    assert.equal(message.status?.code === STATUS_ERROR, 'error.type' in attributes)
    return attributes['error.type']
  }
  assert.equal(error({ role: 'client', status: 399 }), undefined)
  assert.equal(error({ role: 'client', status: 404 }), '404')
  assert.equal(error({ role: 'server', status: 404 }), undefined)
  assert.equal(error({ role: 'server', status: 503 }), '503')
  assert.equal(error({ role: 'server', status: 0, error: 'timeout' }), 'timeout')
  assert.equal(error({ role: 'server', status: 0 }), undefined)
})

test('what was not seen of an exchange is said', () => {
  const { attributes } = spanOf({
    role: 'client',
    marks: ['truncated', 'desynchronised', 'lossy'],
  })
  for (const mark of ['truncated', 'desynchronised', 'lossy']) {
    assert.equal(attributes[`flowspan.exchange.${mark}`], true)
  }
})

test('a span whose end nobody saw says why', () => {
  const key = 'flowspan.exchange.unfinished'
  assert.equal(
    spanOf({ role: 'client', unfinished: 'agent_stopped' }).attributes[key],
    'agent_stopped',
  )
  assert.ok(!(key in spanOf({ role: 'client' }).attributes))
})

test('the resource is the local end, the peer is on the span', () => {
  const api = {
    service_name: 'api',
    k8s_namespace: 'shop',
    k8s_pod: 'api-1',
    k8s_pod_uid: 'uid-1',
    k8s_workload_kind: 'Deployment',
    k8s_workload: 'api',
    k8s_replicaset: 'api-5d',
    k8s_node: 'node-a',
    k8s_service: 'api-svc',
    zone: 'zone-1',
  }
  const web = { service_name: 'web', k8s_namespace: 'shop', k8s_pod: 'web-0' }
  const ends = { source: web, destination: api }
  const spans = spansOf(
    flowBatch(
      { role: 'client', comm: 'curl', ...ends },
      { role: 'server', comm: 'nginx', ...ends },
    ),
  )
  const [client, server] = spans as [Span, Span]
  assert.deepEqual(server.resource, {
    'service.name': 'api',
    'service.namespace': 'shop',
    'k8s.namespace.name': 'shop',
    'k8s.pod.name': 'api-1',
    'k8s.deployment.name': 'api',
    'k8s.replicaset.name': 'api-5d',
    'k8s.node.name': 'node-a',
    'cloud.availability_zone': 'zone-1',
    'k8s.pod.uid': 'uid-1',
    'process.executable.name': 'nginx',
  })
  assert.equal(client.resource['service.name'], 'web')
  const peer = Object.entries(client.attributes).filter(([key]) => key.startsWith('peer.'))
  assert.deepEqual(Object.fromEntries(peer), {
    'peer.service': 'api',
    'peer.k8s.namespace.name': 'shop',
    'peer.k8s.pod.name': 'api-1',
    'peer.k8s.deployment.name': 'api',
    'peer.k8s.replicaset.name': 'api-5d',
    'peer.k8s.node.name': 'node-a',
    'peer.cloud.availability_zone': 'zone-1',
    'peer.k8s.service.name': 'api-svc',
  })
  assert.equal(server.attributes['peer.service'], 'web')
})

test('without Kubernetes the service is named after the process', () => {
  assert.equal(spanOf({ role: 'client', comm: 'curl' }).resource['service.name'], 'curl')
  assert.equal(spanOf({ role: 'client', comm: '' }).resource['service.name'], 'unknown_service')
})

test('rows of one end share a resource, whichever side of the row it is on', () => {
  const [a, b] = [{ service_name: 'a' }, { service_name: 'b' }]
  const around = new Surroundings()
  spansOf(
    flowBatch(
      { role: 'client', source: a, destination: b },
      { role: 'server', source: a, destination: b },
      { role: 'server', source: b, destination: a },
      { role: 'client', source: a },
    ),
    around,
  )
  const { resourceSpans } = decode(around.got[0] as never)
  const counts = resourceSpans.map((r: Decoded) => [
    attributes(r.resource.attributes)['service.name'],
    r.scopeSpans[0].spans.length,
  ])
  assert.deepEqual(counts, [
    ['a', 3],
    ['b', 1],
  ])
})

test('a stitched row keeps its ids, and says how its parent was found', () => {
  const batch = flowBatch({ role: 'server' })
  const stitch = batch.add('stitch')
  stitch.trace_id.set([4, 3, 2, 1])
  stitch.span_id.set([6, 5])
  stitch.parent_span_id.set([8, 7])
  stitch.link_method[0] = LINK_METHOD.thread
  stitch.link_confidence[0] = 0.9
  const [{ message, attributes }] = spansOf(batch) as [Span]
  assert.equal(message.traceId, '00000001000000020000000300000004')
  assert.equal(message.spanId, '0000000500000006')
  assert.equal(message.parentSpanId, '0000000700000008')
  assert.equal(attributes['flowspan.link.method'], 'thread')
  assert.equal(attributes['flowspan.link.confidence'], 0.9)
  assert.equal(message.links, undefined)
})

test('a candidate becomes a span link that says how sure it is', () => {
  const batch = flowBatch({ role: 'client' })
  const stitch = batch.add('stitch')
  stitch.trace_id.set([4, 3, 2, 1])
  stitch.span_id.set([6, 5])
  stitch.link_confidence[0] = Number.NaN
  stitch.candidate_trace_id.set([14, 13, 12, 11])
  stitch.candidate_span_id.set([18, 17])
  batch.base.cause_method[0] = LINK_METHOD.timing
  batch.base.cause_confidence[0] = 0.4
  const [{ message, attributes: own }] = spansOf(batch) as [Span]
  assert.equal(message.parentSpanId, undefined)
  assert.equal('flowspan.link.method' in own, false)
  assert.equal(message.links.length, 1)
  const [link] = message.links
  assert.equal(link.traceId, '0000000b0000000c0000000d0000000e')
  assert.equal(link.spanId, '0000001100000012')
  assert.deepEqual(attributes(link.attributes), {
    'flowspan.link.method': 'timing',
    'flowspan.link.confidence': 0.4,
  })
})

test('without stitch every span is a root whose ids both ends agree on', () => {
  const [client, server] = spansOf(flowBatch({ role: 'client' }, { role: 'server' })) as [
    Span,
    Span,
  ]
  assert.equal(client.message.traceId, server.message.traceId)
  assert.notEqual(client.message.spanId, server.message.spanId)
  assert.equal(client.message.parentSpanId, undefined)
  assert.equal(server.message.parentSpanId, undefined)
})

test('only closed exchanges become spans, and all rows are accounted for', () => {
  const around = new Surroundings()
  const spans = spansOf(
    flowBatch(
      { role: 'client', kind: 'connection' },
      { role: 'client', state: 'open' },
      { role: 'client' },
    ),
    around,
  )
  assert.equal(spans.length, 1)
  assert.deepEqual(around.ledger.entry().used, { spans: 1, no_span: 2 })
  spansOf(flowBatch({ role: 'client', kind: 'connection' }), around)
  assert.equal(around.got.length, 1, 'nothing to send')
  assert.deepEqual(around.ledger.entry().used, { spans: 1, no_span: 3 })
})

test('what `next` refuses is refused, and nothing is counted', async () => {
  const around = new Surroundings()
  const connector = new FlowSpans(around.settings, schema.parse({}), around.next)
  const batch = flowBatch({ role: 'client' })
  for (const refusal of [retryable('busy', 5), permanent('no')]) {
    around.answer = () => refusal
    assert.deepEqual(connector.consume(batch), refusal)
    around.answer = () => Promise.resolve(refusal)
    assert.deepEqual(await connector.consume(batch), refusal)
  }
  assert.deepEqual(around.ledger.entry().used, {})
  around.answer = () => OK
  assert.deepEqual(connector.consume(batch), OK)
  assert.equal(around.got[0]?.items, 1, 'no rows are left over from refused tries')
})

test('every exchange of a connection says the same of it, the first and the third', () => {
  const rows = [0, 100, 200].map(
    (offset): FlowRow => ({ role: 'server', target: '/', flow: 7, offset, connectUs: 312.4 }),
  )
  const [first, ...later] = spansOf(flowBatch(...rows)).map(({ attributes }) => attributes)
  assert.equal(first?.['network.transport'], 'tcp')
  for (const attributes of later) assert.deepEqual(attributes, first)
})

test('a URL that comes again is the same, in resources and behind spans of any length', () => {
  const services = ['a', 'b', 'c'].map((service_name) => ({ service_name }))
  const rows = services.flatMap((destination): FlowRow[] => {
    const row: FlowRow = { role: 'server', target: '/cart?id=1', destination }
    const long: FlowRow = { ...row, target: `/${'x'.repeat(20_000)}` }
    return [row, row, long, row, long, row, { ...row, host: 'other' }, row]
  })
  const urls = spansOf(flowBatch(...rows)).map(({ attributes }) => attributes['url.path'])
  assert.deepEqual(
    urls,
    rows.map(({ target }) => target?.split('?')[0]),
  )
})

test('the numbers of a span are the row’s, however many bytes they take', () => {
  const size = fc.oneof(fc.nat(300), fc.maxSafeNat())
  const u32 = fc.oneof(fc.nat(300), fc.integer({ min: 0, max: 2 ** 32 - 1 }))
  const row = fc.record({
    role: fc.constantFrom('client' as const, 'server' as const),
    transport: fc.constantFrom('tcp' as const, 'udp' as const),
    protocol: fc.constantFrom('http', 'redis'),
    bytes: size,
    responseBytes: size,
    srttUs: u32,
    retransmits: u32,
  })
  fc.assert(
    fc.property(fc.array(row, { minLength: 1, maxLength: 4 }), (rows) => {
      const spans = spansOf(flowBatch(...rows))
      for (const [i, { transport, protocol, ...of }] of rows.entries()) {
        const sizes = protocol === 'http' ? 'http' : 'flowspan.exchange'
        const isTcp = transport === 'tcp'
        const rtt = isTcp && of.srttUs > 0 ? String(of.srttUs) : undefined
        const { attributes } = spans[i] as Span
        assert.equal(attributes[`${sizes}.request.size`], String(of.bytes))
        assert.equal(attributes[`${sizes}.response.size`], String(of.responseBytes))
        assert.equal(attributes['flowspan.tcp.srtt_us'], rtt)
        assert.equal(attributes['flowspan.tcp.min_rtt_us'], rtt)
        const retransmits = isTcp ? String(of.retransmits) : undefined
        assert.equal(attributes['flowspan.tcp.retransmits'], retransmits)
      }
    }),
  )
})
