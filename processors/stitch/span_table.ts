/**
 * The spans of which more is known than how they ended: one slot for each, in columns, found by
 * span id. Those that wait, those that are waited for, and those whose exchange is open still: a
 * slot is used again soon, so that its columns are in a cache. All others are in settled_spans.ts.
 *
 * A span id is a hash of flow, offset and role (pipeline/flows/ids.ts), so it serves as key and as
 * hash in one, and the full 64 bits are compared. Slots are reused; columns double as they fill.
 *
 * A slot's way:
 *
 *     FREE ──▶ EXPECTED ──▶ (its row arrives) ──▶ TOP ──▶ SETTLED ──▶ (its end arrives) ──▶ FREE
 *                                        └─▶ INNER ──────┘
 */
import { NONE } from './id_log.ts'
import { RECORD_WORDS, SPAN_ID } from './record.ts'

/** Nothing is known. */
export const FREE = 0
/** Rows wait for it; its own row was not seen. */
export const EXPECTED = 1
/** Its row is being looked at: in no list, safe from eviction. */
export const ARRIVING = 2
/** Waits for an EXPECTED parent: the top of a tree of waiting spans. */
export const TOP = 3
/** Waits for a parent whose row was seen and waits itself. */
export const INNER = 4
/** Trace and parent are final. */
export const SETTLED = 5

const CAPACITY_FIRST = 1024

export class SpanTable {
  /** A record a slot: see record.ts. */
  words = new Int32Array(0)
  /** The RequestHash's number, of one whose row has come. */
  request = new Int32Array(0)
  /** Two words a slot: the flow of the request. */
  flow = new Int32Array(0)
  state = new Uint8Array(0)
  /** What the slot waits for its parent for: an EDGE of evidence.ts. */
  edge = new Uint8Array(0)
  /** 1 while only an open row was seen. */
  open = new Uint8Array(0)
  /** 1 for a TOP that has waited for a window and waits on. */
  patient = new Uint8Array(0)
  /** When the row arrived; once settled, when the last row of the span did. Milliseconds. */
  time = new Float64Array(0)
  /** Of a TOP: when the first of the tree waiting below it arrived. Milliseconds. */
  oldest = new Float64Array(0)
  /** The slot waited for, and the ring-less list of those that wait for this one. */
  parent = new Int32Array(0)
  waiter = new Int32Array(0)
  waiterNext = new Int32Array(0)
  waiterPrevious = new Int32Array(0)
  /** First of the rows held for this span: a node of HeldRows. */
  rows = new Int32Array(0)
  /** While it is open: the node in OpenRows of what it ends with if nothing more is heard. */
  kept = new Int32Array(0)
  /** Neighbours in the SlotList that the slot is in. */
  next = new Int32Array(0)
  previous = new Int32Array(0)

  #buckets = new Int32Array(0)
  /**
   * Two words a slot: the lower half of its id, and the slot that follows in its bucket. Beside
   * each other, as the table is larger than a cache: what is passed by costs one miss, not two.
   */
  #chain = new Int32Array(0)
  #free = NONE
  #size = 0

  /** Slots in use. */
  get size(): number {
    return this.#size
  }

