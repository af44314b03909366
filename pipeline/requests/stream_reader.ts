/** What all readers of one direction keep: how far they are, and where the last message began. */
import type { Start } from './exchange.ts'
import type { Piece } from './http1/piece.ts'

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
