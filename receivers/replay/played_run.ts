/** A run of the `ebpf` receiver, as its recording has it: what happened goes in, rows come out. */
import type { FlowBatch } from '../../pipeline/flows/batch.ts'
import { Origin } from '../../pipeline/flows/origin.ts'
import { KernelEvents, type KernelSink } from '../../pipeline/kernel_events/kernel_events.ts'
import { ENTRY } from '../../pipeline/kernel_events/recording/format.ts'
import { LAYOUT } from '../../pipeline/kernel_events/recording/layout.ts'
import { type Entries, RecordedCounters } from '../../pipeline/kernel_events/recording/player.ts'
import {
  type RecordedConfig,
  type RecordedRun,
  readRun,
} from '../../pipeline/kernel_events/recording/run.ts'
import type { Ledger } from '../../pipeline/ledger.ts'
import type { ReplayConfig } from './config.ts'

export interface PlayedRunSettings {
  readonly config: ReplayConfig
  readonly ledger: Ledger
  send(batch: FlowBatch): void
}

/** Throws, for a person, where it is of a flowspan whose records are not those of this one. */
export function runOf(content: Buffer): RecordedRun {
  const run = readRun(content)
  if (run === undefined) throw new Error('what its first block says cannot be read')
  if (run.layout === LAYOUT) return run
  const theirs = `flowspan ${run.version} (layout ${run.layout})`
  throw new Error(`it is of ${theirs}, whose records differ from this one's (layout ${LAYOUT})`)
}

export class PlayedRun {
  readonly #events: KernelEvents
  readonly #sink: KernelSink
  readonly #counters: RecordedCounters
  #isStopped = false

  constructor(run: RecordedRun, { config, ledger, send }: PlayedRunSettings) {
    const counters = new RecordedCounters(run.counters)
    const asked = (recorded: RecordedConfig) => withQuery(recorded, config.query)
    const events = new KernelEvents(asked(run.config), {
      ledger,
      origin: new Origin(run.names, run.names),
      counters,
      first: run.first,
      dropReasons: run.dropReasons,
      send,
      tellWanted: () => {},
    })
    this.#events = events
    this.#counters = counters
    this.#sink = {
      connectionRecord: events.connectionRecord,
      payloadRecord: events.payloadRecord,
      look: (nowNs, offset) => events.look(nowNs, offset),
      losses: () => events.losses(),
      behind: (position) => events.behind(position),
      settle: (position) => events.settle(position),
      sweep: () => events.sweep(),
      flush: () => events.flush(),
      reconfigure: (recorded, names) => events.reconfigure(asked(recorded), names),
      stop: () => this.stop(),
    }
  }

  get held(): number {
    return this.#events.held
  }

  /** One entry. */
  play(entries: Entries): void {
    if (!this.#isStopped) entries.play(this.#sink, this.#counters)
  }

  /** What goes on is told of as open. Safe twice. */
  stop(): void {
    if (this.#isStopped) return
    this.#isStopped = true
    this.#events.stop()
  }
}

export function isLook({ kind }: Entries): boolean {
  return kind === ENTRY.look
}

function withQuery(recorded: RecordedConfig, query: ReplayConfig['query']): RecordedConfig {
  if (query === 'recorded') return recorded
  return { ...recorded, requests: { ...recorded.requests, query } }
}
