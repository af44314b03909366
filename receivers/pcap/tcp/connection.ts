/** One TCP connection of a capture: its two directions, its ends, and how it went. */
import { CLOSE_REASON, ROLE } from '../../../pipeline/flows/schema.ts'
import { type Segment, TCP_FLAG } from '../wire/segment.ts'
import { type Delivery, Direction } from './direction.ts'
import { Duplicates } from './duplicates.ts'
import { flowIdOfAddresses, flowIdOfIsns } from './flow_id.ts'
import type { EarlyBudget } from './out_of_order.ts'

/** Is told what a connection brings, in stream order of each direction. */
export interface ConnectionSink {
  data(connection: TcpConnection, role: number, delivery: Delivery): void
  /** The handshake is complete; nothing is told of one that was not seen. */
  established(connection: TcpConnection): void
}

export class TcpConnection {
  /** 16 bytes each: the client's end, the server's. */
  readonly srcAddress: Uint8Array
  readonly dstAddress: Uint8Array
  readonly srcPort: number
  readonly dstPort: number
  /** What client and server sent, by role. */
  readonly directions: readonly [Direction, Direction]
  /** Nanoseconds of the capture's clock; 0: not seen. */
  synNs = 0
  synAckNs = 0
  establishedNs = 0
  readonly firstNs: number
  lastNs = 0
  closeReason: number = CLOSE_REASON.none
  /** Who sent the reset. */
  resetBy: number | undefined
  flowLo = 0
  flowHi = 0
  idLocal = true
  /** Which end's host made the capture, as a bit a role; 0: nothing tells. */
  localRoles = 0
  /** Second sights of a packet, which count for nothing. */
  duplicates = 0
  readonly #sink: ConnectionSink
  readonly #seen = [new Duplicates(), new Duplicates()] as const

  /** @param clientIsSource the first segment was the client's */
  constructor(
    first: Segment,
    of: { clientIsSource: boolean; sink: ConnectionSink; budget: EarlyBudget },
  ) {
    this.#sink = of.sink
    const source = first.addresses.slice(0, 16)
    const destination = first.addresses.slice(16)
    this.srcAddress = of.clientIsSource ? source : destination
    this.dstAddress = of.clientIsSource ? destination : source
    this.srcPort = of.clientIsSource ? first.sourcePort : first.destinationPort
    this.dstPort = of.clientIsSource ? first.destinationPort : first.sourcePort
    this.firstNs = first.timeNs
    const direction = (role: number) =>
      new Direction(of.budget, (delivery) => of.sink.data(this, role, delivery))
    this.directions = [direction(ROLE.client), direction(ROLE.server)]
    this.#identify()
  }

  /** Established, or in use when the capture began. */
  get isOpen(): boolean {
    return this.closeReason === CLOSE_REASON.none
  }

  get client(): Direction {
    return this.directions[ROLE.client] as Direction
  }

  get server(): Direction {
    return this.directions[ROLE.server] as Direction
  }

  /** The role of who sent the segment. */
  roleOf(segment: Segment): number {
    if (segment.sourcePort !== this.srcPort) return ROLE.server
    if (segment.destinationPort !== this.dstPort) return ROLE.server
    // Both ports are the same number: the addresses tell.
    return isAddress(segment.addresses, this.srcAddress) ? ROLE.client : ROLE.server
  }

  segment(segment: Segment): void {
    const role = this.roleOf(segment)
    if ((this.#seen[role] as Duplicates).isDuplicate(segment)) {
      this.duplicates++
      this.#note(segment, role)
      return
    }
    this.#note(segment, role)
    this.lastNs = Math.max(this.lastNs, segment.timeNs)
    const { flags } = segment
    const direction = this.directions[role] as Direction
    const other = this.directions[1 - role] as Direction
    const isReset = (flags & TCP_FLAG.rst) !== 0
    if ((flags & TCP_FLAG.ack) !== 0) {
      other.acknowledged(segment.acknowledgement, segment.timeNs)
      if (!isReset) this.#established(role, segment.timeNs)
    }
    if (!isReset) direction.sent(segment)
    if ((flags & TCP_FLAG.syn) !== 0) this.#handshake(segment, role)
    if (isReset) this.#reset(role)
    else if (this.isOpen && direction.finished && other.finished) {
      this.closeReason = CLOSE_REASON.fin
    }
  }

  /** Nothing more comes: what is kept is delivered. */
  finish(): void {
    this.client.finish()
    this.server.finish()
  }

  #note(segment: Segment, role: number): void {
    if (segment.direction === 0) return
    const local = segment.direction === 2 ? role : 1 - role
    this.localRoles |= 1 << local
  }

  #handshake(segment: Segment, role: number): void {
    if (role === ROLE.client) this.synNs ||= segment.timeNs
    else this.synAckNs ||= segment.timeNs
    this.#identify()
  }

  #established(role: number, timeNs: number): void {
    if (role !== ROLE.client || this.synAckNs === 0 || this.establishedNs > 0) return
    this.establishedNs = timeNs
    this.#sink.established(this)
  }

  /** A reset that answers a SYN says that nobody listens (RFC 9293 §3.5.2). */
  #reset(role: number): void {
    if (!this.isOpen) return
    this.resetBy = role
    const unanswered = role === ROLE.server && this.synNs > 0 && this.synAckNs === 0
    this.closeReason = unanswered ? CLOSE_REASON.refused : CLOSE_REASON.rst_sent
  }

  #identify(): void {
    const { isn: client } = this.client
    const { isn: server } = this.server
    this.idLocal = client === undefined || server === undefined
    const id =
      client === undefined || server === undefined
        ? flowIdOfAddresses(this)
        : flowIdOfIsns(client, server)
    this.flowLo = Number(id & 0xffff_ffffn)
    this.flowHi = Number(id >> 32n)
  }
}

function isAddress(addresses: Uint8Array, address: Uint8Array): boolean {
  for (let i = 0; i < 16; i++) if (addresses[i] !== address[i]) return false
  return true
}
