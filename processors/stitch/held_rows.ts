/**
 * Rows that wait for their trace id: each a reference to its batch and its index there, in lists
 * that a span's slot begins.
 *
 * A batch stays alive as long as one of its rows waits. So that a few stragglers do not keep large
 * batches, a batch of which less than a quarter waits is exchanged for a copy of those rows
 * (`compact`): rows kept are at most four times the rows held, and a row is copied a third of a
 * time more on average. Where more rows are ready than not the batch itself leaves with them, and
 * those that wait stay as a copy (`takeOut`).
 */
import { type Columns, FlowBatch } from '../../pipeline/flows/batch.ts'
import type { StitchConfig } from './config.ts'
import type { SettledBatch } from './handing_on.ts'
import { NONE } from './id_log.ts'

const KEPT_PER_HELD_MAX = 4

/** Who gave a batch, and gets its rows back. */
export interface PinOwner {
  /** `pin` has rows in `ready` where it had none; where they go together, all. */
  wake(pin: Pin): void
  /** Rows were made for it, beside those that it gave: they come by `wake`. */
  made(rows: number): void
}

/** One batch that stitch has taken, and what became of its rows. */
export class Pin {
  batch: FlowBatch
  stitch: Columns<'stitch'>
  /** Whether no row came with anything in those columns. */
  readonly isBlank: boolean
  owner: PinOwner
  /** Rows that wait. */
  held = 0
  /** Rows whose ids are written, to be sent on. */
  ready: number[] = []
  /** Rows that had come before, and go no further. */
  doubles = 0
  /** Whether its rows go when all of them are ready, to `settled`, which is known once all came. */
  goesWhole = false
  settled: SettledBatch | undefined
  /** The node of each row that waits, else NONE; made with the first. */
  nodes: Int32Array | undefined

  /** What is decided of its rows; see Memory.take. */
  readonly part: StitchConfig['part']

  constructor(batch: FlowBatch, owner: PinOwner, part: StitchConfig['part'] = 'all') {
    this.batch = batch
    this.part = part
    this.isBlank = !batch.has('stitch')
    this.stitch = batch.add('stitch')
    this.owner = owner
  }

  /** All rows that go further are ready. */
  get isComplete(): boolean {
    return this.ready.length + this.doubles === this.batch.rows
  }

  makeReady(row: number): void {
    const count = this.ready.push(row)
    const wakes = this.goesWhole ? this.settled !== undefined && this.isComplete : count === 1
    if (wakes) this.owner.wake(this)
  }
}

export class HeldRows {
  readonly #pins: (Pin | undefined)[] = []
  readonly #rows: number[] = []
  readonly #next: number[] = []
  #free = NONE
  #size = 0

  /** Rows held, of all batches. */
  get size(): number {
    return this.#size
  }

  /** Holds a row; gives its node, which `first`, another node or NONE, follows. */
  hold(pin: Pin, row: number, first: number): number {
    let node = this.#free
    if (node === NONE) node = this.#pins.length
    else this.#free = this.#next[node] as number
    this.#pins[node] = pin
    this.#rows[node] = row
    this.#next[node] = first
    pin.nodes ??= new Int32Array(pin.batch.rows).fill(NONE)
    pin.nodes[row] = node
    pin.held++
    this.#size++
    return node
  }

  pin(node: number): Pin {
    return this.#pins[node] as Pin
  }

  row(node: number): number {
    return this.#rows[node] as number
  }

  /** The node that follows, or NONE. */
  next(node: number): number {
    return this.#next[node] as number
  }

  /** Lets go of a row. Gives the node that followed. */
  release(node: number): number {
    const pin = this.pin(node)
    const next = this.#next[node] as number
    if (pin.nodes !== undefined) pin.nodes[this.row(node)] = NONE
    pin.held--
    this.#size--
    this.#pins[node] = undefined
    this.#next[node] = this.#free
    this.#free = node
    return next
  }

  /**
   * The pin's batch with its ready rows alone, where those that wait are the fewer: it leaves, and
   * they stay as a copy. Undefined where few are ready: those are to be copied.
   */
  takeOut(pin: Pin): FlowBatch | undefined {
    const { batch, ready } = pin
    const others = batch.rows - ready.length
    if (others > ready.length) return undefined
    pin.ready = []
    if (others === 0) return batch
    if (pin.held > 0) this.#copyHeld(pin)
    batch.removeRows(without(batch.rows, ready))
    return batch
  }

  /** Exchanges a sparse batch for a copy of the rows that wait; the ready ones have been taken. */
  compact(pin: Pin): void {
    if (pin.held === 0 || pin.held * KEPT_PER_HELD_MAX > pin.batch.capacity) return
    this.#copyHeld(pin)
  }

  #copyHeld(pin: Pin): void {
    const rows: number[] = []
    const nodes: number[] = []
    const all = pin.nodes as Int32Array
    for (let row = 0; row < all.length; row++) {
      const node = all[row] as number
      if (node === NONE) continue
      this.#rows[node] = rows.length
      rows.push(row)
      nodes.push(node)
    }
    const copy = new FlowBatch(rows.length)
    copy.appendRows(pin.batch, rows)
    pin.batch = copy
    pin.stitch = copy.add('stitch')
    pin.nodes = Int32Array.from(nodes)
  }
}

/** The rows below `count` that are not among these, in ascending order. */
function without(count: number, rows: readonly number[]): number[] {
  const isIn = new Uint8Array(count)
  for (let i = 0; i < rows.length; i++) isIn[rows[i] as number] = 1
  const others: number[] = []
  for (let row = 0; row < count; row++) if (isIn[row] === 0) others.push(row)
  return others
}
