/** Makes a flow row of a record of UDP: a connection row, of what passed between two ends. */
import { KIND, ROLE, TRANSPORT } from '../flows/schema.ts'
import type { RowWriter } from '../requests/rows.ts'
import { commOf } from './comm.ts'
import { u64 } from './connections.ts'
import { UdpRecord } from './events.gen.ts'
import { type IdentifiedRecord, writeIdentity } from './identities.ts'

export function udpRow(rows: RowWriter, { view, at, identities }: IdentifiedRecord): void {
  const row = rows.add()
  const { base, strings } = rows.batch
  const u32 = (field: number) => view.getUint32(at + field, true)
  const u16 = (field: number) => view.getUint16(at + field, true)
  const number = (field: number) => u64(view, at + field)
  const address = (field: number) => new Uint8Array(view.buffer, view.byteOffset + at + field, 16)
  const role = view.getUint8(at + UdpRecord.role)
  const isClient = role === ROLE.client
  base.kind[row] = KIND.connection
  base.state[row] = view.getUint8(at + UdpRecord.state)
  base.role[row] = role
  base.transport[row] = TRANSPORT.udp
  base.close_reason[row] = view.getUint8(at + UdpRecord.close_reason)
  base.flow_id[2 * row] = u32(UdpRecord.flow_id)
  base.flow_id[2 * row + 1] = u32(UdpRecord.flow_id + 4)
  base.flow_id_local[row] = 1
  const local = address(UdpRecord.local_addr)
  const remote = address(UdpRecord.remote_addr)
  base.src_address.set(isClient ? local : remote, 16 * row)
  base.dst_address.set(isClient ? remote : local, 16 * row)
  base.src_port[row] = u16(isClient ? UdpRecord.local_port : UdpRecord.remote_port)
  base.dst_port[row] = u16(isClient ? UdpRecord.remote_port : UdpRecord.local_port)
  base.pid[row] = u32(UdpRecord.pid)
  base.comm[row] = strings.intern(commOf(view, at + UdpRecord.comm))
  base.netns[row] = u32(UdpRecord.netns)
  base.cgroup_id[2 * row] = u32(UdpRecord.cgroup_id)
  base.cgroup_id[2 * row + 1] = u32(UdpRecord.cgroup_id + 4)
  writeIdentity(rows, identities, row)
  rows.time(base.start, row, number(UdpRecord.start_ns))
  rows.time(base.end, row, number(UdpRecord.end_ns))
  base.bytes_sent[row] = number(UdpRecord.bytes_sent)
  base.bytes_received[row] = number(UdpRecord.bytes_received)
  base.bytes_sent_delta[row] = number(UdpRecord.bytes_sent_since)
  base.bytes_received_delta[row] = number(UdpRecord.bytes_received_since)
  base.segments_sent[row] = number(UdpRecord.datagrams_sent)
  base.segments_received[row] = number(UdpRecord.datagrams_received)
  base.datagrams_sent_delta[row] = number(UdpRecord.datagrams_sent_since)
  base.datagrams_received_delta[row] = number(UdpRecord.datagrams_received_since)
  base.drops[row] = u32(UdpRecord.drops)
  base.drops_delta[row] = u32(UdpRecord.drops_since)
  base.connect_us[row] = Number.NaN
  rows.noExchange(row)
}
