/**
 * From the kernel's records to batches of rows: everything behind the rings, for the receiver that
 * reads them and for the one that plays back what was read.
 *
 *     records of connections ─▶ rows of connections, table ──┐
 *     records of payload ─────▶ streams ─▶ exchanges, causes ┴▶ RowWriter ─▶ send
 *
 * Rows depend on what comes by `KernelSink` and on the options, and on nothing else: no clock is
 * read here and no timer runs. What is called in the same order gives the same rows.
 */
import type { FlowBatch } from '../flows/batch.ts'
import type { HostNames, Origin } from '../flows/origin.ts'
import type { Ledger } from '../ledger.ts'
import type { Conversation } from '../requests/conversation.ts'
import type { Memory } from '../requests/remembered.ts'
import { RowWriter } from '../requests/rows.ts'
import { add } from '../u64.ts'
import { Followed, type FollowedConfig, type OnRecord } from './followed.ts'
import { type Booked, type CounterReader, KernelLosses } from './loss.ts'

/** Options that rows depend on. */
export interface KernelEventsConfig extends FollowedConfig {
  readonly batch: { readonly rows: number }
}

/**
 * A look at the rings, in this order, so that a connection is known before its bytes and forgotten
 * after them, although the two come by different rings:
 * `look`, `losses`, records of connections, `behind`, records of payload, `settle`.
 */
export interface KernelSink {
  /** Gets a record of the ring of connections. */
  readonly connectionRecord: OnRecord
  /** Gets a record of the ring of payload. */
  readonly payloadRecord: OnRecord
  /**
   * A look begins, at `nowNs` of CLOCK_MONOTONIC; `offset` leads from there to Unix time, in
   * halves. No record of the look is younger.
   */
  look(nowNs: number, offset: readonly [number, number]): void
  /**
   * The counters may be read: after the end of the payload ring was noted and before it is drained
   * up to there, so that every loss between its records has been counted.
   */
  losses(): void
  /** The payload ring ends at `position`: records of connections that came so far stand before. */
  behind(position: number): void
  /** All payload before `position` was handed over. */
  settle(position: number): void
  /** Exchanges are looked over: those that last, those whose end nothing else will tell. */
  sweep(): void
  /** Rows have waited long enough for their batch to fill. */
  flush(): void
  /** Other options from now on, and who the rows say saw them. */
  reconfigure(config: KernelEventsConfig, names: HostNames): void
  /** The end: what goes on is told of as open. */
  stop(): void
}

export interface KernelEventsSettings {
  readonly ledger: Ledger
  readonly origin: Origin
  /** By COUNTER. */
  readonly counters: CounterReader
  /** Nobody has read the rings before: what the counters say is all of this one's. */
  readonly first: boolean
  /** What those before have booked of the counters, instead. */
  readonly booked?: Booked | undefined
  /** Of those before, of what connections speak; what is found out is added. */
  readonly memory?: Memory | undefined
  /** Names of enum skb_drop_reason, by value. */
  readonly dropReasons: readonly string[]
  /** Takes a batch that is full, or waited for long enough. */
  send(batch: FlowBatch): void
  /** After a piece of the connection: the kernel may be told what of it is wanted next. */
  tellWanted(connectionId: number, conversation: Conversation): void
}

export class KernelEvents implements KernelSink {
  readonly connectionRecord: OnRecord
  readonly payloadRecord: OnRecord
  readonly #settings: KernelEventsSettings
  readonly #clock: { readonly offset: [number, number] } = { offset: [0, 0] }
  readonly #losses: KernelLosses
  readonly #rows: RowWriter
  readonly #followed: Followed
  /** When the look began, as Unix time. */
  readonly #observed = new Uint32Array(2)
  #nowNs = 0
  /** Records that the ledger has not been told of. */
  #taken = 0

  constructor(config: KernelEventsConfig, settings: KernelEventsSettings) {
    this.#settings = settings
    const { ledger, counters, first, booked, memory, tellWanted } = settings
    const losses = new KernelLosses(counters, ledger, { first, booked })
    this.#losses = losses
    this.#rows = new RowWriter({
      rowsMax: config.batch.rows,
      clock: this.#clock,
      lossEpoch: () => losses.epoch,
      full: (batch) => this.#send(batch),
    })
    this.#followed = new Followed(config, {
      ledger,
      rows: this.#rows,
      lossEpoch: () => losses.epochBefore,
      losing: () => losses.epoch !== losses.epochBefore,
      memory,
      tellWanted,
    })
    this.#followed.dropReasons = settings.dropReasons
    const { connectionRecord, payloadRecord } = this.#followed
    this.connectionRecord = (view, at, length) => {
      this.#taken++
      connectionRecord(view, at, length)
    }
    this.payloadRecord = (view, at, length) => {
      this.#taken++
      payloadRecord(view, at, length)
    }
  }

  /** Records whose rows are still to be made, and rows that wait for their batch to fill. */
  get held(): number {
    return this.#followed.held + this.#rows.rows
  }

  /** Exchanges without an end, which `sweep` may have something to say of. */
  get unfinished(): number {
    return this.#followed.unfinished
  }

  /** A row should not wait for its batch to fill. */
  get urgent(): boolean {
    return this.#followed.urgent
  }

  /** Milliseconds that the oldest row has waited. */
  ageMs(nowMs: number): number {
    return this.#rows.ageMs(nowMs)
  }

  look(nowNs: number, offset: readonly [number, number]): void {
    this.#nowNs = nowNs
    this.#clock.offset[0] = offset[0]
    this.#clock.offset[1] = offset[1]
    add(this.#observed, 0, this.#clock.offset, nowNs)
  }

  losses(): void {
    this.#losses.update()
  }

  behind(position: number): void {
    this.#followed.payloadBehind = position
  }

  settle(position: number): void {
    this.#book()
    this.#followed.settle(position, this.#nowNs)
  }

  sweep(): void {
    this.#followed.sweep(this.#nowNs)
  }

  flush(): void {
    this.#followed.urgent = false
    const batch = this.#rows.take()
    if (batch !== undefined) this.#send(batch)
  }

  reconfigure(config: KernelEventsConfig, names: HostNames): void {
    this.#followed.reconfigure(config)
    this.#rows.rowsMax = config.batch.rows
    this.flush()
    this.#settings.origin.names = names
  }

  stop(): void {
    this.#book()
    this.#followed.stop(this.#nowNs)
    this.flush()
  }

  #book(): void {
    this.#settings.ledger.in += this.#taken
    this.#taken = 0
  }

  #send(batch: FlowBatch): void {
    const { origin, send } = this.#settings
    origin.stamp(batch, this.#observed)
    send(batch)
  }
}
