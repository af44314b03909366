/**
 * Requests in datagrams: there is no connection, and a socket may talk to many peers, or ask each
 * question from a port of its own. So whoever sees a datagram says where it came from and went to,
 * and nothing is kept of a pair of ends that has no request open.
 *
 *     kernel, packet ─▶ datagram(way, piece) ─▶ protocol that reads it ─▶ conversation ─▶ exchanges
 *
 * Its direction and whether it asks or answers tell which end is seen.
 */
import { ROLE, TRANSPORT } from '../flows/schema.ts'
import type { Connection } from './connection.ts'
import { Conversation } from './conversation.ts'
import type { WrittenEnd } from './end_columns.ts'
import type { ExchangeContext, Exchanges } from './exchanges.ts'
import type { Identity } from './identity.ts'
import type { Parser } from './parser.ts'
import type { Piece } from './piece.ts'
import { datagramProtocols } from './protocols.ts'
import type { Shared } from './shared.ts'

/**
 * Between which ends a datagram went, as this host sees them. The object and what it holds may be
 * filled again for each datagram: what must last is copied.
 */
export interface Way {
  /** 16 bytes each, IPv4 as `::ffff:a.b.c.d`. */
  readonly localAddress: Uint8Array
  readonly remoteAddress: Uint8Array
  readonly localPort: number
  readonly remotePort: number
  readonly netns: number
  readonly cgroupLo: number
  readonly cgroupHi: number
  /** The process, as rows have it; read only where an exchange begins. 0 and '': not known. */
  readonly pid: number
  readonly comm: string
  readonly identity?: Identity | undefined
}

export interface Ports {
  readonly local: number
  readonly remote: number
}

export interface DatagramProtocol {
  /**
   * What a datagram is, if it is of this protocol, beyond doubt. What was read of it may be kept
   * until the next call: the parser that is fed next is fed the same piece.
   */
  read(piece: Piece, ports: Ports): 'request' | 'response' | undefined
  /** Each piece that it is fed is a message. */
  open(exchanges: Exchanges, shared: Shared): Parser
}

/** Addresses, ports, network namespace, role. */
const KEY_BYTES = 41

export class Datagrams {
  readonly #context: ExchangeContext
  readonly #shared: Shared
  readonly #protocols = datagramProtocols()
  /** Of ends that have an exchange open, so there are no more than of those. */
  readonly #conversations = new Map<string, Conversation>()
  readonly #key = Buffer.alloc(KEY_BYTES)

  constructor(context: ExchangeContext, shared: Shared) {
    this.#context = context
    this.#shared = shared
  }

  /** Pairs of ends that have something open. */
  get size(): number {
    return this.#conversations.size
  }

  /** False: of no protocol that is read. */
  feed(way: Way, piece: Piece): boolean {
    const ports = { local: way.localPort, remote: way.remotePort }
    for (const protocol of this.#protocols) {
      const kind = protocol.read(piece, ports)
      if (kind === undefined) continue
      const role = piece.sent === (kind === 'request') ? ROLE.client : ROLE.server
      this.#feed(way, piece, { role, protocol })
      return true
    }
    return false
  }

  #feed(way: Way, piece: Piece, of: { role: number; protocol: DatagramProtocol }): void {
    const key = this.#keyOf(way, of.role)
    const known = this.#conversations.get(key)
    if (known !== undefined) {
      known.feed(piece)
      return
    }
    const connection = new DatagramConnection(way, of.role)
    const conversation = new Conversation(connection, {
      context: this.#forgetting(key, connection),
      shared: this.#shared,
      open: (exchanges, shared) => of.protocol.open(exchanges, shared),
    })
    connection.conversation = conversation
    conversation.feed(piece)
    if (conversation.waiting > 0) this.#conversations.set(key, conversation)
  }

  /** The context of all, and with the last open exchange its conversation is forgotten. */
  #forgetting(key: string, connection: DatagramConnection): ExchangeContext {
    const context = this.#context
    return {
      ...context,
      ended: (exchange) => {
        context.ended(exchange)
        if (connection.conversation?.waiting === 0) this.#conversations.delete(key)
      },
    }
  }

  #keyOf(way: Way, role: number): string {
    const key = this.#key
    key.set(way.localAddress, 0)
    key.set(way.remoteAddress, 16)
    key.writeUInt16BE(way.localPort, 32)
    key.writeUInt16BE(way.remotePort, 34)
    key.writeUInt32BE(way.netns, 36)
    key[40] = role
    return key.toString('latin1')
  }
}

/** Two ends between which something is open. */
class DatagramConnection implements Connection {
  readonly transport = TRANSPORT.udp
  readonly role: number
  /** None: an exchange has one of its own. */
  readonly flowLo = 0
  readonly flowHi = 0
  readonly idLocal = true
  readonly srcAddress: Uint8Array
  readonly dstAddress: Uint8Array
  readonly srcPort: number
  readonly dstPort: number
  readonly netns: number
  readonly cgroupLo: number
  readonly cgroupHi: number
  readonly startNs = 0
  readonly connectTid = 0
  readonly connectSleeps = 0
  readonly connectUs = Number.NaN
  readonly pid: number
  readonly comm: string
  readonly identity: Identity | undefined
  readonly srttUs = 0
  readonly minRttUs = 0
  readonly retransmits = 0
  conversation: Conversation | undefined
  written: WrittenEnd | undefined
  readonly tls = undefined

  constructor(way: Way, role: number) {
    this.role = role
    const isClient = role === ROLE.client
    this.srcAddress = (isClient ? way.localAddress : way.remoteAddress).slice()
    this.dstAddress = (isClient ? way.remoteAddress : way.localAddress).slice()
    this.srcPort = isClient ? way.localPort : way.remotePort
    this.dstPort = isClient ? way.remotePort : way.localPort
    this.netns = way.netns
    this.cgroupLo = way.cgroupLo
    this.cgroupHi = way.cgroupHi
    this.identity = way.identity
    this.pid = way.pid
    this.comm = way.comm
  }
}
