/**
 * Collects the spans of each trace until none has come for a while, then draws it.
 *
 * A trace's spans come in several batches and in any order. How many traces and spans wait is
 * bounded: at the bound the oldest trace is drawn early, as far as it is known.
 */

import type { OtlpBatch } from '../../pipeline/otlp/batch.ts'
import { TracesView } from '../../pipeline/otlp/traces_view.ts'
import type { Malformed } from '../../pipeline/otlp/wire_reader.ts'
import { type TreeSpan, treeSpan } from './tree_span.ts'

const QUIET_MS = 1000
const CHECK_MS = 200
const TRACES_MAX = 1000
const SPANS_MAX = 10_000

interface Collected {
  readonly id: string
  readonly origin: { readonly lo: number; readonly hi: number }
  readonly spans: TreeSpan[]
  lastMs: number
}

export class TraceForest {
  /** In the order of their first spans. */
  readonly #traces = new Map<string, Collected>()
  readonly #draw: (trace: { id: string; spans: readonly TreeSpan[] }) => void
  #spans = 0
  #timer: NodeJS.Timeout | undefined

  constructor(draw: (trace: { id: string; spans: readonly TreeSpan[] }) => void) {
    this.#draw = draw
  }

  get spans(): number {
    return this.#spans
  }

  start(): void {
    this.#timer = setInterval(() => this.#drawQuiet(), CHECK_MS)
  }

  /** Takes the spans that the batch has up to where it is malformed, if it is. */
  add(batch: OtlpBatch): { readonly taken: number; readonly fault: Malformed | undefined } {
    const view = new TracesView(batch.bytes)
    let taken = 0
    while (view.nextResource()) {
      while (view.nextScope()) {
        while (view.nextSpan()) {
          this.#take(view)
          taken++
        }
      }
    }
    return { taken, fault: view.fault }
  }

  /** Draws all that is left. */
  shutdown(): void {
    clearInterval(this.#timer)
    for (const trace of this.#traces.values()) this.#finish(trace)
  }

  #take(view: TracesView): void {
    const { traceId, startLo, startHi } = view.span
    let trace = this.#traces.get(traceId)
    if (trace === undefined) {
      if (this.#traces.size >= TRACES_MAX) this.#drawOldest()
      trace = { id: traceId, origin: { lo: startLo, hi: startHi }, spans: [], lastMs: 0 }
      this.#traces.set(traceId, trace)
    }
    trace.spans.push(treeSpan(view, trace.origin))
    trace.lastMs = performance.now()
    this.#spans++
    if (this.#spans > SPANS_MAX) this.#drawOldest()
  }

  #drawQuiet(): void {
    const quiet = performance.now() - QUIET_MS
    for (const trace of this.#traces.values()) if (trace.lastMs <= quiet) this.#finish(trace)
  }

  #drawOldest(): void {
    const [oldest] = this.#traces.values()
    if (oldest !== undefined) this.#finish(oldest)
  }

  #finish(trace: Collected): void {
    this.#traces.delete(trace.id)
    this.#spans -= trace.spans.length
    this.#draw(trace)
  }
}
