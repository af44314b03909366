/** What UDP did, by edges as connections.ts has them: from row to row of a flow, so once each. */
import type { Columns, FlowBatch } from '../../pipeline/flows/batch.ts'
import { TRANSPORT } from '../../pipeline/flows/schema.ts'
import { Edges, type Ends, type Member, seriesOf } from './edges.ts'
import { UDP_DATAGRAMS, UDP_DROPS, UDP_IO } from './instruments.ts'
import { isMeasured, Metric, type MetricOptions } from './series.ts'

const TRANSMIT = [['network.io.direction', 'transmit']] as const
const RECEIVE = [['network.io.direction', 'receive']] as const

export class Datagrams {
  readonly metrics: readonly Metric[]
  readonly #bytesSent: Member
  readonly #bytesReceived: Member
  readonly #sent: Member
  readonly #received: Member
  readonly #drops: Member
  readonly #edges = new Edges()
  #base: Columns<'base'> | undefined

  constructor(options: MetricOptions) {
    const [io, datagrams, drops] = [
      new Metric(UDP_IO, options),
      new Metric(UDP_DATAGRAMS, options),
      new Metric(UDP_DROPS, options),
    ] as const
    this.metrics = [io, datagrams, drops]
    this.#bytesSent = { metric: io, attributes: TRANSMIT }
    this.#bytesReceived = { metric: io, attributes: RECEIVE }
    this.#sent = { metric: datagrams, attributes: TRANSMIT }
    this.#received = { metric: datagrams, attributes: RECEIVE }
    this.#drops = { metric: drops, attributes: [] }
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
    if (base.transport[row] !== TRANSPORT.udp) return
    const edge = this.#edges.at(row, ends)
    const add = (column: ArrayLike<number>, which: Member) => {
      const value = column[row] as number
      if (value > 0 && isMeasured(value)) seriesOf(edge, which, now).add(value, now)
    }
    add(base.bytes_sent_delta, this.#bytesSent)
    add(base.bytes_received_delta, this.#bytesReceived)
    add(base.datagrams_sent_delta, this.#sent)
    add(base.datagrams_received_delta, this.#received)
    add(base.drops_delta, this.#drops)
  }
}
