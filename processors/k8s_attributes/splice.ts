/**
 * Adds attributes to the resources of a request by copying its bytes around them; spans, metrics
 * and records are neither read nor moved apart.
 *
 *     ResourceSpans { … Resource { a b } … spans … }
 *        before       copied         ▲     copied
 *                                    └─ the new attributes go to the end of the Resource
 *
 * Fields may stand in any order. A Resource that is there in several pieces, which protobuf merges,
 * becomes one; where there is none it is added. An empty attribute makes room for the new one.
 */
import { varintSize } from '../../pipeline/otlp/varint.ts'
import { LEN, tag } from '../../pipeline/otlp/wire.ts'
import { FieldReader, type Malformed, WireSource } from '../../pipeline/otlp/wire_reader.ts'
import type { Attribute } from './otlp_attributes.ts'

/** What to add to a resource with these attributes. */
export type Ask = (known: ReadonlyMap<string, string | null>) => readonly Attribute[]

interface Range {
  /** Of the field, with tag and length. */
  readonly from: number
  readonly start: number
  readonly end: number
}

/** The same bytes when nothing was added. */
export function splice(bytes: Uint8Array, ask: Ask): Uint8Array | Malformed {
  const splicer = new Splicer(bytes, ask)
  splicer.run()
  return splicer.source.fault ?? splicer.result() ?? bytes
}

const RESOURCES = tag(1, LEN)
const RESOURCE = tag(1, LEN)

class Splicer {
  readonly source: WireSource
  readonly #ask: Ask
  readonly #request: FieldReader
  readonly #fields: FieldReader
  readonly #attributes: FieldReader
  readonly #pair: FieldReader
  readonly #parts: Uint8Array[] = []
  /** Up to where the request is in the parts. */
  #copied = 0
  readonly #known = new Map<string, string | null>()
  /** Attributes with an empty value, by key. */
  readonly #empty = new Map<string, Range>()

  constructor(bytes: Uint8Array, ask: Ask) {
    this.source = new WireSource(bytes)
    this.#ask = ask
    this.#request = new FieldReader(this.source)
    this.#fields = new FieldReader(this.source)
    this.#attributes = new FieldReader(this.source)
    this.#pair = new FieldReader(this.source)
    this.#request.reset(0, bytes.length)
  }

  run(): void {
    const request = this.#request
    let from = 0
    while (request.next()) {
      const { field, wireType, start, end } = request
      if (field === 1 && wireType === LEN) this.#resource({ from, start, end })
      from = end
    }
  }

  /** Undefined when nothing was added. */
  result(): Uint8Array | undefined {
    if (this.#parts.length === 0) return undefined
    this.#copyTo(this.source.bytes.length)
    return Buffer.concat(this.#parts)
  }

  /** One `ResourceSpans`, `ResourceMetrics` or `ResourceLogs`. */
  #resource(message: Range): void {
    const pieces = this.#piecesOf(message)
    this.#known.clear()
    this.#empty.clear()
    for (const piece of pieces) this.#read(piece)
    if (this.source.fault !== undefined) return
    const added = this.#ask(this.#known)
    if (added.length === 0) return
    const emptied = added
      .flatMap(({ key }) => this.#empty.get(key) ?? [])
      .sort((a, b) => a.from - b.from)
    const content = [...this.#without(pieces, emptied), ...added.map(({ field }) => field)]
    const length = sizeOf(content)
    const old = pieces.reduce((sum, { from, end }) => sum + end - from, 0)
    const whole = message.end - message.start - old + fieldSize(length)
    this.#copyTo(message.from)
    this.#parts.push(header(RESOURCES, whole))
    const first = pieces[0]?.from ?? message.start
    this.#copied = message.start
    this.#copyTo(first)
    this.#parts.push(header(RESOURCE, length), ...content)
    for (const { from, end } of pieces) {
      this.#copyTo(from)
      this.#copied = end
    }
    this.#copyTo(message.end)
  }

  #piecesOf({ start, end }: Range): Range[] {
    const pieces: Range[] = []
    const fields = this.#fields
    fields.reset(start, end)
    let from = start
    while (fields.next()) {
      const isResource = fields.field === 1 && fields.wireType === LEN
      if (isResource) pieces.push({ from, start: fields.start, end: fields.end })
      from = fields.end
    }
    return pieces
  }

  #read({ start, end }: Range): void {
    const attributes = this.#attributes
    attributes.reset(start, end)
    let from = start
    while (attributes.next()) {
      if (attributes.field === 1 && attributes.wireType === LEN) {
        this.#readPair({ from, start: attributes.start, end: attributes.end })
      }
      from = attributes.end
    }
  }

  #readPair(range: Range): void {
    const pair = this.#pair
    let key = ''
    let value: string | null = ''
    pair.reset(range.start, range.end)
    let [start, end] = [0, 0]
    while (pair.next()) {
      if (pair.wireType !== LEN) continue
      if (pair.field === 1) key = this.source.text(pair.start, pair.end)
      else if (pair.field === 2) [start, end] = [pair.start, pair.end]
    }
    pair.reset(start, end)
    while (pair.next()) {
      const isText = pair.field === 1 && pair.wireType === LEN
      value = isText ? this.source.text(pair.start, pair.end) : null
    }
    this.#known.set(key, value)
    if (value === '') this.#empty.set(key, range)
    else this.#empty.delete(key)
  }

  /** The contents of the pieces but for some fields, which are in order. */
  #without(pieces: readonly Range[], fields: readonly Range[]): Uint8Array[] {
    const { bytes } = this.source
    const rest: Uint8Array[] = []
    for (const { start, end } of pieces) {
      let at = start
      for (const field of fields) {
        if (field.from < start || field.end > end) continue
        rest.push(bytes.subarray(at, field.from))
        at = field.end
      }
      rest.push(bytes.subarray(at, end))
    }
    return rest
  }

  #copyTo(end: number): void {
    if (end > this.#copied) this.#parts.push(this.source.bytes.subarray(this.#copied, end))
    this.#copied = end
  }
}

function sizeOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, part) => sum + part.length, 0)
}

function fieldSize(length: number): number {
  return 1 + varintSize(length) + length
}

/** Tag and length. */
function header(tagByte: number, length: number): Uint8Array {
  const bytes = [tagByte]
  let rest = length
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80)
    rest >>>= 7
  }
  bytes.push(rest)
  return Uint8Array.from(bytes)
}
