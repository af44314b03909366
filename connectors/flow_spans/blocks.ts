/**
 * Attributes that many spans have in common, encoded once: those of requests that are alike, and in
 * connections.ts those of a connection. One by one they would be four fifths of a span's cost.
 */
import type { FlowBatch } from '../../pipeline/flows/batch.ts'
import { Alike } from '../../pipeline/flows/conventions/alike.ts'
import type { Conventions, SpanShape } from '../../pipeline/flows/conventions/conventions.ts'
import { encodeFields } from '../../pipeline/flows/resource.ts'
import {
  encodeSpanFields,
  SPAN_ATTRIBUTES,
  STATUS_CODE,
} from '../../pipeline/otlp/traces_writer.ts'
import type { FlowSpansConfig } from './config.ts'
import { NumberBlocks } from './numbers.ts'

/** W3C trace flag `sampled`. */
const SAMPLED = 1

/** Requests that are alike in what the conventions read. */
export interface RequestBlock {
  /** The same for no other one, from 1 on. */
  readonly id: number
  readonly family: Conventions
  readonly numbers: NumberBlocks
  /** Fields of the span: name, kind, status, flags, attributes. */
  readonly fields: Uint8Array
}

export class RequestBlocks {
  readonly #alike: Alike<RequestBlock>
  readonly #numbers = new Map<Conventions['sizes'], NumberBlocks>()
  #ids = 0
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
    const batch = this.#batch as FlowBatch
    const family = this.#alike.familyOf(row)
    const shape = family.span(batch, row, this.#alike.of(row))
    const numbers = this.#numbersOf(family.sizes)
    return { id: ++this.#ids, family, numbers, fields: fieldsOf(shape) }
  }

  #numbersOf(sizes: Conventions['sizes']): NumberBlocks {
    const numbers = this.#numbers.get(sizes) ?? new NumberBlocks(sizes)
    this.#numbers.set(sizes, numbers)
    return numbers
  }
}

function fieldsOf({ name, kind, failed, attributes }: SpanShape): Uint8Array {
  const status = failed ? STATUS_CODE.error : STATUS_CODE.unset
  const head = encodeSpanFields({ name, kind, status, flags: SAMPLED })
  const tail = encodeFields(SPAN_ATTRIBUTES, attributes)
  // Not a Buffer: a writer that sees arrays of two classes copies several times slower.
  const fields = new Uint8Array(head.length + tail.length)
  fields.set(head)
  fields.set(tail, head.length)
  return fields
}
