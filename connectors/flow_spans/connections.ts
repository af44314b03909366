/**
 * Attributes that are the same for all exchanges of one end of a connection.
 *
 * Most are of connections that are used again and again, so they are encoded once. A connection of
 * one exchange is not worth remembering, which costs more than to encode: that happens on second
 * sight, until then the bytes are good for one span alone. What is remembered is found once for the
 * rows of a batch that are of one end (`batch.firstOf`).
 */
import { addressText } from '../../pipeline/flows/address_text.ts'
import type { Columns, FlowBatch } from '../../pipeline/flows/batch.ts'
import { ROLE, TRANSPORTS } from '../../pipeline/flows/schema.ts'
import { addressWord, WordIndex } from '../../pipeline/flows/word_index.ts'
import {
  attributePrefix,
  writeIntBehind,
  writeStringBehind,
} from '../../pipeline/otlp/attributes.ts'
import { SPAN_ATTRIBUTES } from '../../pipeline/otlp/traces_writer.ts'
import { WireWriter } from '../../pipeline/otlp/wire.ts'
import { hex64 } from '../../pipeline/u64.ts'

/** Connections that are remembered. */
const ENTRIES_MAX = 4096
/** Connections seen once; a power of two. One more takes the place of another. */
const SEEN_MAX = 8192

const TRANSPORT = attributePrefix(SPAN_ATTRIBUTES, 'network.transport')
const LOCAL_ADDRESS = attributePrefix(SPAN_ATTRIBUTES, 'network.local.address')
const LOCAL_PORT = attributePrefix(SPAN_ATTRIBUTES, 'network.local.port')
const PEER_ADDRESS = attributePrefix(SPAN_ATTRIBUTES, 'network.peer.address')
const PEER_PORT = attributePrefix(SPAN_ATTRIBUTES, 'network.peer.port')
const FLOW_ID = attributePrefix(SPAN_ATTRIBUTES, 'flowspan.flow_id')
const CLIENT_ADDRESS = attributePrefix(SPAN_ATTRIBUTES, 'client.address')
const CLIENT_PORT = attributePrefix(SPAN_ATTRIBUTES, 'client.port')
const PID = attributePrefix(SPAN_ATTRIBUTES, 'process.pid')
const CONNECT = attributePrefix(SPAN_ATTRIBUTES, 'flowspan.tcp.connect_us')

export class ConnectionBlocks {
  readonly #index = new WordIndex<Uint8Array>(15, ENTRIES_MAX)
  /** By a hash of an end, a word of its flow's id. */
  readonly #seen = new Uint32Array(SEEN_MAX)
  readonly #wire = new WireWriter(1024)
  /** By row that is a first, of the batch: what is remembered. */
  readonly #ofFirsts: (Uint8Array | undefined)[] = []
  #batch: FlowBatch | undefined

  /** The batch whose rows are asked for from now on. */
  begin(batch: FlowBatch): void {
    this.#batch = batch
    this.#ofFirsts.fill(undefined, 0, batch.rows)
    while (this.#ofFirsts.length < batch.rows) this.#ofFirsts.push(undefined)
  }

  /** Fields of the span, good until the next call. */
  at(row: number): Uint8Array {
    const batch = this.#batch as FlowBatch
    const first = batch.firstOf[row] as number
    const known = this.#ofFirsts[first]
    if (known !== undefined) return known
    return this.#find(batch, first)
  }

  #find(batch: FlowBatch, row: number): Uint8Array {
    const { flow_id: id, role } = batch.base
    const hi = id[row * 2 + 1] as number
    const place = ((id[row * 2] as number) + (role[row] as number)) & (SEEN_MAX - 1)
    if (this.#seen[place] !== hi) {
      this.#seen[place] = hi
      this.#write(batch, row)
      return this.#wire.written
    }
    this.#fill(batch.base, row)
    const found = this.#index.get() ?? this.#index.set(this.#encode(batch, row))
    this.#ofFirsts[row] = found
    return found
  }

  #encode(batch: FlowBatch, row: number): Uint8Array {
    this.#write(batch, row)
    return this.#wire.take()
  }

  #fill(base: Columns<'base'>, row: number): void {
    const { words } = this.#index
    const connect = connectOf(base, row)
    words[0] = base.flow_id[row * 2] as number
    words[1] = base.flow_id[row * 2 + 1] as number
    words[2] = (base.role[row] as number) + (base.transport[row] as number) * 2
    words[3] = base.pid[row] as number
    words[4] = ((base.src_port[row] as number) << 16) | (base.dst_port[row] as number)
    words[5] = connect
    words[6] = Math.floor(connect / 2 ** 32)
    for (let i = 0; i < 4; i++) {
      words[7 + i] = addressWord(base.src_address, row * 16 + i * 4)
      words[11 + i] = addressWord(base.dst_address, row * 16 + i * 4)
    }
  }

  #write({ base }: FlowBatch, row: number): void {
    const src = addressText(base.src_address, row)
    const dst = addressText(base.dst_address, row)
    const srcPort = base.src_port[row] as number
    const dstPort = base.dst_port[row] as number
    const isClient = base.role[row] === ROLE.client
    const pid = base.pid[row] as number
    const connect = connectOf(base, row)
    const wire = this.#wire
    wire.at = 0
    writeStringBehind(wire, TRANSPORT, TRANSPORTS[base.transport[row] as number] ?? '')
    writeStringBehind(wire, LOCAL_ADDRESS, isClient ? src : dst)
    writeIntBehind(wire, LOCAL_PORT, isClient ? srcPort : dstPort)
    writeStringBehind(wire, PEER_ADDRESS, isClient ? dst : src)
    writeIntBehind(wire, PEER_PORT, isClient ? dstPort : srcPort)
    writeStringBehind(
      wire,
      FLOW_ID,
      hex64(base.flow_id[row * 2] as number, base.flow_id[row * 2 + 1] as number),
    )
    if (!isClient) {
      writeStringBehind(wire, CLIENT_ADDRESS, src)
      writeIntBehind(wire, CLIENT_PORT, srcPort)
    }
    if (pid !== 0) writeIntBehind(wire, PID, pid)
    if (connect > 0) writeIntBehind(wire, CONNECT, connect)
  }
}

/** Whole microseconds, 0 when not known. */
function connectOf(base: Columns<'base'>, row: number): number {
  const connect = Math.round(base.connect_us[row] as number)
  return Number.isSafeInteger(connect) && connect > 0 ? connect : 0
}
