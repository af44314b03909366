/** Makes a flow row of one end of a captured connection. */
import { CLOSE_REASON, KIND, ROLE, STATE } from '../../pipeline/flows/schema.ts'
import type { RowWriter } from '../../pipeline/requests/rows.ts'
import type { Tls } from '../../pipeline/requests/tls/tls.ts'
import { bothWays, connectUs } from './end.ts'
import type { TcpConnection } from './tcp/connection.ts'
import type { Direction } from './tcp/direction.ts'

export function connectionRow(
  rows: RowWriter,
  connection: TcpConnection,
  { role, state, tls }: { role: number; state: number; tls: Tls | undefined },
): void {
  const row = rows.add()
  const { base } = rows.batch
  const own = connection.directions[role] as Direction
  const other = connection.directions[1 - role] as Direction
  base.kind[row] = KIND.connection
  base.state[row] = state
  base.role[row] = role
  base.close_reason[row] = closeReasonOf(connection, role)
  base.flow_id[2 * row] = connection.flowLo
  base.flow_id[2 * row + 1] = connection.flowHi
  base.flow_id_local[row] = connection.idLocal ? 1 : 0
  base.src_address.set(connection.srcAddress, 16 * row)
  base.dst_address.set(connection.dstAddress, 16 * row)
  base.src_port[row] = connection.srcPort
  base.dst_port[row] = connection.dstPort
  rows.time(base.start, row, connection.firstNs)
  rows.time(base.end, row, connection.lastNs)
  base.connect_us[row] = connectUs(connection)
  base.bytes_sent[row] = own.highest
  base.bytes_received[row] = other.highest
  base.segments_sent[row] = own.segments
  base.segments_received[row] = other.segments
  base.retransmits[row] = own.retransmits
  const retries = role === ROLE.client ? base.syn_retries : base.synack_retries
  retries[row] = own.synRetries
  base.srtt_us[row] = bothWays(connection, (direction) => direction.rtt.smoothedUs)
  base.rttvar_us[row] = bothWays(connection, (direction) => direction.rtt.variationUs)
  base.min_rtt_us[row] = bothWays(connection, (direction) => direction.rtt.leastUs)
  // A connection has one row of figures, its last.
  if (state !== STATE.open) {
    base.bytes_sent_delta[row] = own.highest
    base.bytes_received_delta[row] = other.highest
    base.retransmits_delta[row] = own.retransmits
  }
  base.isn_client[row] = (connection.directions[ROLE.client] as Direction).isn ?? 0
  base.isn_server[row] = (connection.directions[ROLE.server] as Direction).isn ?? 0
  if (tls !== undefined) rows.tls(row, tls)
  rows.noExchange(row)
}

/** A reset was sent by one end and received by the other. */
export function closeReasonOf({ closeReason, resetBy }: TcpConnection, role: number): number {
  if (closeReason !== CLOSE_REASON.rst_sent) return closeReason
  return resetBy === role ? CLOSE_REASON.rst_sent : CLOSE_REASON.rst_received
}
