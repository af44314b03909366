/**
 * What is followed of the host's connections: turns records into connection rows, pieces of
 * streams into exchanges, and decides how long a connection is remembered.
 */
import { ROLE, UNFINISHED } from '../flows/schema.ts'
import type { Ledger } from '../ledger.ts'
import type { Conversation } from '../requests/conversation.ts'
import type { Memory } from '../requests/remembered.ts'
import type { RowWriter } from '../requests/rows.ts'
import type { QueryPolicy } from '../requests/target.ts'
import { RequestTracker, type TrackerConfig } from '../requests/tracker.ts'
import { commOf } from './comm.ts'
import { connectionRow } from './connection_row.ts'
import { ConnectionTable, connId, KernelConnection, u64 } from './connections.ts'
import { Datagram } from './datagram.ts'
import { EPISODES, Episodes, type EpisodesConfig } from './episodes/episodes.ts'
import { CONN_STATE, ConnRecord, PayloadRecord, RECORD_TYPE } from './events.gen.ts'
import { Identities } from './identities.ts'
import { listenerRow } from './listener_row.ts'
import { measured, PayloadPiece } from './payload_piece.ts'
import { RecordCopies, type RecordCopy } from './record_copies.ts'
import { udpRow } from './udp_row.ts'

/** Gets a record in place: valid until it returns. `view` is the same for all records of a ring. */
export type OnRecord = (view: DataView, offset: number, length: number) => void

/** Options of receivers of kernel records; times in milliseconds. */
export interface FollowedConfig {
  /** Default: EPISODES. */
  readonly episodes?: EpisodesConfig
  readonly connections_max: number
  readonly requests: {
    readonly query: QueryPolicy
    readonly open_row_after: number
    readonly open_row_interval: number
    readonly dns_timeout: number
    readonly pipelined_max: number
    readonly exchanges_max: number
  }
}

const NS_PER_MS = 1e6
/** Of a piece none of whose bytes is known; its tail neither. */
const NO_BYTES = Buffer.alloc(8)
/**
 * A program may read what had arrived after TCP has closed the connection, so one with an exchange
 * open and bytes unread stays this long.
 */
const CLOSED_LINGER_NS = 500 * NS_PER_MS

/** A connection that TCP has closed. */
interface Closed {
  readonly connection: KernelConnection
  /** Its record, whose row waits for what its pieces have to say of the connection. */
  readonly record: RecordCopy
  readonly endNs: number
  /** All that was sent and received; what lies beyond the streams' positions was not seen. */
  readonly bytesSent: number
  readonly bytesReceived: number
  /** Position in the payload ring: records of this connection's life stand before it. */
  readonly payloadBehind: number
}

export interface FollowedSettings {
  readonly ledger: Ledger
  readonly rows: RowWriter
  /** The one that an exchange begins in: loss.ts. */
  lossEpoch(): number
  /** Pieces were lost among those that are being drained. */
  losing(): boolean
  readonly memory?: Memory | undefined
  /** After a piece of the connection: the kernel may be told what of it is wanted next. */
  tellWanted(connectionId: number, conversation: Conversation): void
}

export class Followed {
  /** Names of the kernel's drop reasons, by value. */
  dropReasons: readonly string[] = []
  /** Where the payload ring ended when connection records were last drained. */
  payloadBehind = 0
  /** A row was made that should not wait for its batch to fill. */
  urgent = false
  readonly connectionRecord: OnRecord
  readonly payloadRecord: OnRecord
  readonly #ledger: Ledger
  readonly #rows: RowWriter
  readonly #memory: Memory | undefined
  readonly #tellWanted: FollowedSettings['tellWanted']
  readonly #table: ConnectionTable
  readonly #episodes: Episodes
  readonly #requests: RequestTracker
  readonly #payloadPiece = new PayloadPiece()
  readonly #piece = this.#payloadPiece.piece
  readonly #identities = new Identities()
  readonly #datagram = new Datagram(this.#identities)
  /** Pieces that the ledger has not been told of. */
  #used = 0
  /** The same of records of cgroups and processes. */
  #identityRecords = 0
  #closed: Closed[] = []
  readonly #copies = new RecordCopies()

