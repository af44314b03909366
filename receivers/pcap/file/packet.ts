/** One captured packet. The object is filled again for each, and `bytes` is the reader's buffer. */
export class Packet {
  /** LINKTYPE_… (https://www.tcpdump.org/linktypes.html). */
  linkType = 0
  /** Since the second in which the file's first packet was captured; exact below 104 days. */
  timeNs = 0
  /** The packet is `bytes[at … at + captured)`; it had `length` bytes on the wire. */
  bytes: Buffer = EMPTY
  at = 0
  captured = 0
  length = 0
  /** As the capture says: 1 came in, 2 went out, 0 unknown. */
  direction = 0
  /** The capture's number for the interface; several only in pcapng and cooked v2. */
  interfaceId = 0
}

const EMPTY = Buffer.alloc(0)

/** Where the packets of a file go, and what was wrong with it. */
export interface PacketSink {
  packet(packet: Packet): void
}

/** Bytes of the largest packet that is believed: tcpdump's MAXIMUM_SNAPLEN. */
export const PACKET_BYTES_MAX = 262_144

/** What ended the reading before the file's end. */
export interface BadCapture {
  readonly reason: string
  /** Of the block or packet that is bad, from the beginning of the file. */
  readonly offset: number
}
