/** What the readers of one direction share: how far they are, where the last message began. */
import type { Start } from './exchange.ts'
import type { Piece } from './piece.ts'

/** To skip fewer bytes costs more than it saves. */
const SKIP_BYTES_MIN = 16 << 10

export abstract class StreamReader implements Start {
  /** Offset of the next byte that has not been looked at. */
  position = 0
  /** When the last piece came. */
  lastNs = 0
  startOffset = 0
  startNs = 0
  startPid = 0
  startTid = 0
  startSleeps = 0
  startRetransmits = 0

  /** A message begins with this piece's byte at `offset` of the stream. */
  protected markStart(piece: Piece, offset: number): void {
    this.startOffset = offset
    this.startNs = piece.timeNs
    this.startPid = piece.pid
    this.startTid = piece.tid
    this.startSleeps = piece.sleeps
    this.startRetransmits = piece.retransmits
  }

  /** Parser.wantedFrom where the next so many bytes are only counted. */
  protected behind(count: number): number {
    return count < SKIP_BYTES_MIN ? 0 : this.position + count
  }
}

/** Reads what is known of each piece, and is told how many bytes are not, in stream order. */
export abstract class PieceReader extends StreamReader {
  /** Nothing is read any more. */
  protected abstract readonly isStopped: boolean

  /** Takes `bytes[from … to)`, all of them, and moves the position as far. */
  protected abstract known(piece: Piece, from: number, to: number): void

  /** So many bytes were not seen; moves the position behind them. */
  protected abstract unknown(count: number): void

  feed(piece: Piece): void {
    const end = piece.offset + piece.length
    if (end <= this.position) return
    if (this.isStopped) {
      this.position = end
      return
    }
    if (piece.offset > this.position) this.unknown(piece.offset - this.position)
    const from = piece.at + this.position - piece.offset
    const to = piece.at + Math.min(piece.captured, piece.length)
    this.lastNs = piece.timeNs
    if (from < to) this.known(piece, from, to)
    if (end > this.position) this.unknown(end - this.position)
  }
}
