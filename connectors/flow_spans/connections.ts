/**
 * Attributes that are the same for all exchanges of one end of a connection, and of the other end.
 *
 * Most are of connections that are used again and again, so they are encoded once. A connection of
 * one exchange is not worth remembering, which costs more than to encode: that happens on second
 * sight, until then the bytes are good for one span alone. What is remembered is found once for the
 * rows of a batch that are of one end (`batch.firstOf`).
 */
import { addressText } from '../../pipeline/flows/address_text.ts'
import type { Columns, FlowBatch } from '../../pipeline/flows/batch.ts'
import { EndCache } from '../../pipeline/flows/ends.ts'
import { encodeFields, peerAttributes } from '../../pipeline/flows/resource.ts'
import { ROLE, TRANSPORTS } from '../../pipeline/flows/schema.ts'
import { addressWord, WordIndex } from '../../pipeline/flows/word_index.ts'
import { attributePrefix } from '../../pipeline/otlp/attributes.ts'
import { SPAN_ATTRIBUTES, type TracesWriter } from '../../pipeline/otlp/traces_writer.ts'
import { hex64 } from '../../pipeline/u64.ts'

/** Ends of connections that are remembered, and remote ends: some 500 bytes each. */
const ENTRIES_MAX = 4096
/** Connections seen once; a power of two. One more takes the place of another. */
const SEEN_MAX = 8192

const NONE = new Uint8Array(0)

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

/** What is remembered of one end of a connection. */
interface Known {
  /** The part of the other end: all is found anew when its names have changed. */
  peer: Uint8Array
  fields: Uint8Array
}

export class ConnectionBlocks {
  readonly #writer: TracesWriter
  readonly #peers = new EndCache<Uint8Array>('remote', {
    make: (names) => encodeFields(SPAN_ATTRIBUTES, peerAttributes(names)),
    entriesMax: ENTRIES_MAX,
  })
  readonly #index = new WordIndex<Known>(15, ENTRIES_MAX)
  /** By a hash of an end, a word of its flow's id. */
  readonly #seen = new Uint32Array(SEEN_MAX)
  /** By row that is a first, of the batch: what is remembered. */
  readonly #ofFirsts: (Uint8Array | undefined)[] = []
  #batch: FlowBatch | undefined

  constructor(writer: TracesWriter) {
    this.#writer = writer
  }

  /** The batch whose rows are written from now on. */
  begin(batch: FlowBatch): void {
    this.#batch = batch
    this.#peers.begin(batch)
    this.#ofFirsts.fill(undefined, 0, batch.rows)
    while (this.#ofFirsts.length < batch.rows) this.#ofFirsts.push(undefined)
  }

  write(row: number): void {
    const batch = this.#batch as FlowBatch
    const first = batch.firstOf[row] as number
    const fields = this.#ofFirsts[first]
    if (fields === undefined) this.#writeFirst(batch, first)
    else this.#writer.raw(fields)
  }

  #writeFirst(batch: FlowBatch, row: number): void {
    const peer = this.#peers.at(row)
    if (this.#isNew(batch.base, row)) {
      this.#encode(batch, row, peer)
      return
    }
    this.#fill(batch.base, row)
    const known = this.#index.get() ?? this.#index.set({ peer: NONE, fields: NONE })
    if (known.peer === peer) this.#writer.raw(known.fields)
    else {
      const from = this.#writer.bytes
      this.#encode(batch, row, peer)
      known.peer = peer
      known.fields = this.#writer.copyFrom(from)
    }
    this.#ofFirsts[row] = known.fields
  }

  /** Whether it was not seen before, or long ago. */
  #isNew({ flow_id: id, role }: Columns<'base'>, row: number): boolean {
    const hi = id[row * 2 + 1] as number
    const place = ((id[row * 2] as number) + (role[row] as number)) & (SEEN_MAX - 1)
    if (this.#seen[place] === hi) return false
    this.#seen[place] = hi
    return true
  }

  #encode({ base }: FlowBatch, row: number, peer: Uint8Array): void {
    writeConnection(this.#writer, base, row)
    if (peer.length > 0) this.#writer.raw(peer)
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
}

function writeConnection(writer: TracesWriter, base: Columns<'base'>, row: number): void {
  const src = addressText(base.src_address, row)
  const dst = addressText(base.dst_address, row)
  const srcPort = base.src_port[row] as number
  const dstPort = base.dst_port[row] as number
  const isClient = base.role[row] === ROLE.client
  const pid = base.pid[row] as number
  const connect = connectOf(base, row)
  const flow = hex64(base.flow_id[row * 2] as number, base.flow_id[row * 2 + 1] as number)
  writer.attrStringBehind(TRANSPORT, TRANSPORTS[base.transport[row] as number] ?? '')
  writer.attrStringBehind(LOCAL_ADDRESS, isClient ? src : dst)
  writer.attrIntBehind(LOCAL_PORT, isClient ? srcPort : dstPort)
  writer.attrStringBehind(PEER_ADDRESS, isClient ? dst : src)
  writer.attrIntBehind(PEER_PORT, isClient ? dstPort : srcPort)
  writer.attrStringBehind(FLOW_ID, flow)
  if (!isClient) {
    writer.attrStringBehind(CLIENT_ADDRESS, src)
    writer.attrIntBehind(CLIENT_PORT, srcPort)
  }
  if (pid !== 0) writer.attrIntBehind(PID, pid)
  if (connect > 0) writer.attrIntBehind(CONNECT, connect)
}

/** Whole microseconds, 0 when not known. */
function connectOf(base: Columns<'base'>, row: number): number {
  const connect = Math.round(base.connect_us[row] as number)
  return Number.isSafeInteger(connect) && connect > 0 ? connect : 0
}
