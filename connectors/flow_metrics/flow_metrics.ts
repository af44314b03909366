import type { Connector, Consumer, Settings } from '../../pipeline/component.ts'
import type { FlowBatch } from '../../pipeline/flows/batch.ts'
import { EndCache } from '../../pipeline/flows/ends.ts'
import { KIND, STATE } from '../../pipeline/flows/schema.ts'
import { OK, type Outcome } from '../../pipeline/outcome.ts'
import type { FlowMetricsConfig } from './config.ts'
import { Connections } from './connections.ts'
import { Datagrams } from './datagrams.ts'
import { Episodes } from './episodes.ts'
import { Listeners } from './listeners.ts'
import { pointsOf } from './points.ts'
import { Requests } from './requests.ts'
import { peerOf, resourceOf } from './resources.ts'
import type { Metric } from './series.ts'

/** Ends whose names are remembered, local and remote each. */
const ENDS_MAX = 4096

/** Milliseconds of a clock that is never set back. */
export type Clock = () => number

/** Adds up flow rows and sends what they come to at intervals, as cumulative points. */
export class FlowMetrics implements Connector<'flows'> {
  readonly mutates = false
  readonly borrows = true
  readonly #settings: Settings
  readonly #config: FlowMetricsConfig
  readonly #next: Consumer<'metrics'>
  readonly #clock: Clock
  readonly #locals = new EndCache('local', { make: resourceOf, entriesMax: ENDS_MAX })
  readonly #remotes = new EndCache('remote', { make: peerOf, entriesMax: ENDS_MAX })
  readonly #requests: Requests
  readonly #connections: Connections
  readonly #datagrams: Datagrams
  readonly #listeners: Listeners
  readonly #episodes: Episodes
  readonly #metrics: readonly Metric[]
  #timer: NodeJS.Timeout | undefined
  #flushing: Promise<void> | undefined
  #dirty = false

  constructor(
    settings: Settings,
    config: FlowMetricsConfig,
    { next, clock = () => performance.now() }: { next: Consumer<'metrics'>; clock?: Clock },
  ) {
    this.#settings = settings
    this.#config = config
    this.#next = next
    this.#clock = clock
    const options = {
      seriesMax: config.series_max,
      overflowed: () => settings.ledger.note('series_overflowed', 1),
    }
    this.#requests = new Requests(options, config)
    this.#connections = new Connections(options)
    this.#datagrams = new Datagrams(options)
    this.#listeners = new Listeners(options)
    this.#episodes = new Episodes(options)
    const ofConnections = [this.#connections, this.#datagrams]
    const makers = [this.#requests, ...ofConnections, this.#listeners, this.#episodes]
    this.#metrics = makers.flatMap(({ metrics }) => metrics)
  }

  start(): void {
    this.#timer = setInterval(() => this.flush(), this.#config.metrics_flush_interval)
  }

  consume(batch: FlowBatch): Outcome {
    const { kind, state } = batch.base
    const now = this.#clock()
    this.#locals.begin(batch)
    this.#remotes.begin(batch)
    this.#requests.begin(batch)
    this.#connections.begin(batch)
    this.#datagrams.begin(batch)
    this.#listeners.begin(batch)
    this.#episodes.begin(batch)
    for (let row = 0; row < batch.rows; row++) {
      if (kind[row] === KIND.exchange) {
        if (state[row] !== STATE.closed) continue
        this.#requests.measure(row, this.#locals.at(row), now)
      } else if (kind[row] === KIND.connection) {
        const ends = { local: this.#locals.at(row), remote: this.#remotes.at(row) }
        this.#connections.measure(row, ends, now)
        this.#datagrams.measure(row, ends, now)
      } else if (kind[row] === KIND.listener) {
        this.#listeners.measure(row, this.#locals.at(row), now)
      } else {
        const ends = { local: this.#locals.at(row), remote: this.#remotes.at(row) }
        this.#episodes.measure(row, ends, now)
      }
    }
    this.#dirty = true
    this.#settings.ledger.used('measured', batch.rows)
    return OK
  }

  /** Sends all points, one flush at a time; safe at any time. */
  flush(): Promise<void> {
    this.#flushing ??= this.#send().finally(() => {
      this.#flushing = undefined
    })
    return this.#flushing
  }

  async shutdown(): Promise<void> {
    clearInterval(this.#timer)
    await this.#flushing
    if (this.#dirty) await this.flush()
  }

  /** What is remembered of series: some may have expired, and others have room. */
  #forget(): void {
    this.#requests.forget()
    this.#connections.forget()
    this.#datagrams.forget()
  }

  /** Points that are refused are not kept: the next flush has newer ones of the same series. */
  async #send(): Promise<void> {
    this.#dirty = false
    const { series_expiration: expiration } = this.#config
    const now = this.#clock()
    if (expiration > 0) for (const metric of this.#metrics) metric.expire(now - expiration)
    this.#forget()
    for (const batch of pointsOf(this.#metrics, this.#settings.version)) {
      const outcome = await this.#next.consume(batch)
      if (outcome.kind === 'ok') continue
      this.#dirty = true
      this.#settings.ledger.note('points_refused', batch.items)
      const { kind, reason } = outcome
      this.#settings.logger.warn({ kind, reason, points: batch.items }, 'Metrics refused')
    }
  }
}
