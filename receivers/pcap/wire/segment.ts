/** A TCP segment, or a datagram, as it stood on the wire. The object is filled again for each. */
export const TCP_FLAG = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16, urg: 32 } as const

export class Segment {
  timeNs = 0
  /** 16 bytes each, IPv4 as ::ffff:a.b.c.d, at these places of `addresses`: source, destination. */
  readonly addresses = new Uint8Array(32)
  sourcePort = 0
  destinationPort = 0
  sequence = 0
  acknowledgement = 0
  flags = 0
  window = 0
  /** IPv4's identification, which tells a packet seen twice from one sent twice; -1 on IPv6. */
  identification = -1
  /** TSval of the timestamps option (RFC 7323 §3.2); -1 without it. */
  timestamp = -1
  /** Bytes of payload on the wire, of which `bytes[at … at + captured)` is known. */
  length = 0
  captured = 0
  bytes: Buffer = EMPTY
  at = 0
  /** As the capture says: 1 came in, 2 went out, 0 unknown. */
  direction = 0
  interfaceId = 0
}

const EMPTY = Buffer.alloc(0)
