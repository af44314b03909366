/** A piece of a stream, as the kernel's record has it. */
import type { Piece } from '../requests/http1/piece.ts'
import { u64 } from './connections.ts'
import { DIRECTION, PayloadRecord } from './events.gen.ts'

/** Fills `piece` from a payload_record; returns its flags. */
export function fillPiece(
  piece: Piece,
  view: DataView,
  record: { readonly at: number; readonly length: number },
): number {
  const { at } = record
  if (piece.bytes.buffer !== view.buffer || piece.bytes.byteOffset !== view.byteOffset) {
    piece.bytes = Buffer.from(view.buffer as ArrayBuffer, view.byteOffset, view.byteLength)
  }
  piece.sent = view.getUint8(at + PayloadRecord.direction) === DIRECTION.DIRECTION_SENT
  piece.offset = u64(view, at + PayloadRecord.offset)
  piece.length = view.getUint32(at + PayloadRecord.len, true)
  const captured = view.getUint32(at + PayloadRecord.captured, true)
  piece.captured = Math.min(captured, record.length - PayloadRecord.size)
  piece.at = at + PayloadRecord.size
  piece.tailEnd = at + PayloadRecord.tail + 8
  piece.timeNs = u64(view, at + PayloadRecord.time_ns)
  piece.pid = view.getUint32(at + PayloadRecord.pid, true)
  piece.tid = view.getUint32(at + PayloadRecord.tid, true)
  piece.sleeps = view.getUint32(at + PayloadRecord.sleeps, true)
  piece.srttUs = view.getUint32(at + PayloadRecord.srtt_us, true)
  piece.minRttUs = view.getUint32(at + PayloadRecord.min_rtt_us, true)
  piece.retransmits = view.getUint32(at + PayloadRecord.retrans, true)
  return view.getUint8(at + PayloadRecord.flags)
}
