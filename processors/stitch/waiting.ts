/**
 * The spans that wait for their parents, and how they end: with a parent and a trace, whatever
 * order the rows come in.
 *
 * Spans that wait form trees. On top of each is a span whose parent's row was not seen; below it
 * all know their parent and lack the trace id alone:
 *
 *     EXPECTED ◀── TOP ◀── INNER ◀── INNER          the arrow: waits for
 *                             ◀── INNER
 *
 * When the expected row arrives, it either is final, and so is the whole tree, or becomes the top
 * itself. When the top has waited for a window it settles for what it has (the span that its
 * traceparent names, or being a root), and its tree follows. Only tops have a deadline, and as each
 * has the same window they stand in a list in order of it.
 *
 * A top whose parent's row is surely coming waits on, until `window_total` but for a window: then
 * what it waits for can have waited for a window itself, elsewhere, and be late. Such patient tops
 * stand in a second list, in the same order.
 *
 * No row waits longer than `window_total`: a span may only become or stay a top as long as its
 * deadline lies before that of the oldest below it.
 */
import { LINK_METHOD } from '../../pipeline/flows/schema.ts'
import { EDGE } from './evidence.ts'
import * as table from './span_table.ts'
import { EXPECTED, INNER, NONE, SETTLED, SlotList, type SpanTable, TOP } from './span_table.ts'

/** A chain of waiting spans longer than this is broken: no real one is, and each step costs. */
const DEPTH_MAX = 1024

export interface WaitingSettings {
  readonly windowMs: number
  readonly windowTotalMs: number
  /** Whether the row that a top waits for is coming, as far as can be known. */
  readonly isComing: (top: number) => boolean
  /** A span's ids are final. Must not change who waits. */
  readonly settled: (slot: number) => void
  /** A span was made a root, for its causes go round in a circle or back too far. */
  readonly broken: () => void
  /** Nobody waits any more for a span whose row did not come. */
  readonly missed: (slot: number) => void
}

export class WaitingSpans {
  readonly #spans: SpanTable
  readonly #settings: WaitingSettings
  /** In order of arrival and so of deadline. */
  readonly #tops: SlotList
  readonly #patient: SlotList

  constructor(spans: SpanTable, settings: WaitingSettings) {
    this.#spans = spans
    this.#settings = settings
    this.#tops = new SlotList(spans)
    this.#patient = new SlotList(spans)
  }

  /** The top that has waited for longest, or NONE when no span waits. */
  get first(): number {
    return this.#patient.head === NONE ? this.#tops.head : this.#patient.head
  }

  /** When the first wait ends for want of what it waits for; never, when no span waits. */
  get dueMs(): number {
    const [top, patient] = [this.#tops.head, this.#patient.head]
    const topMs = top === NONE ? Number.POSITIVE_INFINITY : this.#deadline(top)
    return patient === NONE ? topMs : Math.min(topMs, this.#deadline(patient))
  }

  /** Ends the waits whose time has come. */
  expire(now: number): void {
    for (let top = this.#tops.head; top !== NONE; top = this.#tops.head) {
      if (this.#deadline(top) > now) break
      if (!this.#waitOn(top, now)) this.giveUp(top)
    }
    for (let top = this.#patient.head; top !== NONE; top = this.#patient.head) {
      if (this.#deadline(top) > now) break
      this.giveUp(top)
    }
  }

  /**
   * Takes an ARRIVING span, whose edge, method and confidence say what it wants of `parent` (a
   * slot, or NONE). Afterwards it waits or is settled.
   */
  arrive(slot: number, parent: number): void {
    this.#answerForwarded(slot)
    if (parent === NONE || this.#isRefuted(slot, parent)) {
      this.#settleWithout(slot)
      return
    }
    this.#takeOver(slot)
    const state = this.#spans.state[parent]
    if (state === EXPECTED) this.#waitOnTop(slot, parent)
    else if (state === SETTLED) this.#settleUnder(slot, parent)
    else this.#waitBelow(slot, parent)
  }

  /** Takes an ARRIVING span whose ids are final already. */
  settleAsDecided(slot: number): void {
    this.#answerForwarded(slot)
    this.#settle(slot)
  }

  /** Ends the wait of a top: its parent will not be seen. */
  giveUp(top: number): void {
    const parent = this.#spans.unlink(top)
    this.#forgetUnwanted(parent)
    this.#settleWithout(top)
  }

  /** The same for the top above a span that waits. */
  giveUpAbove(slot: number): void {
    let top = slot
    while (this.#spans.state[top] !== TOP) top = this.#spans.parent[top] as number
    this.giveUp(top)
  }

  /** The spans that asked whether this one came with the same traceparent get their answer. */
  #answerForwarded(slot: number): void {
    const spans = this.#spans
    for (let waiter = spans.waiter[slot] as number; waiter !== NONE; ) {
      const next = spans.waiterNext[waiter] as number
      if (spans.edge[waiter] === EDGE.forwarder) {
        if (this.#sameTraceparent(waiter, slot)) {
          spans.edge[waiter] = EDGE.parent
        } else {
          spans.unlink(waiter)
          this.#settleWithout(waiter)
        }
      }
      waiter = next
    }
  }

  /** Whether a span asks if its header was forwarded, and it was not. */
  #isRefuted(slot: number, parent: number): boolean {
    const { state, edge } = this.#spans
    if (edge[slot] !== EDGE.forwarder || state[parent] === EXPECTED) return false
    if (!this.#sameTraceparent(slot, parent)) return true
    edge[slot] = EDGE.parent
    return false
  }

  #sameTraceparent(a: number, b: number): boolean {
    const { ids } = this.#spans
    const first = this.#spans.word(a, table.WIRE_TRACE_ID)
    const second = this.#spans.word(b, table.WIRE_TRACE_ID)
    // The span id's two words follow the four of the trace id.
    for (let i = 0; i < 6; i++) if (ids[first + i] !== ids[second + i]) return false
    return true
  }

  /** Those that waited for this span are tops no more. */
  #takeOver(slot: number): void {
    const spans = this.#spans
    let oldest = spans.oldest[slot] as number
    for (
      let waiter = spans.waiter[slot] as number;
      waiter !== NONE;
      waiter = spans.waiterNext[waiter] as number
    ) {
      oldest = Math.min(oldest, spans.oldest[waiter] as number)
      this.#listOf(waiter).remove(waiter)
      spans.patient[waiter] = 0
      spans.state[waiter] = INNER
    }
    spans.oldest[slot] = oldest
  }

  #waitOnTop(slot: number, parent: number): void {
    const spans = this.#spans
    if (this.#tooLate(slot, slot)) {
      this.#forgetUnwanted(parent)
      this.#settleWithout(slot)
    } else {
      spans.link(slot, parent)
      spans.state[slot] = TOP
      this.#tops.push(slot)
    }
  }

  #waitBelow(slot: number, parent: number): void {
    const spans = this.#spans
    const top = this.#topOf(parent, slot)
    if (top === NONE) {
      this.#settings.broken()
      this.#settleWithout(slot)
    } else if (this.#tooLate(top, slot)) {
      this.giveUp(top)
      this.#settleUnder(slot, parent)
    } else {
      spans.link(slot, parent)
      spans.state[slot] = INNER
      spans.oldest[top] = Math.min(spans.oldest[top] as number, spans.oldest[slot] as number)
    }
  }

  /** Whether the deadline of `top` lies after the last moment that the tree of `slot` may wait. */
  #tooLate(top: number, slot: number): boolean {
    const { oldest } = this.#spans
    return this.#deadline(top) > (oldest[slot] as number) + this.#settings.windowTotalMs
  }

