/** What listeners dropped and answered in vain: by their process or pod, and their port. */
import type { Columns, FlowBatch } from '../../pipeline/flows/batch.ts'
import { TCP_LISTENER_DROPS, TCP_SYNACK_RETRIES } from './instruments.ts'
import type { Resource } from './resources.ts'
import { Metric, type MetricOptions } from './series.ts'

export class Listeners {
  readonly metrics: readonly Metric[]
  readonly #drops: Metric
  readonly #retries: Metric
  #base: Columns<'base'> | undefined

  constructor(options: MetricOptions) {
    this.#drops = new Metric(TCP_LISTENER_DROPS, options)
    this.#retries = new Metric(TCP_SYNACK_RETRIES, options)
    this.metrics = [this.#drops, this.#retries]
  }

  begin(batch: FlowBatch): void {
    this.#base = batch.base
  }

  /** Measures a listener row: there are few of them. */
  measure(row: number, resource: Resource, now: number): void {
    const base = this.#base as Columns<'base'>
    const attributes = [['server.port', base.dst_port[row] as number]] as const
    const drops = base.listen_drops_delta[row] as number
    const retries = base.synack_retries_delta[row] as number
    if (drops > 0) this.#drops.series(resource, attributes, now).add(drops, now)
    if (retries > 0) this.#retries.series(resource, attributes, now).add(retries, now)
  }
}
