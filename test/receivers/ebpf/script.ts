/**
 * Plays records of bpf/events.h, byte for byte as the kernel writes them, into the unprivileged
 * half of the receiver, and reads the rows it makes: tests are scripts of who wrote and read what.
 */
import { pino } from 'pino'
import type { FlowBatch } from '../../../pipeline/flows/batch.ts'
import { BASE_COLUMNS, type ColumnSpec, KIND } from '../../../pipeline/flows/schema.ts'
import {
  CONN_STATE,
  ConnRecord,
  DIRECTION,
  PAYLOAD_FLAG,
  PayloadRecord,
  RECORD_TYPE,
  WANT_LIMIT,
  Want,
} from '../../../pipeline/kernel_events/events.gen.ts'
import { Followed } from '../../../pipeline/kernel_events/followed.ts'
import { Ledger } from '../../../pipeline/ledger.ts'
import { RowWriter } from '../../../pipeline/requests/rows.ts'
import { hex64, toNumber } from '../../../pipeline/u64.ts'
import { WallClock } from '../../../receivers/ebpf/clock.ts'
import { type EbpfConfig, schema } from '../../../receivers/ebpf/config.ts'
import { slotOf } from '../../../receivers/ebpf/slots.ts'
import { Wants } from '../../../receivers/ebpf/wants.ts'

/** A row as an object: numbers, strings, names of enums; ids as hex, times as numbers. */
export type Row = Readonly<Record<string, number | string>>

export interface ConnectionFields {
  readonly role?: 'client' | 'server'
  readonly flowId?: number
  readonly pid?: number
  readonly tid?: number
  readonly startNs?: number
  readonly establishedNs?: number
  /** How often the thread had slept at connect(). */
  readonly sleeps?: number
}

export interface PieceFields {
  /** The bytes of the piece; those beyond `captured` are known to nobody. */
  readonly bytes: string | Uint8Array
  /** Default: all. */
  readonly captured?: number
  readonly tid?: number
  readonly timeNs?: number
  /** So many bytes before those that are captured were not wanted. */
  readonly skipped?: number
  /** Default: behind the piece before it. */
  readonly offset?: number
  readonly again?: boolean
  readonly retransmits?: number
  /** How often the thread had slept. */
  readonly sleeps?: number
}

export interface WantFields {
  readonly from: bigint
  readonly bytes: number
}

/** On the clock of scripts: every silence is over. */
export const LONG_AFTER_NS = 1e15

/** More than the longest record. */
const RING_BYTES = 1 << 20

/** One connection in a script. */
export class ScriptedConnection {
  readonly client: boolean
  readonly pid: number
  readonly #script: Script
  readonly #record: DataView
  readonly #id: number
  #sent = 0
  #received = 0

  constructor(script: Script, fields: ConnectionFields, id: number) {
    this.#script = script
    this.client = (fields.role ?? 'client') === 'client'
    this.pid = fields.pid ?? 100
    this.#record = connRecord(fields, id)
    this.#id = id
    this.#play(CONN_STATE.CONN_OPEN)
  }

  /** What the kernel has been told to want next of this one's requests and responses. */
  wants(): { requests: WantFields; responses: WantFields } {
    const received = this.#script.wants(this.#id, DIRECTION.DIRECTION_RECEIVED)
    const sent = this.#script.wants(this.#id, DIRECTION.DIRECTION_SENT)
    return this.client
      ? { requests: sent, responses: received }
      : { requests: received, responses: sent }
  }

  /** A piece of a request: written by a client, read by a server. */
  request(piece: PieceFields): this {
    return this.#piece(this.client, piece)
  }

  /** A piece of a response: read by a client, written by a server. */
  response(piece: PieceFields): this {
    return this.#piece(!this.client, piece)
  }

