/**
 * Attributes that many spans have in common, encoded once: those of requests that are alike, and in
 * connections.ts those of a connection. One by one they would be four fifths of a span's cost.
 */
import type { FlowBatch } from '../../pipeline/flows/batch.ts'
import { Alike } from '../../pipeline/flows/conventions/alike.ts'
import type { Conventions, SpanShape } from '../../pipeline/flows/conventions/conventions.ts'
import { keyOf } from '../../pipeline/flows/conventions/pairs.ts'
import { encodeFields } from '../../pipeline/flows/resource.ts'
import { attributePrefix } from '../../pipeline/otlp/attributes.ts'
import { encodeSpanFields, STATUS_CODE } from '../../pipeline/otlp/traces_writer.ts'
import { LEN, tag } from '../../pipeline/otlp/wire.ts'
import type { FlowSpansConfig } from './config.ts'

/** `repeated KeyValue attributes = 9` of Span. */
export const SPAN_ATTRIBUTES = tag(9, LEN)

/** Kinds of requests that are remembered. */
const ENTRIES_MAX = 4096

/** Requests that are alike in what the conventions read. */
export interface RequestBlock {
  readonly family: Conventions
  /** For attributes of the request's and the response's size: `attributePrefix`. */
  readonly sizes: readonly [request: Uint8Array, response: Uint8Array]
  /** Fields of the span: name, kind, status, attributes. */
  readonly fields: Uint8Array
}

export class RequestBlocks {
  readonly #alike: Alike<RequestBlock>
  /** Across batches, by what the span says. */
  readonly #blocks = new Map<string, RequestBlock>()
  #batch: FlowBatch | undefined

  constructor(config: FlowSpansConfig) {
    this.#alike = new Alike(config, { detail: 'spanDetail', serversOf: 'all' })
  }

  /** To be called with each batch. */
  begin(batch: FlowBatch): void {
    this.#batch = batch
    this.#alike.begin(batch)
  }

  at(row: number): RequestBlock {
    return this.#alike.get(row, 0) ?? this.#alike.set(this.#block(row))
  }

  #block(row: number): RequestBlock {
    const family = this.#alike.familyOf(row)
    const shape = family.span(this.#batch as FlowBatch, row, this.#alike.of(row))
    const key = `${shape.kind}${shape.failed}${keyOf(shape.attributes)}${shape.name}`
    const known = this.#blocks.get(key)
    if (known !== undefined) return known
    const [request, response] = family.sizes
    const sizes = [sizePrefix(request), sizePrefix(response)] as const
    const block = { family, sizes, fields: fieldsOf(shape) }
    if (this.#blocks.size >= ENTRIES_MAX) this.#blocks.clear()
    this.#blocks.set(key, block)
    return block
  }
}

function sizePrefix(key: string): Uint8Array {
  return attributePrefix(SPAN_ATTRIBUTES, key)
}

function fieldsOf({ name, kind, failed, attributes }: SpanShape): Uint8Array {
  const status = failed ? STATUS_CODE.error : STATUS_CODE.unset
  const head = encodeSpanFields({ name, kind, status })
  const tail = encodeFields(SPAN_ATTRIBUTES, attributes)
  // Not a Buffer: a writer that sees arrays of two classes copies several times slower.
  const fields = new Uint8Array(head.length + tail.length)
  fields.set(head)
  fields.set(tail, head.length)
  return fields
}
