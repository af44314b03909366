/**
 * Measures and traces each request, from its first attempt to its last: the Collector's metrics and
 * span, names and attributes alike.
 *
 * Sending a trace must not make one more that is to be sent: whatever instruments the libraries
 * below is told to look away, by the key that OpenTelemetry's SDK keeps for that.
 */
import {
  type Attributes,
  context as api,
  createContextKey,
  type Histogram,
  type Meter,
  type Span,
  SpanStatusCode,
  type Tracer,
  type UpDownCounter,
} from '@opentelemetry/api'
import type { Signal } from '../component.ts'
import type { OtlpBatch } from '../otlp/batch.ts'
import type { Outcome } from '../outcome.ts'
import { BYTE_BUCKETS, ITEM_BUCKETS } from '../telemetry/conventions.ts'
import type { Hurry, SendContext, Sender } from './sender.ts'

const SUPPRESS_TRACING = createContextKey('OpenTelemetry SDK Context Key SUPPRESS_TRACING')

/** Which exporter is measured, and with what. */
export interface Observation {
  readonly id: string
  readonly signal: Signal
  readonly meter: Meter
  readonly tracer: Tracer
}

export class Observed implements Sender {
  readonly #next: Sender
  readonly #tracer: Tracer
  readonly #spanName: string
  readonly #attributes: Attributes
  readonly #inFlight: UpDownCounter
  readonly #sizes: BatchSizes | undefined

  /** @param layers.sizes where batches are made; else a request is what it was when it came */
  constructor(of: Observation, layers: { next: Sender; sizes?: BatchSizes | undefined }) {
    this.#next = layers.next
    this.#sizes = layers.sizes
    this.#tracer = of.tracer
    this.#spanName = `exporter/${of.id}/${of.signal}`
    this.#attributes = { exporter: of.id, data_type: of.signal }
    this.#inFlight = of.meter.createUpDownCounter('otelcol_exporter_in_flight_requests', {
      description: 'Number of export requests currently in-flight (including retry backoff).',
      unit: '{request}',
    })
  }

  async send(batch: OtlpBatch, context: SendContext): Promise<Outcome> {
    this.#inFlight.add(1, this.#attributes)
    this.#sizes?.record(batch)
    const { items } = batch
    const span = this.#tracer.startSpan(this.#spanName, { attributes: this.#attributes })
    const more = span.isRecording() ? { ...context, span } : context
    const silent = api.active().setValue(SUPPRESS_TRACING, true)
    const outcome = await api.with(silent, () => this.#next.send(batch, more))
    endSpan(span, { outcome, items })
    this.#inFlight.add(-1, this.#attributes)
    return outcome
  }

  hurry(waiting: Hurry): void {
    this.#next.hurry(waiting)
  }

  close(): void {
    this.#next.close()
  }
}

function endSpan(span: Span, { outcome, items }: { outcome: Outcome; items: number }): void {
  const isSent = outcome.kind === 'ok'
  span.setAttributes({ 'items.sent': isSent ? items : 0, 'items.failed': isSent ? 0 : items })
  if (!isSent) span.setStatus({ code: SpanStatusCode.ERROR, message: outcome.reason })
  span.end()
}

/** Two histograms: of requests as they come into the queue, or of batches as they leave it. */
export class BatchSizes {
  readonly #items: Histogram
  readonly #bytes: Histogram
  readonly #attributes: Attributes

  constructor(of: Observation, which: 'enqueue_size' | 'queue_batch_send_size') {
    const what = which === 'enqueue_size' ? 'a request offered to the queue' : 'a batch sent'
    const name = `otelcol_exporter_${which}`
    this.#attributes = { exporter: of.id }
    this.#items = of.meter.createHistogram(name, {
      description: `Number of items in ${what}`,
      unit: '{unit}',
      advice: { explicitBucketBoundaries: ITEM_BUCKETS },
    })
    this.#bytes = of.meter.createHistogram(`${name}_bytes`, {
      description: `Number of bytes in ${what}`,
      unit: 'By',
      advice: { explicitBucketBoundaries: BYTE_BUCKETS },
    })
  }

  record({ items, bytes }: OtlpBatch): void {
    this.#items.record(items, this.#attributes)
    this.#bytes.record(bytes.length, this.#attributes)
  }
}

/**
 * Shows a queue for as long as it is there. Answers with what ends it: a reader goes on showing
 * what it saw last, so each gauge falls to 0 once before it is gone. The queue that takes this
 * one's place observes after it, and has the say.
 */
export function observeQueue(
  of: Observation,
  queue: { readonly size: number; readonly bytes: number; readonly capacity: number },
): () => void {
  const attributes = { exporter: of.id, data_type: of.signal }
  const gauges = [
    ['otelcol_exporter_queue_size', 'Current size of the sending queue.', () => queue.size],
    ['otelcol_exporter_queue_capacity', 'Fixed capacity of the queue.', () => queue.capacity],
    ['flowspan_exporter_queue_bytes', 'Bytes of the requests in the queue.', () => queue.bytes],
  ] as const
  let isGone = false
  for (const [name, description, read] of gauges) {
    const unit = name.endsWith('bytes') ? 'By' : '{batch}'
    const gauge = of.meter.createObservableGauge(name, { description, unit })
    const observe = (result: { observe: (value: number, attributes: Attributes) => void }) => {
      result.observe(isGone ? 0 : read(), attributes)
      // Not now: the SDK is walking its list of callbacks, and would miss the next one.
      if (isGone) queueMicrotask(() => gauge.removeCallback(observe))
    }
    gauge.addCallback(observe)
  }
  return () => {
    isGone = true
  }
}