  /**
   * The connection ends; `bytes…` default to what the pieces brought. `payloadPosition`: how far
   * the payload ring has been read by then, default as far as it goes.
   */
  close(
    fields: {
      endNs?: number
      bytesSent?: number
      bytesReceived?: number
      payloadPosition?: number
      nowNs?: number
    } = {},
  ): void {
    const view = this.#record
    setU64(view, ConnRecord.end_ns, fields.endNs ?? this.#script.tick())
    setU64(view, ConnRecord.bytes_sent, fields.bytesSent ?? this.#sent)
    setU64(view, ConnRecord.bytes_received, fields.bytesReceived ?? this.#received)
    this.#play(CONN_STATE.CONN_CLOSED)
    this.#script.followed.settle(
      fields.payloadPosition ?? Number.POSITIVE_INFINITY,
      fields.nowNs ?? LONG_AFTER_NS,
    )
  }

  /** It goes on. */
  interim(): void {
    this.#play(CONN_STATE.CONN_INTERIM)
  }

  #play(state: number): void {
    this.#record.setUint8(ConnRecord.state, state)
    this.#script.records.connectionRecord(this.#record, 0, ConnRecord.size)
  }

  #piece(sent: boolean, piece: PieceFields): this {
    const bytes = Buffer.from(piece.bytes as string)
    const offset = piece.offset ?? (sent ? this.#sent : this.#received)
    const end = offset + bytes.length
    if (sent) this.#sent = Math.max(this.#sent, end)
    else this.#received = Math.max(this.#received, end)
    this.#script.payload(this.#record, { ...piece, bytes, offset, sent, pid: this.pid })
    return this
  }
}

export class Script {
  readonly #ring = new DataView(new ArrayBuffer(RING_BYTES))
  #ringAt = 0
  readonly ledger = new Ledger(pino({ enabled: false }))
  readonly followed: Followed
  /** Who gets the records: `followed`, or somebody else. */
  records: Pick<Followed, 'connectionRecord' | 'payloadRecord'>
  lossEpoch = 0
  losing = false
  readonly #rows: RowWriter
  readonly #batches: FlowBatch[] = []
  readonly #wantsMap = new ArrayBuffer(WANT_LIMIT.WANTS_MAX * Want.size)
  #connections = 0
  #nowNs = 1_000_000

  constructor(config: Record<string, unknown> = {}) {
    const lossEpoch = () => this.lossEpoch
    const parsed: EbpfConfig = schema.parse(config)
    const wants = new Wants(this.#wantsMap)
    this.#rows = new RowWriter({
      rowsMax: parsed.batch.rows,
      clock: new WallClock(),
      lossEpoch,
      full: (batch) => this.#batches.push(batch),
    })
    this.followed = new Followed(parsed, {
      ledger: this.ledger,
      rows: this.#rows,
      lossEpoch,
      losing: () => this.losing,
      tellWanted: (id, conversation) => wants.tell(id, conversation),
    })
    this.records = this.followed
  }

  connection(fields: ConnectionFields = {}): ScriptedConnection {
    this.#connections++
    return new ScriptedConnection(this, fields, this.#connections)
  }

  /** The next moment: each piece has a later one. */
  tick(): number {
    this.#nowNs += 1000
    return this.#nowNs
  }

  /** All rows since the last call. */
  rows(): Row[] {
    const last = this.#rows.take()
    if (last !== undefined) this.#batches.push(last)
    const rows = this.#batches.flatMap((batch) =>
      Array.from({ length: batch.rows }, (_, row) => rowOf(batch, row)),
    )
    this.#batches.length = 0
    return rows
  }

  /** Of those, the exchanges. */
  exchanges(): Row[] {
    return this.rows().filter((row) => row.kind === 'exchange')
  }

  /** How many rows of a kind there are since the last call of anything here. */
  rowCount(kind: keyof typeof KIND): number {
    const last = this.#rows.take()
    if (last !== undefined) this.#batches.push(last)
    let count = 0
    for (const { base, rows } of this.#batches) {
      for (let row = 0; row < rows; row++) if (base.kind[row] === KIND[kind]) count++
    }
    this.#batches.length = 0
    return count
  }

