/**
 * Peels a captured frame down to the innermost TCP segment or UDP datagram, through VLAN tags,
 * MPLS labels, IP in IP, GRE, VXLAN and Geneve; the tunnel's own ends are of no interest, those
 * within it are the services.
 *
 *     frame ─▶ [VLAN]* ─▶ IP ─▶ TCP, UDP                   the segment
 *                          ├─▶ IP in IP, GRE ───────────┐
 *                          └─▶ UDP ─▶ VXLAN, Geneve ──┐ │
 *                 ▲                                   │ │
 *                 └──────── inner frame or packet ────┴─┘
 *
 * One loop over a cursor: each layer moves it inwards, and there are at most LAYERS_MAX.
 */
import type { Packet } from '../file/packet.ts'
import { ETHERTYPE, LAYERS_MAX } from './ethertype.ts'
import { type Network, networkOf } from './link_layer.ts'
import { Segment } from './segment.ts'

const PROTOCOL = { ipip: 4, tcp: 6, udp: 17, ipv6: 41, gre: 47 } as const
/** IPv6 extension headers that say what follows (RFC 8200 §4; 51 is RFC 4302's). */
const EXTENSION = { hopByHop: 0, routing: 43, fragment: 44, authentication: 51, destination: 60 }

const VXLAN_PORTS: readonly number[] = [4789, 8472] // IANA's, and Linux's default, which flannel uses
const GENEVE_PORT = 6081

const UDP_HEADER_BYTES = 8
/** VXLAN's, and Geneve's without options. */
const TUNNEL_HEADER_BYTES = 8

const MAPPED_PREFIX = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff)

/** Why a frame gave neither; each is counted. */
export const NO_SEGMENT = [
  'not_ip',
  'not_tcp_or_udp',
  'fragment',
  'cut_header',
  'malformed',
  'too_many_layers',
] as const
export type NoSegment = (typeof NO_SEGMENT)[number]
/** What `segment` was filled with, or why it was not. */
export type Peeled = 'segment' | 'datagram' | NoSegment

export class Decapsulator {
  readonly segment = new Segment()
  readonly #network: Network = { etherType: 0, at: 0 }
  #bytes: Buffer = this.segment.bytes
  /** The cursor, the end of what was captured, the end of what the layers so far say is theirs. */
  #at = 0
  #end = 0
  #wireEnd = 0
  /** What is within is the first part of a datagram. */
  #isFragment = false

