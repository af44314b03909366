/**
 * Makes flow rows of connection records and exchanges; every column of pipeline/flows/schema.ts
 * (group `base`) that a row has a meaning for is written here.
 */
import { FlowBatch } from '../../pipeline/flows/batch.ts'
import { KIND, ROLE, STATE } from '../../pipeline/flows/schema.ts'
import { add } from '../../pipeline/u64.ts'
import type { WallClock } from './clock.ts'
import { commOf, connectUs, u64 } from './connections.ts'
import { CONN_FLAG, ConnRecord } from './events.gen.ts'
import type { Exchange } from './exchanges.ts'

/** A batch that latency sent away early has room for few rows; the next has more if it filled. */
const ROWS_FIRST = 64

export interface RowSettings {
  readonly rowsMax: number
  readonly clock: WallClock
  /** Takes a batch that is full. */
  full(batch: FlowBatch): void
  /** The one that a row ends in: loss.ts. */
  lossEpoch(): number
}

export class RowWriter {
  readonly #settings: RowSettings
  #batch: FlowBatch
  /** performance.now() of the batch's first row. */
  #sinceMs = 0

  constructor(settings: RowSettings) {
    this.#settings = settings
    this.#batch = new FlowBatch(Math.min(ROWS_FIRST, settings.rowsMax))
  }

  get rows(): number {
    return this.#batch.rows
  }

  /** Milliseconds that the oldest row has waited. */
  ageMs(nowMs: number): number {
    return this.#batch.rows === 0 ? 0 : nowMs - this.#sinceMs
  }

  /** The rows so far, if there are any; the next ones go to a new batch. */
  take(): FlowBatch | undefined {
    const batch = this.#batch
    if (batch.rows === 0) return undefined
    const { rowsMax } = this.#settings
    const capacity = batch.full ? batch.capacity * 4 : Math.max(ROWS_FIRST, batch.rows * 2)
    this.#batch = new FlowBatch(Math.min(capacity, rowsMax))
    return batch
  }

  /**
   * A connection row from a conn_record. `known`: who owns the connection, where the record does
   * not know it.
   */
  connection(view: DataView, at: number, known?: { pid: number; comm: string }): void {
    const row = this.#add()
    const { base } = this.#batch
    const { clock } = this.#settings
    const u32 = (field: number) => view.getUint32(at + field, true)
    const ns = (field: number) => u64(view, at + field)
    const role = view.getUint8(at + ConnRecord.role)
    const pid = u32(ConnRecord.pid)
    base.kind[row] = KIND.connection
    base.state[row] = view.getUint8(at + ConnRecord.state)
    base.role[row] = role
    base.close_reason[row] = view.getUint8(at + ConnRecord.close_reason)
    base.flow_id[2 * row] = u32(ConnRecord.flow_id)
    base.flow_id[2 * row + 1] = u32(ConnRecord.flow_id + 4)
    const flags = view.getUint8(at + ConnRecord.flags)
    base.flow_id_local[row] = (flags & CONN_FLAG.CONN_ID_LOCAL) === 0 ? 0 : 1
    const local = { address: ConnRecord.local_addr, port: ConnRecord.local_port }
    const remote = { address: ConnRecord.remote_addr, port: ConnRecord.remote_port }
    const [src, dst] = role === ROLE.client ? [local, remote] : [remote, local]
    copyAddress(base.src_address, row, view, at + src.address)
    copyAddress(base.dst_address, row, view, at + dst.address)
    base.src_port[row] = view.getUint16(at + src.port, true)
    base.dst_port[row] = view.getUint16(at + dst.port, true)
    base.pid[row] = pid || (known?.pid ?? 0)
    const comm = pid === 0 ? (known?.comm ?? '') : commOf(view, at + ConnRecord.comm)
    base.comm[row] = this.#batch.strings.intern(comm)
    base.netns[row] = u32(ConnRecord.netns)
    base.cgroup_id[2 * row] = u32(ConnRecord.cgroup_id)
    base.cgroup_id[2 * row + 1] = u32(ConnRecord.cgroup_id + 4)
    const startNs = ns(ConnRecord.start_ns)
    const establishedNs = ns(ConnRecord.established_ns)
    wallTime(base.start, row, clock, startNs || establishedNs)
    wallTime(base.end, row, clock, ns(ConnRecord.end_ns))
    base.connect_us[row] = connectUs(startNs, establishedNs)
    base.bytes_sent[row] = ns(ConnRecord.bytes_sent)
    base.bytes_received[row] = ns(ConnRecord.bytes_received)
    base.segments_sent[row] = u32(ConnRecord.segs_out)
    base.segments_received[row] = u32(ConnRecord.segs_in)
    base.retransmits[row] = u32(ConnRecord.retrans)
    base.syn_retries[row] = u32(ConnRecord.syn_retries)
    base.lost[row] = u32(ConnRecord.lost)
    base.srtt_us[row] = u32(ConnRecord.srtt_us)
    base.rttvar_us[row] = u32(ConnRecord.rttvar_us)
    base.min_rtt_us[row] = u32(ConnRecord.min_rtt_us)
    base.isn_client[row] = u32(ConnRecord.isn_client)
    base.isn_server[row] = u32(ConnRecord.isn_server)
    base.ttfb_us[row] = Number.NaN
    base.duration_us[row] = Number.NaN
    base.cause_offset[row] = Number.NaN
    base.cause_confidence[row] = Number.NaN
  }

