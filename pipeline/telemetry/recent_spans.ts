/** The last spans that flowspan made of itself, for a page that shows them. */
import type { Attributes, HrTime } from '@opentelemetry/api'

export interface RecentSpan {
  readonly name: string
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  /** Milliseconds since the epoch. */
  readonly startMs: number
  readonly durationMs: number
  /** Why it failed, '' when it failed without saying so; undefined when it did not fail. */
  readonly error?: string
  readonly attributes: Attributes
}

/** As much of the SDK's finished span as is read here; the SDK itself is loaded only if needed. */
export interface FinishedSpan {
  readonly name: string
  readonly spanContext: () => { readonly traceId: string; readonly spanId: string }
  readonly parentSpanContext?: { readonly spanId: string } | undefined
  readonly startTime: HrTime
  readonly duration: HrTime
  readonly status: { readonly code: number; readonly message?: string | undefined }
  readonly attributes: Attributes
}

const SPANS_MAX = 200
const STATUS_ERROR = 2

/** A span processor of the SDK that keeps instead of sending. */
export class RecentSpans {
  readonly #spans: FinishedSpan[] = []

  onStart(): void {}

  onEnd(span: FinishedSpan): void {
    this.#spans.push(span)
    if (this.#spans.length > SPANS_MAX) this.#spans.shift()
  }

  async forceFlush(): Promise<void> {}

  async shutdown(): Promise<void> {}

  /** The newest first. */
  spans(): RecentSpan[] {
    return this.#spans.toReversed().map((span) => {
      const { traceId, spanId } = span.spanContext()
      return {
        name: span.name,
        traceId,
        spanId,
        ...(span.parentSpanContext && { parentSpanId: span.parentSpanContext.spanId }),
        startMs: milliseconds(span.startTime),
        durationMs: milliseconds(span.duration),
        ...(span.status.code === STATUS_ERROR && { error: span.status.message ?? '' }),
        attributes: span.attributes,
      }
    })
  }
}

function milliseconds([seconds, nanos]: HrTime): number {
  return seconds * 1000 + nanos / 1e6
}