  /** Fills `segment`; of a datagram what UDP has. */
  peel(packet: Packet): Peeled {
    if (!networkOf(packet, this.#network)) return 'not_ip'
    this.#bytes = packet.bytes
    this.#at = this.#network.at
    this.#end = packet.at + packet.captured
    this.#wireEnd = packet.at + packet.length
    this.segment.timeNs = packet.timeNs
    this.segment.direction = packet.direction
    this.segment.interfaceId = packet.interfaceId
    let etherType = this.#network.etherType
    for (let layer = 0; layer < LAYERS_MAX; layer++) {
      const next = this.#layer(etherType)
      if (typeof next !== 'number') return next
      etherType = next
    }
    return 'too_many_layers'
  }

  /** Moves into one layer: the EtherType of the next, or how it ended. */
  #layer(etherType: number): number | Peeled {
    if ((ETHERTYPE.vlan as readonly number[]).includes(etherType)) {
      if (!this.#has(4)) return 'cut_header'
      this.#at += 4
      return this.#bytes.readUInt16BE(this.#at - 2)
    }
    switch (etherType) {
      case ETHERTYPE.mpls:
        return this.#mpls()
      case ETHERTYPE.bridged:
        if (!this.#has(14)) return 'cut_header'
        this.#at += 14
        return this.#bytes.readUInt16BE(this.#at - 2)
      case ETHERTYPE.ipv4:
        return this.#ipv4()
      case ETHERTYPE.ipv6:
        return this.#ipv6()
      case 0: {
        if (!this.#has(1)) return 'cut_header'
        const version = (this.#bytes[this.#at] as number) >>> 4
        if (version === 4) return this.#ipv4()
        return version === 6 ? this.#ipv6() : 'not_ip'
      }
      default:
        return 'not_ip'
    }
  }

  /** `label:20 class:3 bottom:1 ttl:8`; below the last label IP shows its version. */
  #mpls(): number | NoSegment {
    if (!this.#has(4)) return 'cut_header'
    const isBottom = ((this.#bytes[this.#at + 2] as number) & 1) === 1
    this.#at += 4
    return isBottom ? 0 : ETHERTYPE.mpls
  }

  /** RFC 791 §3.1. */
  #ipv4(): number | Peeled {
    if (!this.#has(20)) return 'cut_header'
    const bytes = this.#bytes
    const at = this.#at
    const headerBytes = 4 * ((bytes[at] as number) & 15)
    if ((bytes[at] as number) >>> 4 !== 4 || headerBytes < 20) return 'malformed'
    const total = bytes.readUInt16BE(at + 2)
    // 0: the card will cut this into packets (TSO), so the frame's length is the packet's.
    if (total !== 0) {
      if (total < headerBytes) return 'malformed'
      this.#limit(at + total)
    }
    const fragment = bytes.readUInt16BE(at + 6) & 0x3fff
    if (!this.#mayGoOn(fragment & 0x1fff, fragment !== 0, bytes[at + 9] as number))
      return 'fragment'
    if (!this.#has(headerBytes)) return 'cut_header'
    const { addresses } = this.segment
    for (const [i, from] of [at + 12, at + 16].entries()) {
      addresses.set(MAPPED_PREFIX, 16 * i)
      for (let b = 0; b < 4; b++) addresses[16 * i + 12 + b] = bytes[from + b] as number
    }
    this.segment.identification = bytes.readUInt16BE(at + 4)
    this.#at += headerBytes
    return this.#transport(bytes[at + 9] as number)
  }

  /** RFC 8200 §3. */
  #ipv6(): number | Peeled {
    if (!this.#has(40)) return 'cut_header'
    const bytes = this.#bytes
    const at = this.#at
    if ((bytes[at] as number) >>> 4 !== 6) return 'malformed'
    const payload = bytes.readUInt16BE(at + 4)
    // 0: a jumbogram, or a segment that the card will cut.
    if (payload !== 0) this.#limit(at + 40 + payload)
    const { addresses } = this.segment
    for (let i = 0; i < 32; i++) addresses[i] = bytes[at + 8 + i] as number
    this.segment.identification = -1
    this.#at += 40
    return this.#extensions(bytes[at + 6] as number)
  }

  #extensions(first: number): number | Peeled {
    let header = first
    for (let i = 0; i < LAYERS_MAX; i++) {
      if (header === EXTENSION.fragment) return this.#fragment()
      const isAuthentication = header === EXTENSION.authentication
      const isOther =
        header === EXTENSION.hopByHop ||
        header === EXTENSION.routing ||
        header === EXTENSION.destination
      if (!isAuthentication && !isOther) return this.#transport(header)
      if (!this.#has(8)) return 'cut_header'
      const units = this.#bytes[this.#at + 1] as number
      header = this.#bytes[this.#at] as number
      this.#at += isAuthentication ? 4 * (units + 2) : 8 * (units + 1)
    }
    return 'too_many_layers'
  }

  /** `next:u8 0:u8 offset:13 0:2 more:1 id:u32` (RFC 8200 §4.5). */
  #fragment(): number | Peeled {
    if (!this.#has(8)) return 'cut_header'
    const next = this.#bytes[this.#at] as number
    const fragment = this.#bytes.readUInt16BE(this.#at + 2)
    if (!this.#mayGoOn(fragment >>> 3, (fragment & ~6) !== 0, next)) return 'fragment'
    this.#at += 8
    return this.#transport(next)
  }

  /**
   * Fragments are counted and left: TCP avoids them. Of a datagram the first one has the header,
   * and says how long all of it is.
   */
  #mayGoOn(offset: number, isFragment: boolean, protocol: number): boolean {
    this.#isFragment = isFragment
    return !isFragment || (offset === 0 && protocol === PROTOCOL.udp)
  }

  #transport(protocol: number): number | Peeled {
    switch (protocol) {
      case PROTOCOL.tcp:
        return this.#tcp()
      case PROTOCOL.udp:
        return this.#udp()
      case PROTOCOL.gre:
        return this.#gre()
      case PROTOCOL.ipip:
        return ETHERTYPE.ipv4
      case PROTOCOL.ipv6:
        return ETHERTYPE.ipv6
      default:
        return 'not_tcp_or_udp'
    }
  }

  /** RFC 2784, 2890: `C:1 0:1 K:1 S:1 0:9 version:3 protocol:u16 [checksum] [key] [sequence]`. */
  #gre(): number | NoSegment {
    if (!this.#has(4)) return 'cut_header'
    const flags = this.#bytes.readUInt16BE(this.#at)
    if ((flags & 7) !== 0) return 'not_tcp_or_udp' // version 1 is PPTP's
    const options = (flags >>> 15) + ((flags >>> 13) & 1) + ((flags >>> 12) & 1)
    const protocol = this.#bytes.readUInt16BE(this.#at + 2)
    this.#at += 4 + 4 * options
    return protocol === 0 ? 'malformed' : protocol
  }

  /** RFC 768; and what tunnels in it: VXLAN (RFC 7348 §5) and Geneve (RFC 8926 §3.4). */
  #udp(): number | Peeled {
    if (!this.#has(UDP_HEADER_BYTES)) return 'cut_header'
    const bytes = this.#bytes
    const port = bytes.readUInt16BE(this.#at + 2)
    const at = this.#at + UDP_HEADER_BYTES
    const mayTunnel = port === GENEVE_PORT || VXLAN_PORTS.includes(port)
    if (!mayTunnel || at + TUNNEL_HEADER_BYTES > this.#wireEnd) return this.#datagram(at)
    if (!this.#has(UDP_HEADER_BYTES + TUNNEL_HEADER_BYTES)) return 'cut_header'
    if (this.#isFragment) return 'fragment'
    if (port !== GENEVE_PORT && ((bytes[at] as number) & 0x08) !== 0) {
      this.#at = at + TUNNEL_HEADER_BYTES
      return ETHERTYPE.bridged
    }
    if (port === GENEVE_PORT && (bytes[at] as number) >>> 6 === 0) {
      const protocol = bytes.readUInt16BE(at + 2)
      this.#at = at + TUNNEL_HEADER_BYTES + 4 * ((bytes[at] as number) & 63)
      return protocol === 0 ? 'malformed' : protocol
    }
    return this.#datagram(at)
  }

  #datagram(at: number): Peeled {
    const bytes = this.#bytes
    const length = bytes.readUInt16BE(this.#at + 4) - UDP_HEADER_BYTES
    if (length < 0 || (at + length > this.#wireEnd && !this.#isFragment)) return 'malformed'
    const { segment } = this
    segment.sourcePort = bytes.readUInt16BE(this.#at)
    segment.destinationPort = bytes.readUInt16BE(this.#at + 2)
    segment.sequence = 0
    segment.acknowledgement = 0
    segment.flags = 0
    segment.timestamp = -1
    segment.window = 0
    segment.bytes = bytes
    segment.at = at
    segment.length = length
    segment.captured = Math.max(0, Math.min(this.#end, this.#wireEnd, at + length) - at)
    return 'datagram'
  }

  /** RFC 9293 §3.1. */
  #tcp(): Peeled {
    if (!this.#has(20)) return 'cut_header'
    const bytes = this.#bytes
    const at = this.#at
    const headerBytes = 4 * ((bytes[at + 12] as number) >>> 4)
    if (headerBytes < 20 || at + headerBytes > this.#wireEnd) return 'malformed'
    const { segment } = this
    segment.sourcePort = bytes.readUInt16BE(at)
    segment.destinationPort = bytes.readUInt16BE(at + 2)
    segment.sequence = bytes.readUInt32BE(at + 4)
    segment.acknowledgement = bytes.readUInt32BE(at + 8)
    segment.flags = bytes[at + 13] as number
    segment.timestamp = timestampOf(bytes, at + 20, Math.min(at + headerBytes, this.#end))
    segment.window = bytes.readUInt16BE(at + 14)
    segment.bytes = bytes
    segment.at = at + headerBytes
    segment.length = this.#wireEnd - segment.at
    segment.captured = Math.max(0, Math.min(this.#end, this.#wireEnd) - segment.at)
    return 'segment'
  }

  /** Padding behind a short packet is not the packet's. */
  #limit(end: number): void {
    if (end < this.#wireEnd) this.#wireEnd = end
    if (end < this.#end) this.#end = end
  }

  #has(count: number): boolean {
    return this.#at + count <= this.#end
  }
}

/** `option ::= 0 | 1 | kind:u8 length:u8 byte{length - 2}`; timestamps are kind 8 of 10 bytes. */
function timestampOf(bytes: Buffer, from: number, end: number): number {
  for (let at = from; at < end; ) {
    const kind = bytes[at] as number
    if (kind === 0) return -1
    if (kind === 1) at++
    else {
      const length = at + 1 < end ? (bytes[at + 1] as number) : 0
      if (length < 2 || at + length > end) return -1
      if (kind === 8 && length === 10) return bytes.readUInt32BE(at + 2)
      at += length
    }
  }
  return -1
}
