/** One span of one exchange row. */
import type { Columns, FlowBatch } from '../../pipeline/flows/batch.ts'
import { LINK_METHODS, UNFINISHED_REASONS } from '../../pipeline/flows/schema.ts'
import { encodeAttribute } from '../../pipeline/otlp/attributes.ts'
import type { SpanColumns, TracesWriter } from '../../pipeline/otlp/traces_writer.ts'
import { type RequestBlock, RequestBlocks } from './blocks.ts'
import type { FlowSpansConfig } from './config.ts'
import { ConnectionBlocks } from './connections.ts'
import { OwnAttributes } from './own.ts'
import { RootIds } from './root_ids.ts'

const LINK_METHOD_ATTRIBUTES = LINK_METHODS.map((name) =>
  encodeAttribute('flowspan.link.method', name),
)
const UNFINISHED_ATTRIBUTES = UNFINISHED_REASONS.map((name) =>
  encodeAttribute('flowspan.exchange.unfinished', name),
)

/** Of a batch, looked up once. */
interface BatchColumns {
  readonly base: Columns<'base'>
  readonly stitch: Columns<'stitch'> | undefined
  readonly head: SpanColumns
}

export class SpanWriter {
  readonly #writer: TracesWriter
  readonly #connections: ConnectionBlocks
  readonly #requests: RequestBlocks
  readonly #own: OwnAttributes
  readonly #rootIds = new RootIds()
  /** By row of the batch. */
  readonly #blocks: (RequestBlock | undefined)[] = []
  #batch: FlowBatch | undefined
  #columns: BatchColumns | undefined

  constructor(writer: TracesWriter, config: FlowSpansConfig) {
    this.#writer = writer
    this.#requests = new RequestBlocks(config)
    this.#connections = new ConnectionBlocks(writer)
    this.#own = new OwnAttributes(writer)
  }

  /** The batch whose rows are written from now on, into a request of their own. */
  begin(batch: FlowBatch): void {
    const { base, stitch } = batch
    this.#batch = batch
    this.#columns = { base, stitch, head: this.#head(batch) }
    while (this.#blocks.length < batch.rows) this.#blocks.push(undefined)
    this.#requests.begin(batch)
    this.#connections.begin(batch)
    this.#own.begin(batch)
  }

  /**
   * To be called for each row that will be written, in their order. Writing goes from resource to
   * resource: what a dozen columns hold is read before, while they are gone through in one go.
   */
  look(row: number): void {
    this.#blocks[row] = this.#requests.at(row)
  }

  /** Writes the span of an exchange row into the writer's open scope. */
  write(row: number): void {
    const batch = this.#batch as FlowBatch
    const columns = this.#columns as BatchColumns
    const { base, stitch, head } = columns
    const writer = this.#writer
    const block = this.#blocks[row] as RequestBlock
    if (stitch === undefined) this.#rootIds.make(batch, row)
    writer.beginSpanOf(head, row)
    writer.raw(block.fields)
    this.#own.write(block, row)
    this.#connections.write(row)
    writer.raw(block.numbers.at(columns, row))
    writeMarks(writer, base, row)
    if (hasCandidate(stitch, row)) writeCandidate(writer, columns, row)
  }

  #head(batch: FlowBatch): SpanColumns {
    const { base, stitch } = batch
    if (stitch === undefined) return this.#rootIds.begin(batch)
    return {
      traceId: stitch.trace_id,
      spanId: stitch.span_id,
      parentSpanId: stitch.parent_span_id,
      start: base.start,
      end: base.end,
    }
  }
}

/** What is missing. */
function writeMarks(writer: TracesWriter, base: Columns<'base'>, row: number): void {
  const unfinished = base.unfinished[row] as number
  const marks = (base.truncated[row] as number) | (base.desynchronised[row] as number)
  if ((marks | (base.lossy[row] as number) | unfinished) === 0) return
  if (base.truncated[row] === 1) writer.attrBool('flowspan.exchange.truncated', true)
  if (base.desynchronised[row] === 1) writer.attrBool('flowspan.exchange.desynchronised', true)
  if (base.lossy[row] === 1) writer.attrBool('flowspan.exchange.lossy', true)
  if (unfinished > 0) writer.attrEncoded(UNFINISHED_ATTRIBUTES[unfinished] as Uint8Array)
}

function hasCandidate(stitch: BatchColumns['stitch'], row: number): boolean {
  if (stitch === undefined) return false
  const { candidate_span_id: id } = stitch
  return ((id[row * 2] as number) | (id[row * 2 + 1] as number)) !== 0
}

/** A link to the span that may be the parent. */
function writeCandidate(writer: TracesWriter, { base, stitch }: BatchColumns, row: number): void {
  if (stitch === undefined) return
  writer.beginLink()
  writer.linkTraceId(stitch.candidate_trace_id, row)
  writer.linkSpanId(stitch.candidate_span_id, row)
  writer.attrEncoded(LINK_METHOD_ATTRIBUTES[base.cause_method[row] as number] as Uint8Array)
  writer.attrDouble('flowspan.link.confidence', base.cause_confidence[row] as number)
  writer.endLink()
}
