/** Makes a flow row of one end of a flow of UDP. */
import { CLOSE_REASON, KIND, STATE, TRANSPORT } from '../../../pipeline/flows/schema.ts'
import type { RowWriter } from '../../../pipeline/requests/rows.ts'
import type { UdpEnd, UdpFlow } from './flow.ts'

export function udpRow(
  rows: RowWriter,
  flow: UdpFlow,
  { role, end, state }: { role: number; end: UdpEnd; state: number },
): void {
  const row = rows.add()
  const { base } = rows.batch
  base.kind[row] = KIND.connection
  base.state[row] = state
  base.role[row] = role
  base.transport[row] = TRANSPORT.udp
  base.close_reason[row] = state === STATE.closed ? CLOSE_REASON.idle : CLOSE_REASON.none
  base.flow_id[2 * row] = flow.flowLo
  base.flow_id[2 * row + 1] = flow.flowHi
  base.flow_id_local[row] = 1
  base.src_address.set(flow.srcAddress, 16 * row)
  base.dst_address.set(flow.dstAddress, 16 * row)
  base.src_port[row] = flow.srcPort
  base.dst_port[row] = flow.dstPort
  rows.time(base.start, row, flow.firstNs)
  rows.time(base.end, row, flow.lastNs)
  base.bytes_sent[row] = end.bytesSent
  base.bytes_received[row] = end.bytesReceived
  base.segments_sent[row] = end.sent
  base.segments_received[row] = end.received
  // A flow has one row of figures, its last.
  if (state !== STATE.open) {
    base.bytes_sent_delta[row] = end.bytesSent
    base.bytes_received_delta[row] = end.bytesReceived
    base.datagrams_sent_delta[row] = end.sent
    base.datagrams_received_delta[row] = end.received
  }
  base.connect_us[row] = Number.NaN
  rows.noExchange(row)
}
