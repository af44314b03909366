/**
 * From a captured frame to the network layer within it.
 *
 *     Ethernet   dst:6 src:6 ethertype:u16
 *     cooked v1  type:u16 arphrd:u16 length:u16 address:8 protocol:u16
 *     cooked v2  protocol:u16 0:u16 ifindex:u32 arphrd:u16 type:u8 length:u8 address:8
 *     loopback   family:u32, in the byte order of the machine that captured (NULL) or of the
 *                network (LOOP); the families of IPv6 differ from one BSD to the next
 */
import type { Packet } from '../file/packet.ts'
import { ETHERTYPE } from './ethertype.ts'

/** https://www.tcpdump.org/linktypes.html */
export const LINKTYPE = {
  null: 0,
  ethernet: 1,
  rawBsd: 12,
  rawOpenBsd: 14,
  raw: 101,
  loop: 108,
  linuxCooked: 113,
  ipv4: 228,
  ipv6: 229,
  linuxCooked2: 276,
} as const

const AF_INET = 2
const AF_INET6: readonly number[] = [10, 24, 28, 30]
/** sll_pkttype of frames that this machine sent: PACKET_OUTGOING (linux/if_packet.h). */
const OUTGOING = 4
/** linux/if_arp.h */
const ARPHRD_LOOPBACK = 772

/** What follows the link layer. */
export interface Network {
  /** An EtherType; 0 where the first byte of IP tells the version. */
  etherType: number
  at: number
}

/** False for link types that are not known and frames that are too short. */
export function networkOf(packet: Packet, out: Network): boolean {
  const { bytes, at, captured } = packet
  const has = (count: number) => captured >= count
  switch (packet.linkType) {
    case LINKTYPE.ethernet:
      return has(14) && found(out, bytes.readUInt16BE(at + 12), at + 14)
    case LINKTYPE.linuxCooked:
      if (!has(16)) return false
      packet.direction = cookedDirection(bytes.readUInt16BE(at), bytes.readUInt16BE(at + 2))
      return found(out, bytes.readUInt16BE(at + 14), at + 16)
    case LINKTYPE.linuxCooked2:
      if (!has(20)) return false
      packet.direction = cookedDirection(bytes[at + 10] as number, bytes.readUInt16BE(at + 8))
      packet.interfaceId = bytes.readUInt32BE(at + 4)
      return found(out, bytes.readUInt16BE(at), at + 20)
    case LINKTYPE.raw:
    case LINKTYPE.rawBsd:
    case LINKTYPE.rawOpenBsd:
    case LINKTYPE.ipv4:
    case LINKTYPE.ipv6:
      return has(1) && found(out, 0, at)
    case LINKTYPE.null:
    case LINKTYPE.loop:
      return has(4) && family(out, bytes, at)
    default:
      return false
  }
}

function found(out: Network, etherType: number, at: number): true {
  out.etherType = etherType
  out.at = at
  return true
}

/** Over loopback a packet goes out and comes in at once, and is captured once. */
function cookedDirection(type: number, arphrd: number): number {
  if (arphrd === ARPHRD_LOOPBACK) return 0
  return type === OUTGOING ? 2 : 1
}

/** Families are small numbers, so the byte order shows. */
function family(out: Network, bytes: Buffer, at: number): boolean {
  const big = bytes.readUInt32BE(at)
  const value = big < 65_536 ? big : bytes.readUInt32LE(at)
  if (value === AF_INET) return found(out, ETHERTYPE.ipv4, at + 4)
  return AF_INET6.includes(value) && found(out, ETHERTYPE.ipv6, at + 4)
}
