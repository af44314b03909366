/**
 * What TCP connections did, an edge: local end, peer's service and workload, role.
 *
 * Bytes, retransmits and round-trip time are those of whole connections, so they are counted when
 * the connection closes.
 */
import type { Columns, FlowBatch } from '../../pipeline/flows/batch.ts'
import { RowIndex } from '../../pipeline/flows/row_index.ts'
import {
  CLOSE_REASONS,
  type CloseReason,
  ROLES,
  STATE,
  TRANSPORT,
} from '../../pipeline/flows/schema.ts'
import {
  TCP_CONNECT_DURATION,
  TCP_CONNECTIONS,
  TCP_IO,
  TCP_RETRANSMITS,
  TCP_RTT,
} from './instruments.ts'
import type { Peer, Resource } from './resources.ts'
import { type Attributes, isMeasured, Metric, type MetricOptions, type Series } from './series.ts'

export interface Ends {
  readonly local: Resource
  readonly remote: Peer
}

/** Which series of an edge: a metric, and what the series has beside the edge's attributes. */
interface Member {
  readonly metric: Metric
  readonly attributes: Attributes
}

interface Edge {
  readonly resource: Resource
  readonly attributes: Attributes
  /** Those that the batch has needed so far. */
  readonly series: Map<Member, Series>
}

export class Connections {
  readonly metrics: readonly Metric[]
  readonly #opened: Member
  /** By close reason. */
  readonly #closed: readonly Member[]
  readonly #failed: readonly Member[]
  readonly #sent: Member
  readonly #received: Member
  readonly #retransmits: Member
  readonly #rtt: Member
  readonly #connect: Member
  readonly #index = new RowIndex<Edge>(3)
  #base: Columns<'base'> | undefined

  constructor(options: MetricOptions) {
    const [connections, io, retransmits, rtt, connect] = [
      new Metric(TCP_CONNECTIONS, options),
      new Metric(TCP_IO, options),
      new Metric(TCP_RETRANSMITS, options),
      new Metric(TCP_RTT, options),
      new Metric(TCP_CONNECT_DURATION, options),
    ] as const
    this.metrics = [connections, io, retransmits, rtt, connect]
    this.#opened = { metric: connections, attributes: stateOf('opened', 'none') }
    const ended = (state: string) =>
      CLOSE_REASONS.map((why) => ({ metric: connections, attributes: stateOf(state, why) }))
    this.#closed = ended('closed')
    this.#failed = ended('failed')
    this.#sent = { metric: io, attributes: [['network.io.direction', 'transmit']] }
    this.#received = { metric: io, attributes: [['network.io.direction', 'receive']] }
    this.#retransmits = { metric: retransmits, attributes: [] }
    this.#rtt = { metric: rtt, attributes: [] }
    this.#connect = { metric: connect, attributes: [] }
  }

  begin(batch: FlowBatch): void {
    this.#base = batch.base
    this.#index.clear()
  }

  /** Measures a connection row. */
  measure(row: number, ends: Ends, now: number): void {
    const base = this.#base as Columns<'base'>
    const state = base.state[row]
    if (state === STATE.interim || base.transport[row] !== TRANSPORT.tcp) return
    const edge = this.#edge(base, row, ends)
    const member = (which: Member) => seriesOf(edge, which, now)
    const reason = base.close_reason[row] as number
    if (state === STATE.open) {
      member(this.#opened).add(1, now)
      const connect = base.connect_us[row] as number
      if (isMeasured(connect)) member(this.#connect).record(connect / 1e6, now)
    } else if (neverEstablished(base, row)) {
      member(this.#failed[reason] as Member).add(1, now)
    } else {
      member(this.#closed[reason] as Member).add(1, now)
      member(this.#sent).add(base.bytes_sent[row] as number, now)
      member(this.#received).add(base.bytes_received[row] as number, now)
      member(this.#retransmits).add(base.retransmits[row] as number, now)
      const srtt = base.srtt_us[row] as number
      if (srtt > 0) member(this.#rtt).record(srtt / 1e6, now)
    }
  }

  #edge(base: Columns<'base'>, row: number, { local, remote }: Ends): Edge {
    const role = base.role[row] as number
    const { numbers } = this.#index
    numbers[0] = local.id
    numbers[1] = remote.id
    numbers[2] = role
    const known = this.#index.get()
    if (known !== undefined) return known
    const attributes: Attributes = [['flowspan.role', ROLES[role] ?? ''], ...remote.attributes]
    return this.#index.set({ resource: local, attributes, series: new Map() })
  }
}

/** A connection that ended other than by FIN, or for a reason that is not known, has an error. */
function stateOf(state: string, reason: CloseReason): Attributes {
  const attributes: [string, string][] = [['flowspan.tcp.connection.state', state]]
  if (reason !== 'none' && reason !== 'fin') attributes.push(['error.type', reason])
  return attributes
}

function seriesOf(edge: Edge, member: Member, now: number): Series {
  const known = edge.series.get(member)
  if (known !== undefined) return known
  const attributes = [...edge.attributes, ...member.attributes]
  const series = member.metric.series(edge.resource, attributes, now)
  edge.series.set(member, series)
  return series
}

/** There was no pair of sequence numbers to make the id from, no handshake, no data. */
function neverEstablished(base: Columns<'base'>, row: number): boolean {
  const bytes = (base.bytes_sent[row] as number) + (base.bytes_received[row] as number)
  return base.flow_id_local[row] === 1 && Number.isNaN(base.connect_us[row]) && bytes === 0
}
