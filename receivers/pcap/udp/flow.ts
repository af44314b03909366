/** The datagrams between two ends of a capture, and how many of them each end has sent. */
import { ROLE } from '../../../pipeline/flows/schema.ts'
import { flowIdOfAddresses } from '../tcp/flow_id.ts'
import type { Segment } from '../wire/segment.ts'

/** At ports below only the privileged may listen, so a server is who has one. */
const WELL_KNOWN_PORTS = 1024

/** What was seen at one end. */
export interface UdpEnd {
  /** It was seen there, and not only somewhere on the way. */
  isThere: boolean
  sent: number
  received: number
  bytesSent: number
  bytesReceived: number
}

export class UdpFlow {
  /** 16 bytes each: the client's end, the server's. */
  readonly srcAddress: Uint8Array
  readonly dstAddress: Uint8Array
  readonly srcPort: number
  readonly dstPort: number
  readonly firstNs: number
  lastNs: number
  readonly flowLo: number
  readonly flowHi: number
  /** By role; undefined: nothing was seen there. */
  readonly ends: [UdpEnd | undefined, UdpEnd | undefined] = [undefined, undefined]
  /** A row has told of it. */
  isTold = false

  constructor(first: Segment) {
    const { sourcePort, destinationPort } = first
    const clientIsSource = sourcePort >= WELL_KNOWN_PORTS || destinationPort < WELL_KNOWN_PORTS
    const source = first.addresses.slice(0, 16)
    const destination = first.addresses.slice(16)
    this.srcAddress = clientIsSource ? source : destination
    this.dstAddress = clientIsSource ? destination : source
    this.srcPort = clientIsSource ? sourcePort : destinationPort
    this.dstPort = clientIsSource ? destinationPort : sourcePort
    this.firstNs = first.timeNs
    this.lastNs = first.timeNs
    const id = flowIdOfAddresses(this)
    this.flowLo = Number(id & 0xffff_ffffn)
    this.flowHi = Number(id >> 32n)
  }

  /** The role of who sent the datagram. */
  senderOf({ addresses, sourcePort, destinationPort }: Segment): number {
    if (sourcePort !== destinationPort) {
      return sourcePort === this.srcPort ? ROLE.client : ROLE.server
    }
    for (let i = 0; i < 16; i++) if (addresses[i] !== this.srcAddress[i]) return ROLE.server
    return ROLE.client
  }

  /** A datagram was seen for the end with this role. */
  count(segment: Segment, of: { role: number; sent: boolean; isThere: boolean }): void {
    const end = this.ends[of.role] ?? newEnd()
    this.ends[of.role] = end
    end.isThere ||= of.isThere
    if (of.sent) {
      end.sent++
      end.bytesSent += segment.length
    } else {
      end.received++
      end.bytesReceived += segment.length
    }
    this.lastNs = Math.max(this.lastNs, segment.timeNs)
  }
}

function newEnd(): UdpEnd {
  return { isThere: false, sent: 0, received: 0, bytesSent: 0, bytesReceived: 0 }
}
