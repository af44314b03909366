/**
 * The books from the kernel to Jaeger, with a backend that is away for a while: what nobody takes
 * fills the queue, the backlog of the receiver, then the rings. At each hop what came in is
 * out, used, lost for a reason, or held; what one hands on the next one gets; what is said to be
 * sent is in Jaeger; and what is there is what the client did, marked where it is not all of it.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { type TestContext, test } from 'node:test'
import { type Asked, type Log, statusOf } from '../kit/apps/numbered.ts'
import { goAvailable } from '../kit/backends.ts'
import { Exposition } from '../kit/exposition.ts'
import { type Balance, type Book, Flowspan } from '../kit/flowspan.ts'
import { type Jaeger, startJaeger } from '../kit/jaeger.ts'
import type { JaegerTag } from '../kit/jaeger_api.ts'
import { startTraffic } from '../kit/numbered_traffic.ts'
import { freePorts } from '../kit/ports.ts'
import { waitFor } from '../kit/processes.ts'
import { skipUnless } from '../kit/requirements.ts'

const go = await goAvailable()
const missing = process.getuid?.() === 0 ? undefined : 'Cannot capture as this is not root'
const skip = skipUnless(missing ?? (go.available ? undefined : go.reason))
const MARKS = ['truncated', 'desynchronised', 'lossy'].map((mark) => `flowspan.exchange.${mark}`)

/** Jaeger, at a port at which nobody was before. */
async function arrive(t: TestContext, jaeger: Jaeger, port: number): Promise<void> {
  const [host, to] = jaeger.otlpGrpc.split(/:(?=\d+$)/) as [string, string]
  const server = createServer((near) => {
    const far = connect(Number(to), host)
    near.pipe(far).pipe(near)
    near.on('error', () => far.destroy())
    far.on('error', () => near.destroy())
  })
  t.after(() => server.close())
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
}

function config(backend: number, metrics: number) {
  return {
    receivers: {
      ebpf: {
        conn_ring_bytes: 16_384,
        payload_ring_bytes: 65_536,
        backlog_rows_max: 100,
        batch: { rows: 50 },
        // No exchange has more than one row.
        requests: { open_row_after: '1h' },
      },
    },
    processors: { stitch: { window: '200ms' } },
    connectors: { flow_spans: {} },
    exporters: {
      otlp: {
        endpoint: `127.0.0.1:${backend}`,
        tls: { insecure: true },
        sending_queue: { queue_size: 3, num_consumers: 1 },
        retry_on_failure: { initial_interval: '100ms', max_interval: '200ms' },
      },
    },
    service: {
      telemetry: { logs: { encoding: 'json' }, metrics: { address: `127.0.0.1:${metrics}` } },
      pipelines: {
        flows: { receivers: ['ebpf'], processors: ['stitch'], exporters: ['flow_spans'] },
        traces: { receivers: ['flow_spans'], exporters: ['otlp'] },
      },
    },
  }
}

function sum(counts: Readonly<Record<string, number>> = {}): number {
  return Object.values(counts).reduce((total, count) => total + count, 0)
}

function bookOf({ components }: Balance, name: string): Book {
  const found = Object.entries(components).find(([key]) => key.includes(name))
  assert.ok(found, `${name}: ${Object.keys(components)}`)
  return found[1]
}

interface Sent {
  readonly spanId: string
  readonly tags: ReadonlyMap<string, JaegerTag['value']>
}

async function spansIn(jaeger: Jaeger): Promise<Sent[]> {
  const spans = new Map<string, Sent>()
  for (const service of await jaeger.services()) {
    for (const trace of await jaeger.traces(service, { limit: 100_000 })) {
      for (const { spanID: spanId, tags } of trace.spans) {
        const byKey = new Map(tags.map(({ key, value }) => [key, value]))
        spans.set(spanId, { spanId, tags: byKey })
      }
    }
  }
  return [...spans.values()]
}

