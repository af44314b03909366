/** Episodes of delay, jitter and loss: by the process or pod that saw them, and the peer. */
import type { Columns, FlowBatch } from '../../pipeline/flows/batch.ts'
import { EPISODE_KINDS, STATE } from '../../pipeline/flows/schema.ts'
import { TCP_EPISODES } from './instruments.ts'
import type { Peer, Resource } from './resources.ts'
import { Metric, type MetricOptions } from './series.ts'

export class Episodes {
  readonly metrics: readonly Metric[]
  readonly #episodes: Metric
  #base: Columns<'base'> | undefined

  constructor(options: MetricOptions) {
    this.#episodes = new Metric(TCP_EPISODES, options)
    this.metrics = [this.#episodes]
  }

  begin(batch: FlowBatch): void {
    this.#base = batch.base
  }

  /** Counts an episode as it begins: an alert should not wait for its end. */
  measure(row: number, { local, remote }: { local: Resource; remote: Peer }, now: number): void {
    const base = this.#base as Columns<'base'>
    if (base.state[row] !== STATE.open) return
    const kind = EPISODE_KINDS[base.episode_kind[row] as number] ?? 'none'
    const attributes = [['flowspan.tcp.episode.kind', kind], ...remote.attributes] as const
    this.#episodes.series(local, attributes, now).add(1, now)
  }
}
