/**
 * Attributes that many spans have in common, encoded once: those of a connection, and those of
 * requests that are alike. Written one by one they would be four fifths of a span's cost.
 *
 * Names are those of the semantic conventions (stable ones of docs/http/http-spans.md).
 */
import { addressText } from '../../pipeline/flows/address_text.ts'
import type { Columns, FlowBatch } from '../../pipeline/flows/batch.ts'
import { errorType, OTHER_METHOD, serverOf } from '../../pipeline/flows/http.ts'
import { encodeFields } from '../../pipeline/flows/resource.ts'
import { addressWords, noAddress, RowIndex } from '../../pipeline/flows/row_index.ts'
import { ROLE } from '../../pipeline/flows/schema.ts'
import type { AttributeValue } from '../../pipeline/otlp/attributes.ts'
import { LEN, tag } from '../../pipeline/otlp/wire.ts'
import { hex64 } from '../../pipeline/u64.ts'

/** `repeated KeyValue attributes = 9` of Span. */
export const SPAN_ATTRIBUTES = tag(9, LEN)

/** Connections, and kinds of requests, that are remembered. */
const ENTRIES_MAX = 4096

type Pairs = (readonly [key: string, value: AttributeValue])[]

/** What is the same for all exchanges of one end of a connection. */
export class ConnectionBlocks {
  readonly #index = new RowIndex<Uint8Array>(15, ENTRIES_MAX)

  at(batch: FlowBatch, row: number): Uint8Array {
    const { base } = batch
    const { numbers } = this.#index
    numbers[0] = base.flow_id[row * 2] as number
    numbers[1] = base.flow_id[row * 2 + 1] as number
    numbers[2] = base.role[row] as number
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
    ['network.transport', 'tcp'],
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

/** Requests of the same method, to the same server, with the same status. */
export interface RequestBlock {
  readonly attributes: Uint8Array
  /** Of the span: the method, for a path is not of low cardinality. */
  readonly name: string
  readonly failed: boolean
}

export class RequestBlocks {
  readonly #methods: ReadonlySet<string>
  readonly #index = new RowIndex<RequestBlock>(11)
  /** Across batches, by what the attributes say. */
  readonly #blocks = new Map<string, RequestBlock>()

  constructor(knownMethods: readonly string[]) {
    this.#methods = new Set(knownMethods)
  }

  /** To be called with each batch. */
  begin(): void {
    this.#index.clear()
  }

  at(batch: FlowBatch, row: number): RequestBlock {
    const { base } = batch
    const { numbers } = this.#index
    const host = base.host[row] as number
    numbers[0] = base.role[row] as number
    numbers[1] = base.method[row] as number
    numbers[2] = base.status[row] as number
    numbers[3] = base.desynchronised[row] as number
    numbers[4] = base.protocol_version[row] as number
    numbers[5] = host
    numbers[6] = base.dst_port[row] as number
    if (host === 0) addressWords(numbers, 7, [base.dst_address, row])
    else noAddress(numbers, 7)
    return this.#index.get() ?? this.#index.set(this.#block(batch, row))
  }

  #block(batch: FlowBatch, row: number): RequestBlock {
    const pairs = this.#pairs(batch, row)
    const key = JSON.stringify(pairs)
    const known = this.#blocks.get(key)
    if (known !== undefined) return known
    const [method, error] = ['http.request.method', 'error.type'].map(
      (name) => pairs.find(([pair]) => pair === name)?.[1],
    )
    const block: RequestBlock = {
      attributes: encodeFields(SPAN_ATTRIBUTES, pairs),
      name: method === OTHER_METHOD ? 'HTTP' : String(method),
      failed: error !== undefined,
    }
    if (this.#blocks.size >= ENTRIES_MAX) this.#blocks.clear()
    this.#blocks.set(key, block)
    return block
  }

  #pairs(batch: FlowBatch, row: number): Pairs {
    const { base } = batch
    const method = batch.text(base.method, row)
    const isKnown = this.#methods.has(method)
    const status = base.status[row] as number
    const error = errorType(base, row)
    const version = batch.text(base.protocol_version, row)
    const server = serverOf(batch, row)
    const pairs: Pairs = [
      ['http.request.method', isKnown ? method : OTHER_METHOD],
      ['url.scheme', 'http'],
      ['server.address', server.address],
      ['server.port', server.port],
      ['network.protocol.name', 'http'],
    ]
    if (!isKnown) pairs.push(['http.request.method_original', method])
    if (status !== 0) pairs.push(['http.response.status_code', status])
    if (error !== '') pairs.push(['error.type', error])
    if (version !== '') pairs.push(['network.protocol.version', version])
    return pairs
  }
}