  constructor(config: FollowedConfig, settings: FollowedSettings) {
    this.#ledger = settings.ledger
    this.#rows = settings.rows
    this.#memory = settings.memory
    this.#tellWanted = settings.tellWanted
    this.#table = new ConnectionTable(config.connections_max)
    this.#episodes = new Episodes(config.episodes ?? EPISODES, {
      ...settings,
      identities: this.#identities,
    })
    const tracking = { ...settings, threadsKnown: true }
    this.#requests = new RequestTracker(trackerConfig(config), tracking)
    this.connectionRecord = (view, at) => this.#connection(view, at)
    this.payloadRecord = (view, at, length) => this.#payload(view, at, length)
  }

  /** Nothing that is open is forgotten, unless the new limits are lower than what there is. */
  reconfigure(config: FollowedConfig): void {
    this.#requests.reconfigure(trackerConfig(config))
    this.#episodes.config = config.episodes ?? EPISODES
    for (const evicted of this.#table.resize(config.connections_max)) this.#evicted(evicted)
  }

  #evicted({ conversation }: KernelConnection): void {
    this.#ledger.note('connections_evicted', 1)
    conversation?.finish(0)
  }

  #connection(view: DataView, at: number): void {
    const identities = this.#identities
    if (identities.take(view, at)) {
      this.#identityRecords++
      return
    }
    if (view.getUint8(at) === RECORD_TYPE.RECORD_LISTENER) {
      listenerRow(this.#rows, { view, at, identities })
      return
    }
    if (view.getUint8(at) === RECORD_TYPE.RECORD_UDP) {
      udpRow(this.#rows, { view, at, identities })
      return
    }
    if (view.getUint8(at) === RECORD_TYPE.RECORD_EYE) {
      if (this.#episodes.record(view, at)) this.urgent = true
      return
    }
    const known = this.#table.get(connId(view, at + ConnRecord.conn_id))
    const state = view.getUint8(at + ConnRecord.state)
    if (known !== undefined && state === CONN_STATE.CONN_CLOSED) {
      this.#close(known, view, at)
      return
    }
    const connection = known ?? new KernelConnection(view, at)
    this.#identify(connection, view, at)
    const { dropReasons } = this
    connectionRow(this.#rows, { view, at, known: connection, dropReasons })
    // An interim record may be the first to tell of a connection: see Privileged.childStarted.
    const isNew = state === CONN_STATE.CONN_INTERIM && known === undefined
    if (isNew) connection.remembered = this.#memory?.recall(connection.id)
    else this.#remember(connection)
    if (state === CONN_STATE.CONN_OPEN || isNew) {
      const evicted = this.#table.add(connection)
      if (evicted !== undefined) this.#evicted(evicted)
    }
  }

  /** Whoever is known by now: of an accepted socket the process comes later than the cgroup. */
  #identify(connection: KernelConnection, view: DataView, at: number): void {
    const wasKnown = connection.pid !== 0
    if (!wasKnown) {
      connection.pid = view.getUint32(at + ConnRecord.pid, true)
      connection.comm = commOf(view, at + ConnRecord.comm)
    }
    if (connection.identity !== undefined && (wasKnown || connection.pid === 0)) return
    this.#lookUp(connection)
  }

  #lookUp(connection: KernelConnection): void {
    const { pid, cgroupLo, cgroupHi } = connection
    connection.identity = this.#identities.of(pid, [cgroupLo, cgroupHi])
  }

  #close(connection: KernelConnection, view: DataView, at: number): void {
    this.#closed.push({
      connection,
      record: this.#copies.of(view, at),
      endNs: u64(view, at + ConnRecord.end_ns),
      bytesSent: u64(view, at + ConnRecord.bytes_sent),
      bytesReceived: u64(view, at + ConnRecord.bytes_received),
      payloadBehind: this.payloadBehind,
    })
  }

  #payload(view: DataView, at: number, length: number): void {
    if (view.getUint8(at) === RECORD_TYPE.RECORD_DATAGRAM) {
      this.#used++
      const datagram = this.#datagram
      datagram.fill(view, at, length)
      if (!this.#requests.datagram(datagram, datagram.piece)) {
        this.#ledger.note('datagrams_unread', 1)
      }
      return
    }
    const connection = this.#table.find(
      view.getUint32(at + PayloadRecord.conn_id, true),
      view.getUint32(at + PayloadRecord.conn_id + 4, true),
    )
    if (connection === undefined) {
      this.#ledger.lost('connection_unknown', 1)
      return
    }
    this.#used++
    const { piece, again, skipped } = this.#payloadPiece.fill(view, at, length)
    measured(connection, view, at)
    if (connection.pid === 0) {
      connection.pid = piece.pid
      connection.comm = commOf(view, at + PayloadRecord.comm)
      this.#lookUp(connection)
    }
    const conversation = connection.conversation ?? this.#requests.conversationOf(connection)
    if (again) conversation.taken(piece)
    else if (skipped === 0) conversation.feed(piece)
    else this.#feedInTwo(conversation, skipped)
    if (conversation.remembered !== connection.remembered) this.#remember(connection)
    this.#requests.bound()
    this.#tell(connection, conversation)
  }

  /** Of most connections all is wanted always, which goes without saying. */
  #tell(connection: KernelConnection, conversation: Conversation): void {
    const { wantsAll } = conversation
    if (wantsAll && connection.toldAll) return
    connection.toldAll = wantsAll
    this.#tellWanted(connection.id, conversation)
  }

  /** Also with each interim row: another connection may have taken its place meanwhile. */
  #remember(connection: KernelConnection): void {
    connection.remembered = connection.conversation?.remembered ?? connection.remembered
    if (connection.remembered === undefined) return
    this.#memory?.remember(connection.id, connection.remembered)
  }

  /** A piece whose first `skipped` bytes nobody wanted is two. */
  #feedInTwo(conversation: Conversation, skipped: number): void {
    const piece = this.#piece
    const { bytes, length, captured, tailEnd } = piece
    Object.assign(piece, {
      bytes: NO_BYTES,
      length: skipped,
      captured: 0,
      tailEnd: NO_BYTES.length,
    })
    conversation.feed(piece)
    if (skipped === length) return
    piece.offset += skipped
    Object.assign(piece, { bytes, length: length - skipped, captured, tailEnd })
    conversation.feed(piece)
  }

  /**
   * After a look at the rings: books the pieces, and forgets closed connections all of whose
   * payload stands before `payloadPosition`. `nowNs`: CLOCK_MONOTONIC, of the look.
   */
  settle(payloadPosition: number, nowNs: number): void {
    this.#book()
    if (this.#closed.length === 0) return
    this.#closed = this.#closed.filter((closed) => {
      const waits = payloadPosition < closed.payloadBehind
      if (!waits) this.#skipUnwanted(closed)
      const lingers = mayStillRead(closed) && nowNs - closed.endNs < CLOSED_LINGER_NS
      if (waits || lingers) return true
      this.#table.delete(closed.connection)
      this.#finish(closed)
      return false
    })
  }

  /**
   * The kernel does not tell of a body's pieces that nobody wants: how much of it came before the
   * connection ended is known by what TCP counted. All but the last byte, which is told of.
   */
  #skipUnwanted({ connection, bytesSent, bytesReceived, endNs }: Closed): void {
    const { conversation } = connection
    if (conversation === undefined || conversation.waiting === 0) return
    const piece = this.#piece
    for (const sent of [true, false]) {
      const isRequest = sent === (connection.role === ROLE.client)
      const { requestPosition, responsePosition } = conversation
      const offset = isRequest ? requestPosition : responsePosition
      const end = Math.min(sent ? bytesSent : bytesReceived, conversation.wantedFrom(sent) - 1)
      if (end <= offset) continue
      Object.assign(piece, { sent, offset, length: end - offset, timeNs: endNs })
      Object.assign(piece, { bytes: NO_BYTES, at: 0, captured: 0, tailEnd: NO_BYTES.length })
      conversation.skip(piece)
    }
  }

  #finish({ connection, record, endNs, bytesSent, bytesReceived }: Closed): void {
    const { view } = record
    this.#identify(connection, view, 0)
    connection.conversation?.finish(endNs, {
      reason: view.getUint8(ConnRecord.close_reason),
      answered: connection.role === ROLE.client ? bytesReceived : bytesSent,
    })
    connectionRow(this.#rows, {
      view,
      at: 0,
      known: connection,
      dropReasons: this.dropReasons,
    })
    this.#copies.done(record)
  }

  /** Records of connections whose rows are still to be made. */
  get held(): number {
    return this.#closed.length
  }

  /** Exchanges without an end. */
  get unfinished(): number {
    return this.#requests.unfinished
  }

  /** Announces exchanges that last, and ends those whose end nothing else will tell. */
  sweep(nowNs: number): void {
    this.#requests.sweep(nowNs)
    if (this.#episodes.sweep(nowNs)) this.urgent = true
  }

  /** The end, at `nowNs` of CLOCK_MONOTONIC: exchanges that go on without us end here. */
  stop(nowNs: number): void {
    this.#book()
    for (const closed of this.#closed) this.#finish(closed)
    this.#closed = []
    this.#episodes.stop()
    this.#requests.stop(nowNs, UNFINISHED.agent_stopped)
  }

  #book(): void {
    this.#ledger.used('payload', this.#used)
    this.#used = 0
    this.#ledger.used('identity', this.#identityRecords)
    this.#identityRecords = 0
  }

  /** What is kept at this moment; every figure is bounded. */
  memory(): {
    connections: number
    headBytes: number
    openExchanges: number
    openRequests: number
  } {
    return { connections: this.#table.size, ...this.#requests.memory() }
  }
}

function trackerConfig({ requests }: FollowedConfig): TrackerConfig {
  return {
    query: requests.query,
    dnsTimeoutNs: requests.dns_timeout * NS_PER_MS,
    pipelinedMax: requests.pipelined_max,
    exchangesMax: requests.exchanges_max,
    openAfterNs: requests.open_row_after * NS_PER_MS,
    openAgainNs: requests.open_row_interval * NS_PER_MS,
  }
}

/** An exchange is open, and bytes that TCP has were not read or seen. */
function mayStillRead({ connection, bytesSent, bytesReceived }: Closed): boolean {
  const { conversation } = connection
  if (conversation === undefined || conversation.waiting === 0) return false
  const { requestPosition, responsePosition } = conversation
  const client = connection.role === ROLE.client
  const sent = client ? requestPosition : responsePosition
  const received = client ? responsePosition : requestPosition
  return sent < bytesSent || received < bytesReceived
}
