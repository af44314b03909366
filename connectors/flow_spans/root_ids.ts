/** Where nothing stitched, every span is a root: with the ids that `stitch` would give it. */
import type { FlowBatch } from '../../pipeline/flows/batch.ts'
import { RequestHash, type RequestKey } from '../../pipeline/flows/ids.ts'
import type { SpanColumns } from '../../pipeline/otlp/traces_writer.ts'

export class RootIds {
  #traceId = new Uint32Array(0)
  #spanId = new Uint32Array(0)
  /** None has any. */
  #parentSpanId = new Uint32Array(0)
  readonly #key: RequestKey = { flowLo: 0, flowHi: 0, offset: 0 }
  readonly #hash = new RequestHash()

  /** Columns for all rows of a batch, each good once `make` was called for it. */
  begin({ base, rows }: FlowBatch): SpanColumns {
    if (this.#spanId.length < rows * 2) {
      this.#traceId = new Uint32Array(rows * 4)
      this.#spanId = new Uint32Array(rows * 2)
      this.#parentSpanId = new Uint32Array(rows * 2)
    }
    return {
      traceId: this.#traceId,
      spanId: this.#spanId,
      parentSpanId: this.#parentSpanId,
      start: base.start,
      end: base.end,
    }
  }

  make({ base }: FlowBatch, row: number): void {
    const key = this.#key
    key.flowLo = base.flow_id[row * 2] as number
    key.flowHi = base.flow_id[row * 2 + 1] as number
    key.offset = base.request_offset[row] as number
    this.#hash.of(key)
    this.#hash.traceId(this.#traceId, row * 4)
    this.#hash.spanId(this.#spanId, row * 2, base.role[row] as number)
  }
}
