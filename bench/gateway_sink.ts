/**
 * The backend of `gateway` and `export_path`: takes spans or log records, and notes how long after
 * its end each span came. A child of the bench, which asks it by messages.
 *
 *     gateway_sink.ts ENDPOINT [ENDPOINT OF HTTP]
 */
import { pino } from 'pino'
import type { OtlpBatch } from '../pipeline/otlp/batch.ts'
import { TracesView } from '../pipeline/otlp/traces_view.ts'
import { OK } from '../pipeline/outcome.ts'
import { toNumber } from '../pipeline/u64.ts'
import { schema } from '../receivers/otlp/config.ts'
import { receiverOf } from '../receivers/otlp/otlp_receiver.ts'
import { hostOf, settingsOf } from '../test/pipeline/surroundings.ts'

export interface Arrived {
  readonly items: number
  readonly requests: number
  /** Milliseconds from the end of a request to its span, of half and of 99 %. */
  readonly p50: number
  readonly p99: number
}

const LATENCY_MS_MAX = 60_000
const [endpoint, http] = process.argv.slice(2)
let latencies = new Uint32Array(LATENCY_MS_MAX + 1)
let items = 0
let requests = 0
/** By how much rows are sent later than they say, in milliseconds. */
let laterMs = 0

const next = {
  mutates: false,
  consume({ signal, bytes, items: count }: OtlpBatch) {
    items += count
    requests++
    if (signal === 'traces') note(bytes)
    return OK
  },
}

function note(bytes: Uint8Array): void {
  const nowMs = performance.timeOrigin + performance.now() - laterMs
  const view = new TracesView(bytes)
  while (view.nextResource()) {
    while (view.nextScope()) {
      while (view.nextSpan()) {
        const ms = nowMs - toNumber(view.span.endLo, view.span.endHi) / 1e6
        const at = Math.min(Math.max(Math.round(ms), 0), LATENCY_MS_MAX)
        latencies[at] = (latencies[at] as number) + 1
      }
    }
  }
}

function quantile(share: number): number {
  const total = latencies.reduce((sum, count) => sum + count, 0)
  let sum = 0
  return latencies.findIndex((count) => {
    sum += count
    return total > 0 && sum >= share * total
  })
}

/** Told how much later the load began than it says; asked for what came since the last message. */
process.on('message', ({ laterMs: later }: { laterMs?: number }) => {
  laterMs = later ?? laterMs
  const arrived: Arrived = { items, requests, p50: quantile(0.5), p99: quantile(0.99) }
  process.send?.(arrived)
  latencies = new Uint32Array(LATENCY_MS_MAX + 1)
  items = 0
  requests = 0
})
process.on('disconnect', () => process.exit())

const config = schema.parse({
  protocols: { grpc: { endpoint }, ...(http !== undefined && { http: { endpoint: http } }) },
})
const logger = pino({ level: 'warn' })
const host = hostOf()
for (const signal of ['traces', 'logs'] as const) {
  await receiverOf(signal)(settingsOf({ id: 'otlp', logger }), config, next).start?.(host)
}
process.send?.('ready')
