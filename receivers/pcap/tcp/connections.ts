/**
 * The connections of a capture, by the addresses and ports of both ends. Bounded: beyond the bound
 * the one that has been quiet longest is ended, and counted.
 */
import { CLOSE_REASON } from '../../../pipeline/flows/schema.ts'
import { keyOf } from '../wire/key.ts'
import { type Segment, TCP_FLAG } from '../wire/segment.ts'
import { type ConnectionSink, TcpConnection } from './connection.ts'
import { EarlyBudget } from './out_of_order.ts'

/** A closed connection may still show segments that are on their way, or sent again. */
const LINGER_NS = 2e9

export interface TableSink extends ConnectionSink {
  /** Nothing more comes of it. */
  ended(connection: TcpConnection): void
}

export interface TableSettings {
  readonly connectionsMax: number
  /** What segments that came early may take, in all connections together. */
  readonly earlyBytesMax: number
  /** A connection without a segment for so long, in the capture's time, is over. */
  readonly idleNs: number
}

export class Connections {
  evicted = 0
  readonly #settings: TableSettings
  readonly #sink: TableSink
  readonly #budget: EarlyBudget
  readonly #byKey = new Map<string, TcpConnection>()
  #sweptNs = 0

  constructor(settings: TableSettings, sink: TableSink) {
    this.#settings = settings
    this.#sink = sink
    this.#budget = new EarlyBudget(settings.earlyBytesMax)
  }

  get size(): number {
    return this.#byKey.size
  }

  segment(segment: Segment): void {
    const key = keyOf(segment)
    let connection = this.#byKey.get(key)
    if (connection !== undefined && isAnother(connection, segment)) {
      this.#end(key, connection)
      connection = undefined
    }
    if (connection === undefined) {
      // A lone reset or the last ACK of what is forgotten tells of no connection.
      if (!isWorthBeginning(segment)) return
      connection = this.#begin(key, segment)
    }
    connection.segment(segment)
    this.#sweep(segment.timeNs)
  }

  /** The capture has ended. */
  finish(): void {
    for (const [key, connection] of [...this.#byKey]) this.#end(key, connection)
  }

  #begin(key: string, segment: Segment): TcpConnection {
    if (this.#byKey.size >= this.#settings.connectionsMax) this.#evict()
    const clientIsSource = isFromClient(segment)
    const connection = new TcpConnection(segment, {
      clientIsSource,
      sink: this.#sink,
      budget: this.#budget,
    })
    this.#byKey.set(key, connection)
    return connection
  }

  #end(key: string, connection: TcpConnection): void {
    this.#byKey.delete(key)
    connection.finish()
    this.#sink.ended(connection)
  }

  /** A sixteenth at once, so that a flood of connections does not sort them all for each. */
  #evict(): void {
    const byQuiet = [...this.#byKey].sort((a, b) => a[1].lastNs - b[1].lastNs)
    const count = Math.ceil(byQuiet.length / 16)
    for (const [key, connection] of byQuiet.slice(0, count)) this.#end(key, connection)
    this.evicted += count
  }

  /** Once a second of the capture's time. */
  #sweep(nowNs: number): void {
    if (nowNs - this.#sweptNs < 1e9) return
    this.#sweptNs = nowNs
    for (const [key, connection] of this.#byKey) {
      const quietNs = nowNs - connection.lastNs
      const limitNs = connection.isOpen ? this.#settings.idleNs : LINGER_NS
      if (quietNs > limitNs) this.#end(key, connection)
    }
  }
}

/** A SYN with another number than the connection's own: the ports are used again. */
function isAnother(connection: TcpConnection, segment: Segment): boolean {
  if ((segment.flags & (TCP_FLAG.syn | TCP_FLAG.ack)) !== TCP_FLAG.syn) return false
  const role = connection.roleOf(segment)
  const { isn } = connection.directions[role] as { isn: number | undefined }
  if (isn === segment.sequence) return false
  return isn !== undefined || connection.closeReason !== CLOSE_REASON.none
}

function isWorthBeginning({ flags, length }: Segment): boolean {
  if ((flags & TCP_FLAG.rst) !== 0) return false
  return (flags & TCP_FLAG.syn) !== 0 || length > 0
}

/** By the handshake; without it the lower port is taken for the server's, as it mostly is. */
function isFromClient({ flags, sourcePort, destinationPort }: Segment): boolean {
  if ((flags & TCP_FLAG.syn) !== 0) return (flags & TCP_FLAG.ack) === 0
  return sourcePort > destinationPort
}
