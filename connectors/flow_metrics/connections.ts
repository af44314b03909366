/**
 * What TCP connections did, an edge: local end, peer's service and workload, role.
 *
 * Bytes, retransmits, drops and times are added up from row to row of a connection (`…_delta`), so
 * that one that stays open is counted while it is. Round-trip time is measured as it closes.
 */
import type { Columns, FlowBatch } from '../../pipeline/flows/batch.ts'
import { CLOSE_REASONS, type CloseReason, STATE, TRANSPORT } from '../../pipeline/flows/schema.ts'
import { Edges, type Ends, type Member, seriesOf } from './edges.ts'
import {
  TCP_BUSY_TIME,
  TCP_CONNECT_DURATION,
  TCP_CONNECTIONS,
  TCP_DROPS,
  TCP_IO,
  TCP_RETRANSMITS,
  TCP_RTT,
  TCP_SYN_RETRIES,
} from './instruments.ts'
import { type Attributes, isMeasured, Metric, type MetricOptions, type Series } from './series.ts'

interface MemberSeries {
  readonly series: (which: Member) => Series
  readonly now: number
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
  readonly #synRetries: Member
  readonly #drops: Member
  /** Of the time in which there was data to send. */
  readonly #unlimited: Member
  readonly #rwndLimited: Member
  readonly #sndbufLimited: Member
  readonly #rtt: Member
  readonly #connect: Member
  readonly #edges = new Edges()
  #base: Columns<'base'> | undefined

  constructor(options: MetricOptions) {
    const [connections, io, retransmits, synRetries, drops, busy, rtt, connect] = [
      new Metric(TCP_CONNECTIONS, options),
      new Metric(TCP_IO, options),
      new Metric(TCP_RETRANSMITS, options),
      new Metric(TCP_SYN_RETRIES, options),
      new Metric(TCP_DROPS, options),
      new Metric(TCP_BUSY_TIME, options),
      new Metric(TCP_RTT, options),
      new Metric(TCP_CONNECT_DURATION, options),
    ] as const
    this.metrics = [connections, io, retransmits, synRetries, drops, busy, rtt, connect]
    this.#opened = { metric: connections, attributes: stateOf('opened', 'none') }
    const ended = (state: string) =>
      CLOSE_REASONS.map((why) => ({ metric: connections, attributes: stateOf(state, why) }))
    this.#closed = ended('closed')
    this.#failed = ended('failed')
    this.#sent = { metric: io, attributes: [['network.io.direction', 'transmit']] }
    this.#received = { metric: io, attributes: [['network.io.direction', 'receive']] }
    this.#retransmits = { metric: retransmits, attributes: [] }
    this.#synRetries = { metric: synRetries, attributes: [] }
    this.#drops = { metric: drops, attributes: [] }
    const limitedBy = (limit: string): Member => {
      return { metric: busy, attributes: [['flowspan.tcp.limit', limit]] }
    }
    this.#unlimited = limitedBy('none')
    this.#rwndLimited = limitedBy('rwnd')
    this.#sndbufLimited = limitedBy('sndbuf')
    this.#rtt = { metric: rtt, attributes: [] }
    this.#connect = { metric: connect, attributes: [] }
  }

  begin(batch: FlowBatch): void {
    this.#base = batch.base
    this.#edges.begin(batch)
  }

  forget(): void {
    this.#edges.forget()
  }

  /** Measures a connection row. */
  measure(row: number, ends: Ends, now: number): void {
    const base = this.#base as Columns<'base'>
    const state = base.state[row]
    if (base.transport[row] !== TRANSPORT.tcp) return
    const edge = this.#edges.at(row, ends)
    const member = (which: Member) => seriesOf(edge, which, now)
    const reason = base.close_reason[row] as number
    this.#figures(base, row, { series: member, now })
    if (state === STATE.interim) return
    const syns = base.syn_retries[row] as number
    if (state === STATE.open) {
      member(this.#opened).add(1, now)
      if (syns > 0) member(this.#synRetries).add(syns, now)
      const connect = base.connect_us[row] as number
      if (isMeasured(connect)) member(this.#connect).record(connect / 1e6, now)
    } else if (neverEstablished(base, row)) {
      member(this.#failed[reason] as Member).add(1, now)
      if (syns > 0) member(this.#synRetries).add(syns, now)
    } else {
      member(this.#closed[reason] as Member).add(1, now)
      const srtt = base.srtt_us[row] as number
      if (srtt > 0) member(this.#rtt).record(srtt / 1e6, now)
    }
  }

  /** What has come about since the connection's row before. Most of it is 0, most of the time. */
  #figures(base: Columns<'base'>, row: number, of: MemberSeries): void {
    const add = (column: ArrayLike<number>, which: Member, unit = 1) => {
      const value = column[row] as number
      if (value > 0 && isMeasured(value)) of.series(which).add(value * unit, of.now)
    }
    add(base.bytes_sent_delta, this.#sent)
    add(base.bytes_received_delta, this.#received)
    add(base.retransmits_delta, this.#retransmits)
    add(base.drops_delta, this.#drops)
    add(base.rwnd_limited_delta_us, this.#rwndLimited, 1e-6)
    add(base.sndbuf_limited_delta_us, this.#sndbufLimited, 1e-6)
    const limited =
      (base.rwnd_limited_delta_us[row] ?? 0) + (base.sndbuf_limited_delta_us[row] ?? 0)
    const unlimited = (base.busy_delta_us[row] as number) - limited
    if (unlimited > 0) of.series(this.#unlimited).add(unlimited * 1e-6, of.now)
  }
}

/** A connection that ended other than by FIN, or for a reason that is not known, has an error. */
function stateOf(state: string, reason: CloseReason): Attributes {
  const attributes: [string, string][] = [['flowspan.tcp.connection.state', state]]
  if (reason !== 'none' && reason !== 'fin') attributes.push(['error.type', reason])
  return attributes
}

/** There was no pair of sequence numbers to make the id from, no handshake, no data. */
function neverEstablished(base: Columns<'base'>, row: number): boolean {
  const bytes = (base.bytes_sent[row] as number) + (base.bytes_received[row] as number)
  return base.flow_id_local[row] === 1 && Number.isNaN(base.connect_us[row]) && bytes === 0
}
