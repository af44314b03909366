/** One span of one exchange row: ids, times, status, and the attributes of attributes.ts. */
import type { Columns, FlowBatch } from '../../pipeline/flows/batch.ts'
import { EndCache } from '../../pipeline/flows/ends.ts'
import { errorType, OTHER_METHOD } from '../../pipeline/flows/http.ts'
import { type RequestKey, spanId, traceId } from '../../pipeline/flows/ids.ts'
import { encodeFields, k8sAttributes } from '../../pipeline/flows/resource.ts'
import { LINK_METHODS, ROLE } from '../../pipeline/flows/schema.ts'
import { SPAN_KIND, STATUS_CODE, type TracesWriter } from '../../pipeline/otlp/traces_writer.ts'
import { LEN, tag } from '../../pipeline/otlp/wire.ts'
import { hex64 } from '../../pipeline/u64.ts'
import { writeExchange } from './attributes.ts'

/** Remote ends whose encoded attributes are remembered. */
const PEERS_MAX = 4096
/** `repeated KeyValue attributes = 9` of Span. */
const SPAN_ATTRIBUTES = tag(9, LEN)
/** W3C trace flag `sampled`. */
const SAMPLED = 1

export class SpanWriter {
  readonly #writer: TracesWriter
  readonly #methods: ReadonlySet<string>
  /** What is known of the peer, as fields of a span. */
  readonly #peers = new EndCache<Uint8Array>('remote', {
    make: (names) =>
      encodeFields(SPAN_ATTRIBUTES, [
        ...(names.service_name === '' ? [] : [['peer.service', names.service_name] as const]),
        ...k8sAttributes(names, 'peer.'),
        ...(names.k8s_service === ''
          ? []
          : [['peer.k8s.service.name', names.k8s_service] as const]),
      ]),
    entriesMax: PEERS_MAX,
  })
  readonly #key: RequestKey = { flowLo: 0, flowHi: 0, offset: 0 }
  readonly #traceId = new Uint32Array(4)
  readonly #spanId = new Uint32Array(2)
  #batch: FlowBatch | undefined

  constructor(writer: TracesWriter, knownMethods: readonly string[]) {
    this.#writer = writer
    this.#methods = new Set(knownMethods)
  }

  /** The batch whose rows are written from now on. */
  begin(batch: FlowBatch): void {
    this.#batch = batch
    this.#peers.begin(batch)
  }

  /** Writes the span of an exchange row into the writer's open scope. */
  write(row: number): void {
    const batch = this.#batch as FlowBatch
    const { base, stitch } = batch
    const writer = this.#writer
    writer.beginSpan()
    if (stitch === undefined) this.#rootIds(base, row)
    else {
      writer.traceId(stitch.trace_id, row)
      writer.spanId(stitch.span_id, row)
      writer.parentSpanId(stitch.parent_span_id, row)
    }
    const text = batch.text(base.method, row)
    const method = this.#methods.has(text) ? text : OTHER_METHOD
    writer.name(method === OTHER_METHOD ? 'HTTP' : method)
    writer.kind(base.role[row] === ROLE.client ? SPAN_KIND.client : SPAN_KIND.server)
    writer.start(base.start, row)
    writer.end(base.end, row)
    writer.flags(SAMPLED)
    const error = errorType(base, row)
    if (error !== '') writer.status(STATUS_CODE.error)
    writeExchange(writer, batch, { row, method, error })
    writer.raw(this.#peers.at(row))
    writeFlow(writer, base, row)
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

/** The connection's story, and what is missing from it. */
function writeFlow(writer: TracesWriter, base: Columns<'base'>, row: number): void {
  const [lo, hi] = [base.flow_id[row * 2] as number, base.flow_id[row * 2 + 1] as number]
  writer.attrString('flowspan.flow_id', hex64(lo, hi))
  const srtt = base.srtt_us[row] as number
  if (srtt > 0) writer.attrInt('flowspan.tcp.srtt_us', srtt)
  const minRtt = base.min_rtt_us[row] as number
  if (minRtt > 0) writer.attrInt('flowspan.tcp.min_rtt_us', minRtt)
  writer.attrInt('flowspan.tcp.retransmits', base.retransmits[row] as number)
  const connect = base.connect_us[row] as number
  if (connect > 0) writer.attrInt('flowspan.tcp.connect_us', Math.round(connect))
  if (base.truncated[row] === 1) writer.attrBool('flowspan.exchange.truncated', true)
  if (base.desynchronised[row] === 1) writer.attrBool('flowspan.exchange.desynchronised', true)
  if (base.lossy[row] === 1) writer.attrBool('flowspan.exchange.lossy', true)
}

/** How the parent was found, or a link to the span that may be it. */
function writeLink(
  writer: TracesWriter,
  { base, stitch }: { base: Columns<'base'>; stitch: Columns<'stitch'> },
  row: number,
): void {
  const method = stitch.link_method[row] as number
  if (method !== 0) {
    writer.attrString('flowspan.link.method', LINK_METHODS[method] as string)
    writer.attrDouble('flowspan.link.confidence', stitch.link_confidence[row] as number)
  }
  const candidate = stitch.candidate_span_id
  if (((candidate[row * 2] as number) | (candidate[row * 2 + 1] as number)) === 0) return
  writer.beginLink()
  writer.linkTraceId(stitch.candidate_trace_id, row)
  writer.linkSpanId(candidate, row)
  writer.attrString('flowspan.link.method', LINK_METHODS[base.cause_method[row] as number] ?? '')
  writer.attrDouble('flowspan.link.confidence', base.cause_confidence[row] as number)
  writer.endLink()
}
