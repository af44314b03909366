/**
 * The attributes of a span that are numbers: sizes, what TCP knows, how sure its parent is.
 *
 * All differ from span to span, but little beside them does: which there are, and how many bytes
 * each takes. Of each such shape the attributes are encoded once; for a span the numbers are put
 * into their places there, and the whole is copied.
 */
import type { Columns } from '../../pipeline/flows/batch.ts'
import type { Conventions } from '../../pipeline/flows/conventions/conventions.ts'
import { encodeFields } from '../../pipeline/flows/resource.ts'
import { LINK_METHOD, LINK_METHODS, TRANSPORT } from '../../pipeline/flows/schema.ts'
import {
  attributePrefix,
  writeDoubleBehind,
  writeIntBehind,
} from '../../pipeline/otlp/attributes.ts'
import { SPAN_ATTRIBUTES } from '../../pipeline/otlp/traces_writer.ts'
import { putVarint, varintSize } from '../../pipeline/otlp/varint.ts'
import { WireWriter } from '../../pipeline/otlp/wire.ts'

/** Shapes that are remembered. */
const SHAPES_MAX = 1024

const SRTT = prefixOf('flowspan.tcp.srtt_us')
const MIN_RTT = prefixOf('flowspan.tcp.min_rtt_us')
const RETRANSMITS = prefixOf('flowspan.tcp.retransmits')
const LINK_CONFIDENCE = prefixOf('flowspan.link.confidence')
const LINK_METHOD_FIELDS = LINK_METHODS.map((name) =>
  encodeFields(SPAN_ATTRIBUTES, [['flowspan.link.method', name]]),
)

export interface NumberColumns {
  readonly base: Columns<'base'>
  readonly stitch: Columns<'stitch'> | undefined
}

/** The attributes of a shape, and where in them the numbers stand; 0: nowhere. */
interface Template {
  readonly bytes: Uint8Array
  readonly view: DataView
  readonly request: number
  readonly response: number
  readonly srtt: number
  readonly minRtt: number
  readonly retransmits: number
  readonly confidence: number
}

/** Of the families that name the sizes alike. */
export class NumberBlocks {
  readonly #request: Uint8Array
  readonly #response: Uint8Array
  /** By the bytes that each number takes, and the method of the link. */
  readonly #templates = new Map<number, Template>()
  readonly #wire = new WireWriter(512)
  /** Of the row before: mostly one of the same connection. */
  #key = -1
  #template: Template | undefined

  constructor([request, response]: Conventions['sizes']) {
    this.#request = prefixOf(request)
    this.#response = prefixOf(response)
  }

  /** Fields of the span, good until the next call. */
  at({ base, stitch }: NumberColumns, row: number): Uint8Array {
    const isTcp = base.transport[row] === TRANSPORT.tcp
    const request = base.request_bytes[row] as number
    const response = base.response_bytes[row] as number
    // The connection's state at the exchange's end.
    const srtt = isTcp ? (base.srtt_us[row] as number) : 0
    const minRtt = isTcp ? (base.min_rtt_us[row] as number) : 0
    const retransmits = base.retransmits[row] as number
    const key =
      sizeOf(request) |
      (sizeOf(response) << 4) |
      ((srtt === 0 ? 0 : varintSize(srtt)) << 8) |
      ((minRtt === 0 ? 0 : varintSize(minRtt)) << 11) |
      ((isTcp ? varintSize(retransmits) : 0) << 14) |
      ((stitch === undefined ? 0 : (stitch.link_method[row] as number)) << 17)
    const template = key === this.#key ? (this.#template as Template) : this.#find(key)
    const { bytes } = template
    if (template.request > 0) putVarint(bytes, template.request, request)
    if (template.response > 0) putVarint(bytes, template.response, response)
    if (template.srtt > 0) putVarint(bytes, template.srtt, srtt)
    if (template.minRtt > 0) putVarint(bytes, template.minRtt, minRtt)
    if (template.retransmits > 0) putVarint(bytes, template.retransmits, retransmits)
    if (template.confidence > 0 && stitch !== undefined) {
      template.view.setFloat64(template.confidence, stitch.link_confidence[row] as number, true)
    }
    return bytes
  }

  #find(key: number): Template {
    const template = this.#templates.get(key) ?? this.#make(key)
    this.#key = key
    this.#template = template
    return template
  }

  #make(key: number): Template {
    const places = {
      request: this.#writeInt(this.#request, key & 15),
      response: this.#writeInt(this.#response, (key >> 4) & 15),
      srtt: this.#writeInt(SRTT, (key >> 8) & 7),
      minRtt: this.#writeInt(MIN_RTT, (key >> 11) & 7),
      retransmits: this.#writeInt(RETRANSMITS, (key >> 14) & 7),
      confidence: this.#writeLink(key >> 17),
    }
    const bytes = this.#wire.take()
    const template = { bytes, view: new DataView(bytes.buffer), ...places }
    if (this.#templates.size >= SHAPES_MAX) this.#templates.clear()
    this.#templates.set(key, template)
    return template
  }

  /** Gives where the value of so many bytes stands. */
  #writeInt(prefix: Uint8Array, bytes: number): number {
    if (bytes === 0) return 0
    writeIntBehind(this.#wire, prefix, 128 ** (bytes - 1))
    return this.#wire.at - bytes
  }

  /** How the parent was found. Gives where it stands how sure it is. */
  #writeLink(method: number): number {
    if (method === LINK_METHOD.none) return 0
    this.#wire.raw(LINK_METHOD_FIELDS[method] as Uint8Array)
    writeDoubleBehind(this.#wire, LINK_CONFIDENCE, 0)
    return this.#wire.at - Float64Array.BYTES_PER_ELEMENT
  }
}

/** Rows may come from another host: an int64 cannot hold all that a double can. */
function sizeOf(bytes: number): number {
  return Number.isSafeInteger(bytes) && bytes >= 0 ? varintSize(bytes) : 0
}

function prefixOf(key: string): Uint8Array {
  return attributePrefix(SPAN_ATTRIBUTES, key)
}
