/**
 * What an exporter's queue costs a batch beside what it cannot do without: to put the requests of a
 * batch behind one another. Queue, merge and cut are measured in turns with a bare `Buffer.concat`
 * of the same requests, and only neighbours are compared.
 *
 * Spans have 10 attributes, about 400 bytes each.
 */
import pino from 'pino'
import { queueOptions } from '../pipeline/exporter/options.ts'
import { SendingQueue } from '../pipeline/exporter/queue.ts'
import type { Sender } from '../pipeline/exporter/sender.ts'
import { Ledger } from '../pipeline/ledger.ts'
import type { OtlpBatch } from '../pipeline/otlp/batch.ts'
import { splitRequest } from '../pipeline/otlp/split.ts'
import { TracesWriter } from '../pipeline/otlp/traces_writer.ts'
import { OK } from '../pipeline/outcome.ts'
import { requestType } from '../test/proto/otlp.ts'
import { describeMachine } from './machine.ts'
import { estimate } from './statistics.ts'

const PAIRS = 60
const BATCH = 8192
const REQUEST_SIZES = [10, 100, 1000]

function request(spans: number): OtlpBatch {
  const ids = Uint32Array.from({ length: (spans + 1) * 4 }, (_, i) => Math.imul(i + 1, 0x9e3779b1))
  const writer = new TracesWriter()
  writer.beginResource()
  writer.attrString('service.name', 'frontend')
  writer.attrString('k8s.pod.name', 'frontend-5d8f7c9b4-x2x7k')
  writer.beginScope('flowspan', '0.1.0')
  for (let i = 0; i < spans; i++) {
    writer.beginSpan()
    writer.traceId(ids, i)
    writer.spanId(ids, i)
    writer.parentSpanId(ids, i + 1)
    writer.name('GET /api/v1/orders')
    writer.start(ids, i)
    writer.end(ids, i + 1)
    for (let n = 0; n < 10; n++) writer.attrString(`attribute.number.${n}`, `value ${n} of ${i}`)
  }
  return writer.finish()
}

/** A queue whose batches go nowhere; resolves a turn of requests when their batches are sent. */
function queueOf(options: object, onSent: (items: number) => void): SendingQueue {
  const next: Sender = {
    send: async ({ items }) => {
      onSent(items)
      return OK
    },
    hurry: () => {},
    close: () => {},
  }
  const logger = pino({ level: 'silent' })
  return new SendingQueue(queueOptions.parse({ queue_size: 100_000, ...options }), {
    id: 'otlp',
    signal: 'traces',
    carries: 'traces',
    next,
    ledger: new Ledger(logger),
    logger,
  })
}

async function timed(run: () => unknown): Promise<number> {
  const before = process.cpuUsage()
  await run()
  const { user, system } = process.cpuUsage(before)
  return user + system
}

/** Microseconds of CPU a batch, of both ways in turns. */
async function compare(
  name: string,
  ways: { spans: number; run: () => unknown; plain: () => unknown; turns?: number },
): Promise<void> {
  const { turns = 20 } = ways
  const repeat = async (way: () => unknown) => {
    for (let i = 0; i < turns; i++) await way()
  }
  await repeat(ways.run)
  await repeat(ways.plain)
  const runs: number[] = []
  const ratios: number[] = []
  for (let pair = 0; pair < PAIRS; pair++) {
    const run = (await timed(() => repeat(ways.run))) / turns
    const plain = (await timed(() => repeat(ways.plain))) / turns
    runs.push(run)
    ratios.push(run / plain)
  }
  const { median } = estimate(runs)
  const ratio = estimate(ratios)
  console.log(
    `${name.padEnd(48)} ${median.toFixed(0).padStart(6)} µs, ` +
      `${((median * 1000) / ways.spans).toFixed(0).padStart(4)} ns a span, concat ` +
      `× ${ratio.median.toFixed(2)} (${ratio.low.toFixed(2)} … ${ratio.high.toFixed(2)})`,
  )
}

async function measureQueue(size: number): Promise<void> {
  const count = Math.ceil(BATCH / size)
  const one = request(size)
  const requests = Array.from({ length: count }, () => one)
  const plain = () => Buffer.concat(requests.map(({ bytes }) => bytes))
  const spans = count * size
  for (const [name, batch] of [
    ['queue alone', undefined],
    ['queue and merge', { min_size: spans }],
    ['queue, merge, cut at 1000 spans', { min_size: 1000, max_size: 1000 }],
    ['queue, merge, cut at 400 kB', { sizer: 'bytes', min_size: 400_000, max_size: 400_000 }],
  ] as const) {
    let left = 0
    let done = () => {}
    const options = {
      num_consumers: 1,
      ...(batch && { batch: { ...batch, flush_timeout: '1ms' } }),
    }
    const queue = queueOf(options, (items) => {
      left -= items
      if (left <= 0) done()
    })
    const run = () => {
      left += spans
      const { promise, resolve } = Promise.withResolvers<void>()
      done = resolve
      for (const request of requests) void queue.consume(request)
      return promise
    }
    await compare(`${count} × ${size} spans: ${name}`, { spans, run, plain })
    await queue.shutdown()
  }
}

async function measureSplit(): Promise<void> {
  const { bytes } = request(BATCH)
  const type = requestType('traces')
  const split = () => splitRequest({ signal: 'traces', bytes }, { sizer: 'items', max: 1000 })
  await compare(`${BATCH} spans: split at 1000 beside a copy`, {
    spans: BATCH,
    run: split,
    plain: () => Buffer.concat([bytes]),
  })
  await compare(`${BATCH} spans: protobufjs, decode and encode`, {
    spans: BATCH,
    run: () => type.encode(type.decode(bytes)).finish(),
    plain: () => Buffer.concat([bytes]),
    turns: 1,
  })
}

console.log(describeMachine())
for (const size of REQUEST_SIZES) await measureQueue(size)
await measureSplit()
