/**
 * What the stitch processors of one id remember together: which rows have come, which flows are
 * known, and the spans and the rows that wait (call_trees.ts); all bounded in number and time.
 */
import type { FlowBatch } from '../../pipeline/flows/batch.ts'
import { KIND, ROLE, STATE } from '../../pipeline/flows/schema.ts'
import { CallTrees, type SpanNote } from './call_trees.ts'
import type { StitchConfig } from './config.ts'
import { isCaused } from './evidence.ts'
import type { Pin, PinOwner } from './held_rows.ts'
import { Identities } from './identities.ts'
import { KnownFlows } from './known_flows.ts'

export type Note = (name: SpanNote | 'identities_evicted', count: number) => void

/** Rows that are decided before they are sent on, perhaps to this very process. */
const ON_ITS_WAY = { way: 'causes ' } as const
const ARRIVED = { way: '' } as const

/** What a look at a row has shown. */
const DONE = 0
const DOUBLE = 1
const ENDED = 2

export class Memory {
  readonly #trees: CallTrees
  readonly #flows: KnownFlows
  readonly #identities: Identities
  /** Of each row of the batch that is being taken, what was seen of it. */
  #looks = new Uint8Array(0)
  /** Of the requests of those that have ended. */
  #numbers = new Int32Array(0)

  constructor(config: StitchConfig, note: Note) {
    this.#flows = new KnownFlows(config.entries_max)
    this.#identities = new Identities(config.identities_bytes_max, () =>
      note('identities_evicted', 1),
    )
    this.#trees = new CallTrees(config, { flows: this.#flows, note })
  }

  /** From now on, for what waits and what is remembered too. Nothing is forgotten by it. */
  reconfigure(config: StitchConfig): void {
    this.#trees.reconfigure(config)
    this.#flows.max = config.entries_max
    this.#identities.bytesMax = config.identities_bytes_max
  }

  /** Spans remembered, and such as are only waited for. */
  get entries(): number {
    return this.#trees.entries
  }

  /** Rows that wait. */
  get heldRows(): number {
    return this.#trees.rows.size
  }

  /** Exchanges whose end is waited for. */
  get openRows(): number {
    return this.#trees.openRows
  }

  /** When `tick` has a wait to end, if nothing comes before. */
  get dueMs(): number {
    return this.#trees.dueMs
  }

  /** See HeldRows. */
  takeOut(pin: Pin): FlowBatch | undefined {
    return this.#trees.rows.takeOut(pin)
  }

  /** Lets go of what a sparse batch keeps alive. Its ready rows must have been taken. */
  compact(pin: Pin): void {
    this.#trees.rows.compact(pin)
  }

  /**
   * Takes the rows of a batch, which are ready at once or wait. Gives how many had been taken
   * before: the pin does not get those back. Times are milliseconds of one clock.
   *
   * What has ended is taken last, and what ended last before what ended first: a callee ends before
   * its caller, so most find their parent settled and need not wait for a row of their own batch.
   *
   * Of a pin with the part `causes` only calls with a cause are decided, and all else is ready as
   * it is; with `pairs` such calls come decided, and keep what they came with.
   */
  take(pin: Pin, now: number): number {
    const trees = this.#trees
    const { rows } = pin.batch
    if (this.#looks.length < rows) {
      this.#looks = new Uint8Array(2 * rows)
      this.#numbers = new Int32Array(2 * rows)
    }
    const looks = this.#looks
    const numbers = this.#numbers
    let ended = 0
    let doubles = 0
    trees.now = now
    for (let row = 0; row < rows; row++) {
      const look = this.#look(pin, row)
      looks[row] = look
      if (look === DOUBLE) doubles++
      if (look === ENDED) numbers[ended++] = trees.numberOf(pin.batch.base, row)
    }
    trees.expect(numbers, ended)
    for (let row = rows - 1; row >= 0; row--) {
      if (looks[row] === ENDED && !trees.take(pin, row)) doubles++
    }
    return doubles
  }

  /** Takes a row unless it is of an exchange that has ended. */
  #look(pin: Pin, row: number): number {
    const { base } = pin.batch
    const isOnItsWay = pin.part === 'causes'
    if (isOnItsWay && !isCaused(base, row)) {
      pin.makeReady(row)
      return DONE
    }
    const way = isOnItsWay ? ON_ITS_WAY : ARRIVED
    if (this.#identities.isDouble(pin.batch, row, way)) return DOUBLE
    const isExchange = base.kind[row] === KIND.exchange
    const isClosed = base.state[row] === STATE.closed
    if (base.role[row] === ROLE.client) {
      const lo = (base.flow_id[row * 2] as number) | 0
      const hi = (base.flow_id[row * 2 + 1] as number) | 0
      if (isExchange || !isClosed) this.#flows.seen(lo, hi)
      else this.#flows.closed(lo, hi, this.#trees.until)
    }
    if (isExchange) return isClosed ? ENDED : this.#trees.take(pin, row) ? DONE : DOUBLE
    pin.makeReady(row)
    return DONE
  }

  /** Ends the waits whose time has come, and forgets what has been remembered for long enough. */
  tick(now: number): void {
    this.#trees.tick(now)
    this.#flows.expire(this.#trees.now)
  }

  /** Ends all waits. */
  settleAll(): void {
    this.#trees.settleAll()
  }

  /** Ends the waits of the rows that this owner gave, and of the trees that they stand in. */
  settleOf(owner: PinOwner): void {
    this.#trees.settleOf(owner)
  }

  /** `from` is no more: `to` sends what would have been its to send. */
  bequeath(from: PinOwner, to: PinOwner): void {
    this.#trees.bequeath(from, to)
  }
}