  #deadline(top: number): number {
    const { time, patient } = this.#spans
    const { windowMs, windowTotalMs } = this.#settings
    return (time[top] as number) + (patient[top] === 1 ? windowTotalMs - windowMs : windowMs)
  }

  /** Whether a top whose window is over is patient from now on. */
  #waitOn(top: number, now: number): boolean {
    const { patient } = this.#spans
    patient[top] = 1
    if (this.#deadline(top) <= now || this.#tooLate(top, top) || !this.#settings.isComing(top)) {
      patient[top] = 0
      return false
    }
    this.#tops.remove(top)
    this.#patient.push(top)
    return true
  }

  #listOf(top: number): SlotList {
    return this.#spans.patient[top] === 1 ? this.#patient : this.#tops
  }

  /** The top above a waiting span; NONE when `arriving` is above it, or too many are. */
  #topOf(from: number, arriving: number): number {
    const spans = this.#spans
    let slot = from
    for (let depth = 0; depth < DEPTH_MAX; depth++) {
      if (slot === arriving) return NONE
      if (spans.state[slot] === TOP) return slot
      slot = spans.parent[slot] as number
    }
    return NONE
  }

  #forgetUnwanted(expected: number): void {
    const spans = this.#spans
    if (spans.state[expected] === EXPECTED && spans.waiter[expected] === NONE) {
      this.#settings.missed(expected)
      spans.remove(expected)
    }
  }

  /** Settles a span for the parent that its traceparent names, or as a root. */
  #settleWithout(slot: number): void {
    const spans = this.#spans
    const { ids } = spans
    const wire = spans.word(slot, table.WIRE_TRACE_ID)
    const span = spans.word(slot, table.WIRE_SPAN_ID)
    if (((ids[span] as number) | (ids[span + 1] as number)) === 0) {
      spans.method[slot] = LINK_METHOD.none
      spans.confidence[slot] = Number.NaN
    } else {
      spans.method[slot] = LINK_METHOD.header
      spans.confidence[slot] = 1
      spans.copyWords(spans.word(slot, table.TRACE_ID), wire, 4)
      spans.copyWords(spans.word(slot, table.PARENT_ID), span, 2)
    }
    this.#settle(slot)
  }

  /** Settles a span by its settled parent. */
  #settleUnder(slot: number, parent: number): void {
    this.#inherit(slot, parent)
    this.#settle(slot)
  }

  /** What a span has from the settled span it waited for. Its trace id, so far, is a root's. */
  #inherit(slot: number, parent: number): void {
    const spans = this.#spans
    const isParent = spans.edge[slot] === EDGE.parent
    const traceField = isParent ? table.TRACE_ID : table.CANDIDATE_TRACE_ID
    const spanField = isParent ? table.PARENT_ID : table.CANDIDATE_SPAN_ID
    const trace = spans.word(parent, table.TRACE_ID)
    const span = spans.word(parent, table.SPAN_ID)
    spans.copyWords(spans.word(slot, traceField), trace, 4)
    spans.copyWords(spans.word(slot, spanField), span, 2)
    if (isParent) return
    spans.method[slot] = LINK_METHOD.none
    spans.confidence[slot] = Number.NaN
  }

  /** Makes a span's ids final, then those of all that wait below it. */
  #settle(first: number): void {
    const spans = this.#spans
    const stack = [first]
    for (let slot = stack.pop(); slot !== undefined; slot = stack.pop()) {
      if (spans.state[slot] === TOP) this.#listOf(slot).remove(slot)
      spans.state[slot] = SETTLED
      this.#settings.settled(slot)
      for (let child = spans.waiter[slot] as number; child !== NONE; ) {
        const next = spans.waiterNext[child] as number
        spans.unlink(child)
        this.#inherit(child, slot)
        stack.push(child)
        child = next
      }
    }
  }
}
