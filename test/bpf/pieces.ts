/** Pieces of payload in a form that assertions can read. */
import { CONN_ROLE, CONN_STATE } from '../../receivers/ebpf/events.gen.ts'
import type { Kernel, Piece, SocketReport } from './kernel.ts'

const { ROLE_CLIENT, ROLE_SERVER } = CONN_ROLE

/** Both ends' pieces, when the connection has closed. */
export async function piecesOf(kernel: Kernel, { client_port: local_port, pid }: SocketReport) {
  const closed = { state: CONN_STATE.CONN_CLOSED }
  const client = await kernel.connection({ ...closed, role: ROLE_CLIENT, local_port, pid })
  const { flow_id } = client
  const server = await kernel.connection({ ...closed, role: ROLE_SERVER, flow_id })
  const of = (id: bigint) => kernel.pieces.filter((piece) => piece.conn_id === id)
  return { client: of(client.conn_id), server: of(server.conn_id) }
}

/** A character a byte. */
export function text(piece: Piece): string {
  return piece.bytes.toString('latin1')
}

/** Messages for sockets.py, a character a byte. */
export function hex(messages: readonly string[]): string {
  return messages.map((message) => Buffer.from(message, 'latin1').toString('hex')).join(',')
}
