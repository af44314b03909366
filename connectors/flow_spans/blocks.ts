/**
 * Attributes that many spans have in common, encoded once: those of a connection, and those of
 * requests that are alike. Written one by one they would be four fifths of a span's cost.
 */
import { addressText } from '../../pipeline/flows/address_text.ts'
import type { Columns, FlowBatch } from '../../pipeline/flows/batch.ts'
import { Alike } from '../../pipeline/flows/conventions/alike.ts'
import type { Conventions, SpanShape } from '../../pipeline/flows/conventions/conventions.ts'
import { keyOf, type Pairs } from '../../pipeline/flows/conventions/pairs.ts'
import { encodeFields } from '../../pipeline/flows/resource.ts'
import { addressWords, RowIndex } from '../../pipeline/flows/row_index.ts'
import { ROLE, TRANSPORTS } from '../../pipeline/flows/schema.ts'
import { encodeSpanFields, STATUS_CODE } from '../../pipeline/otlp/traces_writer.ts'
import { LEN, tag } from '../../pipeline/otlp/wire.ts'
import { hex64 } from '../../pipeline/u64.ts'
import type { FlowSpansConfig } from './config.ts'

/** `repeated KeyValue attributes = 9` of Span. */
export const SPAN_ATTRIBUTES = tag(9, LEN)

/** Connections, and kinds of requests, that are remembered. */
const ENTRIES_MAX = 4096

/** What is the same for all exchanges of one end of a connection. */
export class ConnectionBlocks {
  readonly #index = new RowIndex<Uint8Array>(15, ENTRIES_MAX)

  at(batch: FlowBatch, row: number): Uint8Array {
    const { base } = batch
    const { numbers } = this.#index
    numbers[0] = base.flow_id[row * 2] as number
    numbers[1] = base.flow_id[row * 2 + 1] as number
    numbers[2] = (base.role[row] as number) + (base.transport[row] as number) * 2
    numbers[3] = base.pid[row] as number
    numbers[4] = connectOf(base, row)
    numbers[5] = base.src_port[row] as number
    numbers[6] = base.dst_port[row] as number
    addressWords(numbers, 7, [base.src_address, row])
    addressWords(numbers, 11, [base.dst_address, row])
    return (
      this.#index.get() ??
      this.#index.set(encodeFields(SPAN_ATTRIBUTES, connectionPairs(batch, row)))
    )
  }
}

function connectionPairs({ base }: FlowBatch, row: number): Pairs {
  const src = addressText(base.src_address, row)
  const dst = addressText(base.dst_address, row)
  const srcPort = base.src_port[row] as number
  const dstPort = base.dst_port[row] as number
  const isClient = base.role[row] === ROLE.client
  const pid = base.pid[row] as number
  const connect = connectOf(base, row)
  const [flowLo, flowHi] = [base.flow_id[row * 2] as number, base.flow_id[row * 2 + 1] as number]
  const pairs: Pairs = [
    ['network.transport', TRANSPORTS[base.transport[row] as number] ?? ''],
    ['network.local.address', isClient ? src : dst],
    ['network.local.port', isClient ? srcPort : dstPort],
    ['network.peer.address', isClient ? dst : src],
    ['network.peer.port', isClient ? dstPort : srcPort],
    ['flowspan.flow_id', hex64(flowLo, flowHi)],
  ]
  if (!isClient) pairs.push(['client.address', src], ['client.port', srcPort])
  if (pid !== 0) pairs.push(['process.pid', pid])
  if (connect > 0) pairs.push(['flowspan.tcp.connect_us', connect])
  return pairs
}

/** Whole microseconds, 0 when not known. */
function connectOf(base: Columns<'base'>, row: number): number {
  const connect = Math.round(base.connect_us[row] as number)
  return Number.isSafeInteger(connect) && connect > 0 ? connect : 0
}

/** Requests that are alike in what the conventions read. */
export interface RequestBlock {
  readonly family: Conventions
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
    const block = { family, fields: fieldsOf(shape) }
    if (this.#blocks.size >= ENTRIES_MAX) this.#blocks.clear()
    this.#blocks.set(key, block)
    return block
  }
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
