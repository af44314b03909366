/**
 * What is followed of a capture: turns packets into connection rows and exchanges.
 *
 *     packet ─▶ Decapsulator ─▶ segment ─▶ Connections ─▶ stream pieces ─▶ RequestTracker ─▶ rows
 *                                                  └───────────────▶ connection rows ─▶ rows
 *
 * A capture shows a connection between its ends. Rows are given for each end (as an agent on that
 * end's host would give them), or for the one on the capturing host where packets tell which is.
 */
import { CLOSE_REASON, ROLE, STATE, UNFINISHED } from '../../pipeline/flows/schema.ts'
import type { Ledger } from '../../pipeline/ledger.ts'
import { Piece } from '../../pipeline/requests/piece.ts'
import type { RowWriter } from '../../pipeline/requests/rows.ts'
import { RequestTracker } from '../../pipeline/requests/tracker.ts'
import type { PcapConfig } from './config.ts'
import { closeReasonOf, connectionRow } from './connection_row.ts'
import { End } from './end.ts'
import type { Packet, PacketSink } from './file/packet.ts'
import { hostOf } from './host.ts'
import type { TcpConnection } from './tcp/connection.ts'
import { Connections, type TableSink } from './tcp/connections.ts'
import type { Delivery } from './tcp/direction.ts'
import { Datagrams } from './udp/datagrams.ts'
import { udpRow } from './udp/flow_row.ts'
import { Decapsulator } from './wire/decapsulator.ts'

const NS_PER_MS = 1e6
/** How often exchanges are looked over for those that last, in the time of the capture. */
const SWEEP_NS = 250 * NS_PER_MS
/** Nothing tells the end of UDP but silence: no longer than the `ebpf` receiver waits. */
const UDP_IDLE_NS_MAX = 60e9
/** In front of a piece that was not captured whole: nothing is known of its last bytes. */
const TAIL_BYTES = 8

const BOTH = 3

export class Captured implements PacketSink, TableSink {
  readonly #config: PcapConfig
  readonly #ledger: Ledger
  readonly #rows: RowWriter
  readonly #decapsulator = new Decapsulator()
  readonly #connections: Connections
  readonly #datagrams: Datagrams
  readonly #requests: RequestTracker
  readonly #piece = new Piece()
  /** The ends of connections whose rows are given, client's first. */
  readonly #ends = new Map<TcpConnection, readonly End[]>()
  #nowNs = 0
  #sweptNs = 0