  /** The slot of the span with this id, or NONE. */
  find(lo: number, hi: number): number {
    if (this.#size === 0) return NONE
    const chain = this.#chain
    let slot = this.#buckets[lo & (this.#buckets.length - 1)] as number
    while (slot !== NONE) {
      if (chain[2 * slot] === lo && this.words[slot * RECORD_WORDS + SPAN_ID + 1] === hi)
        return slot
      slot = chain[2 * slot + 1] as number
    }
    return NONE
  }

  /** A slot for an id that has none, EXPECTED and otherwise blank. May replace every array. */
  insert(lo: number, hi: number): number {
    if (this.#free === NONE) this.#grow()
    const slot = this.#free
    this.#free = this.#chain[2 * slot + 1] as number
    this.#size++
    const at = slot * RECORD_WORDS
    for (let word = at; word < at + RECORD_WORDS; word++) this.words[word] = 0
    this.words[at + SPAN_ID] = lo
    this.words[at + SPAN_ID + 1] = hi
    this.state[slot] = EXPECTED
    this.patient[slot] = 0
    this.parent[slot] = NONE
    this.waiter[slot] = NONE
    this.rows[slot] = NONE
    this.kept[slot] = NONE
    this.#enter(slot, lo)
    return slot
  }

  /** Forgets a slot, which must be in no list, hold no rows and have no waiters. */
  remove(slot: number): void {
    const bucket =
      (this.words[slot * RECORD_WORDS + SPAN_ID] as number) & (this.#buckets.length - 1)
    let at = this.#buckets[bucket] as number
    if (at === slot) {
      this.#buckets[bucket] = this.#chain[2 * slot + 1] as number
    } else {
      while (this.#chain[2 * at + 1] !== slot) at = this.#chain[2 * at + 1] as number
      this.#chain[2 * at + 1] = this.#chain[2 * slot + 1] as number
    }
    this.state[slot] = FREE
    this.#chain[2 * slot + 1] = this.#free
    this.#free = slot
    this.#size--
  }

  /** Puts `slot` among those that wait for `parent`. */
  link(slot: number, parent: number): void {
    const first = this.waiter[parent] as number
    this.parent[slot] = parent
    this.waiterPrevious[slot] = NONE
    this.waiterNext[slot] = first
    if (first !== NONE) this.waiterPrevious[first] = slot
    this.waiter[parent] = slot
  }

  /** Takes `slot` from those that wait for its parent, if it has one. Gives that parent or NONE. */
  unlink(slot: number): number {
    const parent = this.parent[slot] as number
    if (parent === NONE) return NONE
    const previous = this.waiterPrevious[slot] as number
    const next = this.waiterNext[slot] as number
    if (previous === NONE) this.waiter[parent] = next
    else this.waiterNext[previous] = next
    if (next !== NONE) this.waiterPrevious[next] = previous
    this.parent[slot] = NONE
    return parent
  }

  #enter(slot: number, lo: number): void {
    const bucket = lo & (this.#buckets.length - 1)
    this.#chain[2 * slot] = lo
    this.#chain[2 * slot + 1] = this.#buckets[bucket] as number
    this.#buckets[bucket] = slot
  }

  #grow(): void {
    const before = this.state.length
    const capacity = Math.max(CAPACITY_FIRST, before * 2)
    this.words = grown(this.words, new Int32Array(capacity * RECORD_WORDS))
    this.request = grown(this.request, new Int32Array(capacity))
    this.flow = grown(this.flow, new Int32Array(2 * capacity))
    this.state = grown(this.state, new Uint8Array(capacity))
    this.edge = grown(this.edge, new Uint8Array(capacity))
    this.open = grown(this.open, new Uint8Array(capacity))
    this.patient = grown(this.patient, new Uint8Array(capacity))
    this.time = grown(this.time, new Float64Array(capacity))
    this.oldest = grown(this.oldest, new Float64Array(capacity))
    this.parent = grown(this.parent, new Int32Array(capacity))
    this.waiter = grown(this.waiter, new Int32Array(capacity))
    this.waiterNext = grown(this.waiterNext, new Int32Array(capacity))
    this.waiterPrevious = grown(this.waiterPrevious, new Int32Array(capacity))
    this.kept = grown(this.kept, new Int32Array(capacity))
    this.rows = grown(this.rows, new Int32Array(capacity))
    this.next = grown(this.next, new Int32Array(capacity))
    this.previous = grown(this.previous, new Int32Array(capacity))
    this.#chain = grown(this.#chain, new Int32Array(2 * capacity))
    this.#buckets = new Int32Array(capacity).fill(NONE)
    // Only called when no slot is free, so all slots before are in use.
    for (let slot = 0; slot < before; slot++)
      this.#enter(slot, this.words[slot * RECORD_WORDS] as number)
    for (let slot = capacity - 1; slot >= before; slot--) {
      this.#chain[2 * slot + 1] = this.#free
      this.#free = slot
    }
  }
}

function grown<A extends Uint8Array | Int32Array | Float64Array>(from: A, to: A): A {
  to.set(from)
  return to
}

/** Slots in order of entry, through the table's `next` and `previous`; a slot is in one at most. */
export class SlotList {
  head = NONE
  #tail = NONE
  readonly #table: SpanTable

  constructor(table: SpanTable) {
    this.#table = table
  }

  push(slot: number): void {
    const { next, previous } = this.#table
    next[slot] = NONE
    previous[slot] = this.#tail
    if (this.#tail === NONE) this.head = slot
    else next[this.#tail] = slot
    this.#tail = slot
  }

  remove(slot: number): void {
    const { next, previous } = this.#table
    const after = next[slot] as number
    const before = previous[slot] as number
    if (before === NONE) this.head = after
    else next[before] = after
    if (after === NONE) this.#tail = before
    else previous[after] = before
  }
}