  /** An exchange row; open as long as the exchange is. */
  exchange(exchange: Exchange): void {
    const row = this.#add()
    const { base, strings } = this.#batch
    const { clock } = this.#settings
    this.#identity(row, exchange)
    base.kind[row] = KIND.exchange
    base.state[row] = exchange.open ? STATE.open : STATE.closed
    base.lossy[row] = exchange.lossEpoch === this.#settings.lossEpoch() ? 0 : 1
    wallTime(base.start, row, clock, exchange.startNs)
    base.protocol[row] = strings.intern('http')
    base.protocol_version[row] = strings.intern(exchange.version)
    base.method[row] = strings.intern(exchange.method)
    base.target[row] = strings.intern(exchange.target)
    base.host[row] = strings.intern(exchange.host)
    base.status[row] = exchange.status
    base.request_bytes[row] = exchange.requestBytes
    base.response_bytes[row] = exchange.responseBytes
    base.request_offset[row] = exchange.requestOffset
    base.truncated[row] = exchange.truncated ? 1 : 0
    base.desynchronised[row] = exchange.desynchronised ? 1 : 0
    base.ttfb_us[row] = Number.NaN
    base.duration_us[row] = Number.NaN
    if (!exchange.open) {
      wallTime(base.end, row, clock, exchange.endNs)
      base.duration_us[row] = (exchange.endNs - exchange.startNs) / 1000
    }
    if (exchange.responseStartNs > 0 && exchange.requestEndNs > 0) {
      // A response may begin before its request has ended; then nobody waited for it.
      base.ttfb_us[row] = Math.max(0, exchange.responseStartNs - exchange.requestEndNs) / 1000
    }
    this.#links(row, exchange)
  }

  #identity(row: number, exchange: Exchange): void {
    const { base, strings } = this.#batch
    const { connection } = exchange
    base.role[row] = connection.role
    base.flow_id[2 * row] = connection.flowLo
    base.flow_id[2 * row + 1] = connection.flowHi
    base.flow_id_local[row] = connection.idLocal ? 1 : 0
    base.src_address.set(connection.srcAddress, 16 * row)
    base.dst_address.set(connection.dstAddress, 16 * row)
    base.src_port[row] = connection.srcPort
    base.dst_port[row] = connection.dstPort
    base.pid[row] = connection.pid
    base.comm[row] = strings.intern(connection.comm)
    base.netns[row] = connection.netns
    base.cgroup_id[2 * row] = connection.cgroupLo
    base.cgroup_id[2 * row + 1] = connection.cgroupHi
    base.connect_us[row] = connection.connectUs
    base.srtt_us[row] = connection.srttUs
    base.min_rtt_us[row] = connection.minRttUs
    base.retransmits[row] = Math.max(0, connection.retransmits - exchange.retransmitsBefore)
  }

  #links(row: number, exchange: Exchange): void {
    const { base } = this.#batch
    const { cause, trace } = exchange
    base.cause_method[row] = exchange.causeMethod
    base.cause_confidence[row] = exchange.causeConfidence
    base.cause_offset[row] = cause === undefined ? Number.NaN : cause.requestOffset
    if (cause !== undefined) {
      base.cause_flow_id[2 * row] = cause.connection.flowLo
      base.cause_flow_id[2 * row + 1] = cause.connection.flowHi
    }
    if (trace === undefined) return
    for (let word = 0; word < 4; word++) base.wire_trace_id[4 * row + word] = trace[word] as number
    base.wire_span_id[2 * row] = trace[4] as number
    base.wire_span_id[2 * row + 1] = trace[5] as number
    base.wire_trace_flags[row] = trace[6] as number
  }

  #add(): number {
    if (this.#batch.full) {
      const batch = this.take()
      if (batch !== undefined) this.#settings.full(batch)
    }
    if (this.#batch.rows === 0) this.#sinceMs = performance.now()
    return this.#batch.addRow()
  }
}

function copyAddress(column: Uint8Array, row: number, view: DataView, at: number): void {
  for (let i = 0; i < 16; i++) column[16 * row + i] = view.getUint8(at + i)
}

/** Stays 0, not known, for a monotonic time of 0. */
function wallTime(column: Uint32Array, row: number, clock: WallClock, ns: number): void {
  if (ns > 0) add(column, 2 * row, clock.offset, ns)
}