  constructor(config: PcapConfig, { ledger, rows }: { ledger: Ledger; rows: RowWriter }) {
    this.#config = config
    this.#ledger = ledger
    this.#rows = rows
    this.#connections = new Connections(
      {
        connectionsMax: config.connections_max,
        earlyBytesMax: config.early_bytes_max,
        idleNs: config.idle_timeout * NS_PER_MS,
      },
      this,
    )
    const { requests } = config
    this.#requests = new RequestTracker(
      {
        query: requests.query,
        dnsTimeoutNs: requests.dns_timeout * NS_PER_MS,
        pipelinedMax: requests.pipelined_max,
        exchangesMax: requests.exchanges_max,
        openAfterNs: requests.open_row_after * NS_PER_MS,
        openAgainNs: requests.open_row_interval * NS_PER_MS,
      },
      { ledger, rows, lossEpoch: () => 0, losing: () => false, threadsKnown: false },
    )
    this.#datagrams = new Datagrams(
      {
        ends: config.ends,
        flowsMax: config.connections_max,
        idleNs: Math.min(config.idle_timeout * NS_PER_MS, UDP_IDLE_NS_MAX),
      },
      {
        read: (way, piece) => this.#requests.datagram(way, piece),
        row: (flow, of) => {
          ledger.in++
          udpRow(rows, flow, of)
        },
      },
    )
  }

  packet(packet: Packet): void {
    this.#ledger.in++
    const peeled = this.#decapsulator.peel(packet)
    this.#ledger.used(peeled, 1)
    if (peeled !== 'segment' && peeled !== 'datagram') return
    this.#nowNs = Math.max(this.#nowNs, packet.timeNs)
    const { segment } = this.#decapsulator
    if (peeled === 'segment') this.#connections.segment(segment)
    else this.#datagrams.datagram(segment)
    if (this.#nowNs - this.#sweptNs < SWEEP_NS) return
    this.#sweptNs = this.#nowNs
    this.#datagrams.sweep(this.#nowNs)
    this.#requests.sweep(this.#nowNs)
  }

  established(connection: TcpConnection): void {
    for (const end of this.#endsOf(connection)) this.#row(connection, end, STATE.open)
  }

  data(connection: TcpConnection, role: number, delivery: Delivery): void {
    this.#fill(delivery)
    // A request is sent before it is received: whose call it is must be known to who takes it.
    const ends = this.#endsOf(connection)
    const order = role === ROLE.client ? ends : ends.toReversed()
    for (const end of order) {
      const piece = this.#piece
      piece.sent = end.role === role
      piece.pid = end.host
      piece.tid = end.host
      piece.retransmits = end.retransmits
      this.#requests.conversationOf(end).feed(piece)
      this.#requests.bound()
    }
  }

  ended(connection: TcpConnection): void {
    const wasOpen = connection.closeReason === CLOSE_REASON.none
    for (const end of this.#endsOf(connection)) {
      // What goes on behind the end of the capture stays open.
      if (!wasOpen) {
        end.conversation?.finish(connection.lastNs, {
          reason: closeReasonOf(connection, end.role),
          answered: connection.server.highest,
        })
      }
      this.#row(connection, end, wasOpen ? STATE.interim : STATE.closed)
    }
    this.#ends.delete(connection)
    this.#note('segments_seen_twice', connection.duplicates)
    const { client, server } = connection
    this.#note('bytes_not_captured', client.missed + server.missed)
  }

  /** The capture has ended. */
  finish(): void {
    this.#connections.finish()
    this.#datagrams.finish()
    this.#requests.stop(this.#nowNs, UNFINISHED.capture_ended)
    this.#note('segments_seen_twice', this.#datagrams.seenTwice)
    this.#note('connections_evicted', this.#connections.evicted + this.#datagrams.evicted)
  }

  #row(connection: TcpConnection, { role, tls }: End, state: number): void {
    // A connect() that nobody took up made no socket at the other end.
    if (role === ROLE.server && connection.synNs > 0 && connection.synAckNs === 0) return
    this.#ledger.in++
    connectionRow(this.#rows, connection, { role, state, tls })
  }

  /** Settled once, at the first data or the handshake's end. */
  #endsOf(connection: TcpConnection): readonly End[] {
    let ends = this.#ends.get(connection)
    if (ends !== undefined) return ends
    const roles = this.#rolesOf(connection)
    ends = [ROLE.client, ROLE.server]
      .filter((role) => (roles & (1 << role)) !== 0)
      .map((role) => {
        const address = role === ROLE.client ? connection.srcAddress : connection.dstAddress
        return new End(connection, { role, host: hostOf(address) })
      })
    this.#ends.set(connection, ends)
    return ends
  }

  #rolesOf({ localRoles }: TcpConnection): number {
    const { ends } = this.#config
    if (ends === 'auto') return localRoles === 0 ? BOTH : localRoles
    return ends === 'both' ? BOTH : 1 << ROLE[ends]
  }

  #fill({ offset, length, captured, bytes, at, timeNs }: Delivery): void {
    const piece = this.#piece
    piece.offset = offset
    piece.length = length
    piece.captured = captured
    piece.timeNs = timeNs
    if (captured === length) {
      piece.bytes = bytes
      piece.at = at
      piece.tailEnd = at + length
      return
    }
    const known = bytes.subarray(at, at + captured)
    piece.bytes = Buffer.concat([Buffer.alloc(TAIL_BYTES), known])
    piece.at = TAIL_BYTES
    piece.tailEnd = TAIL_BYTES
  }

  #note(name: string, count: number): void {
    if (count > 0) this.#ledger.note(name, count)
  }
}
