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
import { decide, sameTraceparent, standAlone } from './decide.ts'
import { EDGE } from './evidence.ts'
import { NONE } from './id_log.ts'
import { RECORD_WORDS } from './record.ts'
import { EXPECTED, INNER, SETTLED, SlotList, type SpanTable, TOP } from './span_table.ts'

/** A chain of waiting spans longer than this is broken: no real one is, and each step costs. */
const DEPTH_MAX = 1024

export interface WaitingSettings {
  readonly windowMs: number
  readonly windowTotalMs: number
  /** Whether the row that a top waits for is coming, as far as can be known. */
  readonly isComing: (top: number) => boolean
  /** A span's ids are final. Must not change who waits. */
  readonly settled: (slot: number) => void
  /** Those that waited for a settled span have what they need of it: its slot is not looked at. */
  readonly left: (slot: number) => void
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
  /** Spans that are being settled. */
  readonly #stack: number[] = []

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
   * An ARRIVING span is there, with what its traceparent names: those that asked whether that is
   * theirs too get their answer. To be called before `arrive…`, and before its parent is looked
   * for, as it may settle anything.
   */
  answerForwarded(slot: number): void {
    const spans = this.#spans
    for (let waiter = spans.waiter[slot] as number; waiter !== NONE; ) {
      const next = spans.waiterNext[waiter] as number
      if (spans.edge[waiter] === EDGE.forwarder) {
        if (this.#isForwarded(waiter, slot)) {
          spans.edge[waiter] = EDGE.parent
        } else {
          spans.unlink(waiter)
          this.#settleWithout(waiter)
        }
      }
      waiter = next
    }
  }

  /**
   * Takes an ARRIVING span, whose edge and method say what it wants of `parent`, the slot of a span
   * that is not settled. Afterwards it waits or is settled.
   */
  arrive(slot: number, parent: number): void {
    const isExpected = this.#spans.state[parent] === EXPECTED
    if (!isExpected && this.#isRefuted(slot, parent)) {
      this.#settleWithout(slot)
      return
    }
    this.#takeOver(slot)
    if (isExpected) this.#waitOnTop(slot, parent)
    else this.#waitBelow(slot, parent)
  }

  /** The same where the parent is settled, with its record at `at`: the span is settled too. */
  arriveUnder(slot: number, words: Int32Array, at: number): void {
    const { words: own, edge } = this.#spans
    decide(own, slot * RECORD_WORDS, { edge: edge[slot] as number, parents: words, parent: at })
    this.#settle(slot)
  }

  /** The same without a parent. */
  arriveAlone(slot: number): void {
    this.#settleWithout(slot)
  }

  /** Takes an ARRIVING span whose ids are final already. */
  settleAsDecided(slot: number): void {
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

  /** Whether a span asks if its header was forwarded, and it was not. */
  #isRefuted(slot: number, parent: number): boolean {
    const { edge } = this.#spans
    if (edge[slot] !== EDGE.forwarder) return false
    if (!this.#isForwarded(slot, parent)) return true
    edge[slot] = EDGE.parent
    return false
  }

  #isForwarded(slot: number, parent: number): boolean {
    const { words } = this.#spans
    return sameTraceparent(words, slot * RECORD_WORDS, { words, at: parent * RECORD_WORDS })
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
    } else {
      const tooLate = this.#tooLate(top, slot)
      spans.link(slot, parent)
      spans.state[slot] = INNER
      spans.oldest[top] = Math.min(spans.oldest[top] as number, spans.oldest[slot] as number)
      if (tooLate) this.giveUp(top)
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
    standAlone(this.#spans.words, slot * RECORD_WORDS)
    this.#settle(slot)
  }

  /** Makes a span's ids final, then those of all that wait below it. */
  #settle(first: number): void {
    const spans = this.#spans
    const stack = this.#stack
    for (let slot = first; ; slot = stack.pop() as number) {
      if (spans.state[slot] === TOP) this.#listOf(slot).remove(slot)
      spans.state[slot] = SETTLED
      this.#settings.settled(slot)
      for (let child = spans.waiter[slot] as number; child !== NONE; ) {
        const next = spans.waiterNext[child] as number
        spans.unlink(child)
        decide(spans.words, child * RECORD_WORDS, {
          edge: spans.edge[child] as number,
          parents: spans.words,
          parent: slot * RECORD_WORDS,
        })
        stack.push(child)
        child = next
      }
      this.#settings.left(slot)
      if (stack.length === 0) return
    }
  }
}
