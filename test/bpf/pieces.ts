/** Pieces of payload in a form that assertions can read. */
import assert from 'node:assert/strict'
import { CONN_ROLE, CONN_STATE, PAYLOAD_FLAG } from '../../pipeline/kernel_events/events.gen.ts'
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

/** Pieces of one direction must follow one another through all of `data`, and show its bytes. */
export function check(pieces: readonly Piece[], data: Buffer): { captured: number } {
  let at = 0
  let captured = 0
  for (const piece of pieces) {
    if (piece.flags === PAYLOAD_FLAG.PAYLOAD_AGAIN) {
      assert.ok(piece.offset + piece.len <= at)
      assert.equal(piece.bytes.length, 0)
      continue
    }
    assert.equal(piece.flags, 0)
    assert.equal(piece.offset, at)
    assert.ok(piece.bytes.equals(data.subarray(at, at + piece.bytes.length)), `bytes at ${at}`)
    at += piece.len
    captured += piece.bytes.length
    const tail = data.subarray(Math.max(at - Math.min(8, piece.len), 0), at)
    const none = piece.tail.equals(Buffer.alloc(8))
    assert.ok(none || piece.tail.subarray(8 - tail.length).equals(tail), `tail at ${at}`)
  }
  assert.equal(at, data.length)
  return { captured }
}