/** Each component's, and between each and the next. */
function assertHops(balance: Balance): { ebpf: Book; otlp: Book } {
  for (const [name, book] of Object.entries(balance.components)) {
    const spent = (book.out ?? 0) + sum(book.used) + sum(book.lost) + (book.held ?? 0)
    assert.equal(book.in, spent, `${name}: ${JSON.stringify(book)}`)
  }
  const [ebpf, stitch] = [bookOf(balance, 'receiver/ebpf'), bookOf(balance, 'processor/stitch')]
  const [spans, otlp] = [bookOf(balance, 'flow_spans'), bookOf(balance, 'exporter/otlp')]
  const { notes = {}, used = {}, lost = {} } = ebpf
  // Kernel to ring to receiver.
  const unread = (lost.payload_ring_full ?? 0) + (lost.connection_unknown ?? 0)
  assert.equal(notes.kernel_payload_events, (used.payload ?? 0) + unread)
  const records = ['kernel_connection_events', 'kernel_udp_events', 'kernel_listener_events']
  const told = records.reduce((total, name) => total + (notes[name] ?? 0), 0)
  const untold = (lost.connection_ring_full ?? 0) + (lost.listener_ring_full ?? 0)
  // A record of a connection is a row, which is no span; every exchange is one.
  assert.equal(told - untold, spans.used?.no_span)
  assert.equal(ebpf.out, stitch.in)
  assert.equal(stitch.out, spans.in)
  assert.equal(spans.in, sum(spans.used))
  assert.equal(spans.used?.spans, otlp.in)
  assert.equal(otlp.in, otlp.used?.sent)
  assert.equal(balance.lost, sum(lost))
  return { ebpf, otlp }
}

/** Spans of the client's requests against its log; gives who lacks a span of an end. */
function missingIn(spans: readonly Sent[], { asked }: Log, port: number): Asked[] {
  const byId = new Map(asked.map((one) => [one.id, one]))
  const seen = new Set<string>()
  for (const { tags } of spans) {
    if (tags.get('server.port') !== port) continue
    const text = JSON.stringify([...tags])
    const id = Number(/\/n\/(\d+)$/.exec(String(tags.get('url.path') ?? tags.get('url.full')))?.[1])
    assert.ok(byId.has(id), `no such request: ${text}`)
    const status = tags.get('http.response.status_code')
    const isMarked = MARKS.some((mark) => tags.get(mark) === true)
    if (status !== undefined) assert.equal(status, statusOf(id), text)
    else assert.ok(isMarked, `no status: ${text}`)
    const key = `${tags.get('span.kind')} ${id}`
    assert.ok(!seen.has(key), `twice: ${text}`)
    seen.add(key)
  }
  return ['client', 'server'].flatMap((kind) =>
    asked.filter(({ id }) => !seen.has(`${kind} ${id}`)),
  )
}

test('from the kernel to Jaeger all adds up, with a backend that is away for a while', {
  skip,
  timeout: 120_000,
}, async (t) => {
  const jaeger = await startJaeger()
  t.after(() => jaeger.stop())
  const [backend, metrics] = (await freePorts(2)) as [number, number]
  const flowspan = await Flowspan.start(() => config(backend, metrics))
  t.after(async () => {
    await flowspan.kill()
    flowspan.clean()
  })
  const served = async () => {
    const text = await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text()
    const exposition = new Exposition(text)
    return (name: string, labels: Record<string, string>) => exposition.value(name, labels) ?? 0
  }
  const items = 'flowspan_component_items'
  const traffic = await startTraffic({ kept: 3, pauseMs: 5 })
  t.after(() => traffic.stop())
  const full = { component: 'ebpf', flow: 'lost', reason: 'payload_ring_full' }
  await waitFor('a ring that overflows', async () => {
    return (await served())(items, full) > 20
  })
  await arrive(t, jaeger, backend)
  const sentAt = async () => (await served())('otelcol_exporter_sent_spans', { exporter: 'otlp' })
  await waitFor('spans', async () => (await sentAt()) > 0)
  const log = await traffic.finish()
  const balance = await flowspan.stop()
  const { ebpf, otlp } = assertHops(balance)

  const spans = await spansIn(jaeger)
  assert.equal(spans.length, otlp.used?.sent)
  const missing = missingIn(spans, log, traffic.port)
  const lost = (ebpf.lost?.payload_ring_full ?? 0) + (ebpf.lost?.connection_unknown ?? 0)
  assert.ok(missing.length > 0 && missing.length <= lost, `${missing.length} of ${lost}`)
  assert.ok(missing.length < 2 * log.asked.length)
})
