/** What a record of payload says: the piece of a stream, and how its connection is. */
import { Piece } from '../requests/piece.ts'
import { type KernelConnection, u64 } from './connections.ts'
import { DIRECTION, PAYLOAD_FLAG, PayloadRecord } from './events.gen.ts'

/** Filled for each record anew. */
export class PayloadPiece {
  readonly piece = new Piece()
  /** Bytes that were peeked at before are taken now. */
  again = false
  /** So many of the first bytes nobody wanted. */
  skipped = 0
  #view: DataView | undefined
  #bytes = Buffer.alloc(0)

  /** `length`: of the record. */
  fill(view: DataView, at: number, length: number): this {
    const { piece } = this
    if (view !== this.#view) {
      this.#view = view
      this.#bytes = Buffer.from(view.buffer as ArrayBuffer, view.byteOffset, view.byteLength)
    }
    // Anew too: those of a piece that was made of it may be others.
    piece.bytes = this.#bytes
    piece.sent = view.getUint8(at + PayloadRecord.direction) === DIRECTION.DIRECTION_SENT
    piece.offset = u64(view, at + PayloadRecord.offset)
    piece.length = view.getUint32(at + PayloadRecord.len, true)
    const captured = view.getUint32(at + PayloadRecord.captured, true)
    piece.captured = Math.min(captured, length - PayloadRecord.size)
    piece.at = at + PayloadRecord.size
    piece.tailEnd = at + PayloadRecord.tail + 8
    piece.timeNs = u64(view, at + PayloadRecord.time_ns)
    piece.pid = view.getUint32(at + PayloadRecord.pid, true)
    piece.tid = view.getUint32(at + PayloadRecord.tid, true)
    piece.sleeps = view.getUint32(at + PayloadRecord.sleeps, true)
    piece.retransmits = view.getUint32(at + PayloadRecord.retrans, true)
    this.again = (view.getUint8(at + PayloadRecord.flags) & PAYLOAD_FLAG.PAYLOAD_AGAIN) !== 0
    this.skipped = view.getUint32(at + PayloadRecord.skipped, true)
    return this
  }
}

/** What the kernel measured of the connection by then. */
export function measured(connection: KernelConnection, view: DataView, at: number): void {
  connection.touched = true
  connection.srttUs = view.getUint32(at + PayloadRecord.srtt_us, true)
  connection.minRttUs = view.getUint32(at + PayloadRecord.min_rtt_us, true)
  connection.retransmits = view.getUint32(at + PayloadRecord.retrans, true)
}
