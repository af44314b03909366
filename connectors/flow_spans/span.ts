/** One span of one exchange row. */
import type { Columns, FlowBatch } from '../../pipeline/flows/batch.ts'
import { EndCache } from '../../pipeline/flows/ends.ts'
import { type RequestKey, spanId, traceId } from '../../pipeline/flows/ids.ts'
import { encodeFields, peerAttributes } from '../../pipeline/flows/resource.ts'
import {
  LINK_METHOD,
  LINK_METHODS,
  TRANSPORT,
  UNFINISHED_REASONS,
} from '../../pipeline/flows/schema.ts'
import { attributePrefix, encodeAttribute } from '../../pipeline/otlp/attributes.ts'
import type { TracesWriter } from '../../pipeline/otlp/traces_writer.ts'
import { type RequestBlock, RequestBlocks, SPAN_ATTRIBUTES } from './blocks.ts'
import type { FlowSpansConfig } from './config.ts'
import { ConnectionBlocks } from './connections.ts'

/** Remote ends whose encoded attributes are remembered. */
const PEERS_MAX = 4096
/** W3C trace flag `sampled`. */
const SAMPLED = 1

const LINK_METHOD_FIELDS = LINK_METHODS.map((name) =>
  encodeFields(SPAN_ATTRIBUTES, [['flowspan.link.method', name]]),
)
const LINK_METHOD_ATTRIBUTES = LINK_METHODS.map((name) =>
  encodeAttribute('flowspan.link.method', name),
)
const UNFINISHED_ATTRIBUTES = UNFINISHED_REASONS.map((name) =>
  encodeAttribute('flowspan.exchange.unfinished', name),
)
const LINK_CONFIDENCE = attributePrefix(SPAN_ATTRIBUTES, 'flowspan.link.confidence')
const SRTT = attributePrefix(SPAN_ATTRIBUTES, 'flowspan.tcp.srtt_us')
const MIN_RTT = attributePrefix(SPAN_ATTRIBUTES, 'flowspan.tcp.min_rtt_us')
const RETRANSMITS = attributePrefix(SPAN_ATTRIBUTES, 'flowspan.tcp.retransmits')

export class SpanWriter {
  readonly #writer: TracesWriter
  readonly #connections = new ConnectionBlocks()
  readonly #requests: RequestBlocks
  readonly #peers = new EndCache<Uint8Array>('remote', {
    make: (names) => encodeFields(SPAN_ATTRIBUTES, peerAttributes(names)),
    entriesMax: PEERS_MAX,
  })
  readonly #key: RequestKey = { flowLo: 0, flowHi: 0, offset: 0 }
  readonly #traceId = new Uint32Array(4)
  readonly #spanId = new Uint32Array(2)
  #batch: FlowBatch | undefined

  constructor(writer: TracesWriter, config: FlowSpansConfig) {
    this.#writer = writer
    this.#requests = new RequestBlocks(config)
  }

  /** The batch whose rows are written from now on. */
  begin(batch: FlowBatch): void {
    this.#batch = batch
    this.#requests.begin(batch)
    this.#peers.begin(batch)
  }

  /** Writes the span of an exchange row into the writer's open scope. */
  write(row: number): void {
    const batch = this.#batch as FlowBatch
    const { base, stitch } = batch
    const writer = this.#writer
    const { family, sizes, fields } = this.#requests.at(row)
    writer.beginSpan()
    if (stitch === undefined) {
      this.#rootIds(base, row)
    } else {
      writer.traceId(stitch.trace_id, row)
      writer.spanId(stitch.span_id, row)
      writer.parentSpanId(stitch.parent_span_id, row)
    }
    writer.start(base.start, row)
    writer.end(base.end, row)
    writer.flags(SAMPLED)
    writer.raw(fields)
    family.own(writer, batch, row)
    writer.raw(this.#connections.at(batch, row))
    const peer = this.#peers.at(row)
    if (peer.length > 0) writer.raw(peer)
    writeSizes(writer, { base, sizes }, row)
    if (base.transport[row] === TRANSPORT.tcp) writeConnection(writer, base, row)
    writeMarks(writer, base, row)
    if (stitch !== undefined) writeLink(writer, { base, stitch }, row)
  }

  /** Without stitch every span is a root, with the ids that stitch would give it. */
  #rootIds(base: Columns<'base'>, row: number): void {
    this.#key.flowLo = base.flow_id[row * 2] as number
    this.#key.flowHi = base.flow_id[row * 2 + 1] as number
    this.#key.offset = base.request_offset[row] as number
    traceId(this.#traceId, 0, this.#key)
    spanId(this.#spanId, 0, this.#key, base.role[row] as number)
    this.#writer.traceId(this.#traceId, 0)
    this.#writer.spanId(this.#spanId, 0)
  }
}

function writeSizes(
  writer: TracesWriter,
  { base, sizes }: { base: Columns<'base'>; sizes: RequestBlock['sizes'] },
  row: number,
): void {
  const request = base.request_bytes[row] as number
  const response = base.response_bytes[row] as number
  // Rows may come from another host: an int64 cannot hold all that a double can.
  if (Number.isSafeInteger(request)) writer.attrIntBehind(sizes[0], request)
  if (Number.isSafeInteger(response)) writer.attrIntBehind(sizes[1], response)
}

/** The connection's state at the exchange's end. */
function writeConnection(writer: TracesWriter, base: Columns<'base'>, row: number): void {
  const srtt = base.srtt_us[row] as number
  if (srtt > 0) writer.attrIntBehind(SRTT, srtt)
  const minRtt = base.min_rtt_us[row] as number
  if (minRtt > 0) writer.attrIntBehind(MIN_RTT, minRtt)
  writer.attrIntBehind(RETRANSMITS, base.retransmits[row] as number)
}

/** What is missing. */
function writeMarks(writer: TracesWriter, base: Columns<'base'>, row: number): void {
  if (base.truncated[row] === 1) writer.attrBool('flowspan.exchange.truncated', true)
  if (base.desynchronised[row] === 1) writer.attrBool('flowspan.exchange.desynchronised', true)
  if (base.lossy[row] === 1) writer.attrBool('flowspan.exchange.lossy', true)
  const unfinished = base.unfinished[row] as number
  if (unfinished > 0) writer.attrEncoded(UNFINISHED_ATTRIBUTES[unfinished] as Uint8Array)
}

/** How the parent was found, or a link to the span that may be it. */
function writeLink(
  writer: TracesWriter,
  { base, stitch }: { base: Columns<'base'>; stitch: Columns<'stitch'> },
  row: number,
): void {
  const method = stitch.link_method[row] as number
  if (method !== LINK_METHOD.none) {
    writer.raw(LINK_METHOD_FIELDS[method] as Uint8Array)
    writer.attrDoubleBehind(LINK_CONFIDENCE, stitch.link_confidence[row] as number)
  }
  const candidate = stitch.candidate_span_id
  if (((candidate[row * 2] as number) | (candidate[row * 2 + 1] as number)) === 0) return
  writer.beginLink()
  writer.linkTraceId(stitch.candidate_trace_id, row)
  writer.linkSpanId(candidate, row)
  writer.attrEncoded(LINK_METHOD_ATTRIBUTES[base.cause_method[row] as number] as Uint8Array)
  writer.attrDouble('flowspan.link.confidence', base.cause_confidence[row] as number)
  writer.endLink()
}
