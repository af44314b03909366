/**
 * A piece of one direction of a stream, as the kernel cut it: payload_record in bpf/events.h.
 *
 * One object is filled again for each record, and `bytes` is the ring itself, so a piece is valid
 * only while it is handled.
 */
export class Piece {
  sent = false
  /** Position of the first byte in its direction's stream. */
  offset = 0
  length = 0
  /** How many of the first bytes are known: `bytes[at … at + captured)`. */
  captured = 0
  bytes: Buffer = EMPTY
  at = 0
  /** Behind the piece's last (up to 8) bytes, right-aligned: `bytes[tailEnd - 8 … tailEnd)`. */
  tailEnd = 0
  /** Nanoseconds of CLOCK_MONOTONIC; rounded once the host is up for more than 104 days. */
  timeNs = 0
  pid = 0
  /** The thread that read or wrote. */
  tid = 0
  /** How often that thread had given up its CPU by itself. */
  sleeps = 0
  /** Segments of the connection sent again so far. */
  retransmits = 0
}

const EMPTY = Buffer.alloc(0)
