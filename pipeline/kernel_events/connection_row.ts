/** Makes a flow row of a connection record: the columns that connections have a meaning for. */
import { KIND, ROLE } from '../flows/schema.ts'
import type { Connection } from '../requests/connection.ts'
import type { RowWriter } from '../requests/rows.ts'
import { commOf } from './comm.ts'
import { connectUs, u64 } from './connections.ts'
import { CONN_FLAG, ConnRecord } from './events.gen.ts'
import { figuresRow } from './figures_row.ts'

export interface ConnectionRecord {
  readonly view: DataView
  readonly at: number
  /** Who owns the connection, where the record does not know it, and what was read of it. */
  readonly known?: Pick<Connection, 'pid' | 'comm' | 'identity' | 'tls'> | undefined
  readonly dropReasons: readonly string[]
}

export function connectionRow(
  rows: RowWriter,
  { view, at, known, dropReasons }: ConnectionRecord,
): void {
  const row = rows.add()
  const { base, strings } = rows.batch
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
  base.comm[row] = strings.intern(comm)
  base.netns[row] = u32(ConnRecord.netns)
  base.cgroup_id[2 * row] = u32(ConnRecord.cgroup_id)
  base.cgroup_id[2 * row + 1] = u32(ConnRecord.cgroup_id + 4)
  known?.identity?.write(rows.batch, row)
  const startNs = ns(ConnRecord.start_ns)
  const establishedNs = ns(ConnRecord.established_ns)
  rows.time(base.start, row, startNs || establishedNs)
  const endNs = ns(ConnRecord.end_ns)
  rows.time(base.end, row, endNs)
  base.older[row] = (flags & CONN_FLAG.CONN_OLDER) === 0 ? 0 : 1
  base.connect_us[row] = connectUs(startNs, establishedNs)
  base.bytes_sent[row] = ns(ConnRecord.bytes_sent)
  base.bytes_received[row] = ns(ConnRecord.bytes_received)
  base.segments_sent[row] = u32(ConnRecord.segs_out)
  base.segments_received[row] = u32(ConnRecord.segs_in)
  base.retransmits[row] = u32(ConnRecord.retrans)
  const retries = role === ROLE.client ? base.syn_retries : base.synack_retries
  retries[row] = u32(ConnRecord.syn_retries)
  base.lost[row] = u32(ConnRecord.lost)
  base.srtt_us[row] = u32(ConnRecord.srtt_us)
  base.rttvar_us[row] = u32(ConnRecord.rttvar_us)
  base.min_rtt_us[row] = u32(ConnRecord.min_rtt_us)
  base.isn_client[row] = u32(ConnRecord.isn_client)
  base.isn_server[row] = u32(ConnRecord.isn_server)
  if (known?.tls !== undefined) rows.tls(row, known.tls)
  figuresRow(rows, { view, at, row, nowNs: endNs, establishedNs, dropReasons })
  rows.noExchange(row)
}

export function copyAddress(column: Uint8Array, row: number, view: DataView, at: number): void {
  for (let i = 0; i < 16; i++) column[16 * row + i] = view.getUint8(at + i)
}