  /** What stands in a connection's slot for one direction; nothing where another one has it. */
  wants(id: number, direction: number): WantFields {
    const view = new DataView(this.#wantsMap, slotOf(id) * Want.size)
    if (view.getBigUint64(Want.conn_id, true) !== BigInt(id)) return { from: 0n, bytes: 0 }
    return {
      from: view.getBigUint64(Want.from + 8 * direction, true),
      bytes: view.getUint32(Want.bytes + 4 * direction, true),
    }
  }

  payload(
    connection: DataView,
    piece: PieceFields & { bytes: Buffer; offset: number; sent: boolean; pid: number },
  ): void {
    const { bytes, again } = piece
    const skipped = piece.skipped ?? 0
    const wanted = Math.min(piece.captured ?? bytes.length, bytes.length - skipped)
    const captured = again === true ? 0 : wanted
    const size = PayloadRecord.size + captured
    const at = this.#room(size)
    const view = new DataView(this.#ring.buffer, at, size)
    const target = new Uint8Array(this.#ring.buffer, at, size).fill(0)
    view.setUint8(PayloadRecord.type, RECORD_TYPE.RECORD_PAYLOAD)
    const { DIRECTION_SENT, DIRECTION_RECEIVED } = DIRECTION
    view.setUint8(PayloadRecord.direction, piece.sent ? DIRECTION_SENT : DIRECTION_RECEIVED)
    view.setUint8(PayloadRecord.role, connection.getUint8(ConnRecord.role))
    view.setUint8(PayloadRecord.flags, again === true ? PAYLOAD_FLAG.PAYLOAD_AGAIN : 0)
    view.setUint32(PayloadRecord.len, bytes.length, true)
    view.setUint32(PayloadRecord.captured, captured, true)
    view.setUint32(PayloadRecord.skipped, skipped, true)
    view.setUint32(PayloadRecord.pid, piece.pid, true)
    view.setUint32(PayloadRecord.tid, piece.tid ?? piece.pid, true)
    view.setUint32(PayloadRecord.sleeps, piece.sleeps ?? 0, true)
    view.setUint32(PayloadRecord.retrans, piece.retransmits ?? 0, true)
    setU64(view, PayloadRecord.conn_id, toNumber(connection.getUint32(ConnRecord.conn_id, true), 0))
    setU64(view, PayloadRecord.offset, piece.offset)
    setU64(view, PayloadRecord.time_ns, piece.timeNs ?? this.tick())
    const tail = bytes.subarray(-8)
    target.set(tail, PayloadRecord.tail + 8 - tail.length)
    target.set(bytes.subarray(skipped, skipped + captured), PayloadRecord.size)
    this.records.payloadRecord(this.#ring, at, size)
  }

  /** As the kernel's ring: one view of one buffer, records behind each other, the oldest go. */
  #room(bytes: number): number {
    if (this.#ringAt + bytes > this.#ring.byteLength) this.#ringAt = 0
    const at = this.#ringAt
    this.#ringAt += (bytes + 7) & ~7
    return at
  }
}

function connRecord(fields: ConnectionFields, id: number): DataView {
  const view = new DataView(new ArrayBuffer(ConnRecord.size))
  const bytes = new Uint8Array(view.buffer)
  const client = (fields.role ?? 'client') === 'client'
  view.setUint8(ConnRecord.type, RECORD_TYPE.RECORD_CONNECTION)
  view.setUint8(ConnRecord.role, client ? 0 : 1)
  setU64(view, ConnRecord.conn_id, id)
  setU64(view, ConnRecord.flow_id, fields.flowId ?? id)
  setU64(view, ConnRecord.start_ns, fields.startNs ?? 0)
  setU64(view, ConnRecord.established_ns, fields.establishedNs ?? 0)
  view.setUint32(ConnRecord.pid, client ? (fields.pid ?? 100) : 0, true)
  view.setUint32(ConnRecord.tid, client ? (fields.tid ?? fields.pid ?? 100) : 0, true)
  view.setUint32(ConnRecord.sleeps, fields.sleeps ?? 0, true)
  view.setUint16(ConnRecord.local_port, client ? 40_000 : 80, true)
  view.setUint16(ConnRecord.remote_port, client ? 80 : 40_000, true)
  const [near, far] = [ConnRecord.local_addr, ConnRecord.remote_addr]
  bytes.set([0xff, 0xff, 10, 0, 0, 1], (client ? near : far) + 10)
  bytes.set([0xff, 0xff, 10, 0, 0, 2], (client ? far : near) + 10)
  bytes.set(Buffer.from('program'), ConnRecord.comm)
  return view
}

function setU64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value >>> 0, true)
  view.setUint32(at + 4, Math.floor(value / 2 ** 32), true)
}

export function rowOf(batch: FlowBatch, row: number): Row {
  const columns = Object.entries(BASE_COLUMNS).map(([name, spec]) => {
    const column = batch.base[name as keyof typeof BASE_COLUMNS]
    return [name, cell(batch, { spec, column, row })] as const
  })
  return Object.fromEntries(columns)
}

function cell(
  batch: FlowBatch,
  { spec, column, row }: { spec: ColumnSpec; column: ArrayLike<number>; row: number },
): number | string {
  const at = (stride: number, index: number) => column[row * stride + index] as number
  switch (spec.type) {
    case 'string':
      return batch.strings.at(at(1, 0))
    case 'enum':
      return spec.values?.[at(1, 0)] ?? `code ${at(1, 0)}`
    case 'id64':
      return hex64(at(2, 0), at(2, 1))
    case 'id128':
      return hex64(at(4, 2), at(4, 3)) + hex64(at(4, 0), at(4, 1))
    case 'u64':
    case 'time':
      return toNumber(at(2, 0), at(2, 1))
    case 'address':
      return Buffer.from(Array.from({ length: 16 }, (_, i) => at(16, i))).toString('hex')
    default:
      return at(1, 0)
  }
}
