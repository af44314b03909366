/**
 * What the stitch processors of one id remember together: spans and flows, bounded in number and
 * time, and the rows that wait. How waits end is in waiting.ts, what a row says in evidence.ts.
 */
import type { Columns } from '../../pipeline/flows/batch.ts'
import { type RequestKey, spanId, traceId } from '../../pipeline/flows/ids.ts'
import { KIND, LINK_METHOD, ROLE, STATE } from '../../pipeline/flows/schema.ts'
import type { StitchConfig } from './config.ts'
import { adopt, aliased, writeIds } from './decided.ts'
import { EDGE, hasTraceparent, isCaused, isDecided, newEvidence, readEvidence } from './evidence.ts'
import { HeldRows, type Pin, type PinOwner } from './held_rows.ts'
import { Identities } from './identities.ts'
import { KnownFlows } from './known_flows.ts'
import { MissedSpans } from './missed_spans.ts'
import { EndedRows, OpenRows } from './open_rows.ts'
import * as table from './span_table.ts'
import { ARRIVING, EXPECTED, INNER, NONE, SETTLED, SlotList, SpanTable, TOP } from './span_table.ts'
import { WaitingSpans } from './waiting.ts'

type Noted =
  | 'evicted'
  | 'released_early'
  | 'chain_broken'
  | 'late'
  | 'identities_evicted'
  | 'unheard'
  | 'open_not_kept'
  | 'came_after_end'
export type Note = (name: Noted, count: number) => void

/** Rows that are decided before they are sent on, perhaps to this very process. */
const ON_ITS_WAY = { way: 'causes ' } as const
const ARRIVED = { way: '' } as const
/** Values of SpanTable.open. */
const OPEN = 1
const UNHEARD = 2

export class Memory {
  #config: StitchConfig
  readonly #note: Note
  readonly #spans = new SpanTable()
  readonly #waiting: WaitingSpans
  readonly #rows = new HeldRows()
  readonly #flows: KnownFlows
  readonly #missed: MissedSpans
  readonly #identities: Identities
  readonly #openRows: OpenRows
  /** Settled spans in order of their last row: of which only an open row was seen, and all else. */
  readonly #open = new SlotList(this.#spans)
  readonly #closed = new SlotList(this.#spans)
  readonly #evidence = newEvidence()
  readonly #key: RequestKey = { flowLo: 0, flowHi: 0, offset: 0 }
  readonly #id = new Uint32Array(2)
  #now = 0

  constructor(config: StitchConfig, note: Note) {
    this.#config = config
    this.#note = note
    this.#flows = new KnownFlows(config.entries_max)
    this.#missed = new MissedSpans(config.entries_max)
    this.#identities = new Identities(config.identities_bytes_max, () =>
      note('identities_evicted', 1),
    )
    const current = () => this.#config
    this.#openRows = new OpenRows(this.#spans, {
      get rowsMax() {
        return current().open_rows_max
      },
      notKept: () => note('open_not_kept', 1),
    })
    this.#waiting = new WaitingSpans(this.#spans, {
      get windowMs() {
        return current().window
      },
      get windowTotalMs() {
        return current().window_total
      },
      isComing: (top) => this.#isComing(top),
      settled: (slot) => this.#settled(slot),
      broken: () => note('chain_broken', 1),
      missed: (slot) => this.#miss(slot),
    })
  }

  /** From now on, for what waits and what is remembered too. Nothing is forgotten by it. */
  reconfigure(config: StitchConfig): void {
    this.#config = config
    this.#flows.max = config.entries_max
    this.#missed.max = config.entries_max
    this.#identities.bytesMax = config.identities_bytes_max
  }

  /** Spans remembered, and such as are only waited for. */
  get entries(): number {
    return this.#spans.size
  }

  /** Rows that wait. */
  get heldRows(): number {
    return this.#rows.size
  }

  /** Exchanges whose end is waited for. */
  get openRows(): number {
    return this.#openRows.size
  }

  /** When `tick` has a wait to end, if nothing comes before. */
  get dueMs(): number {
    return this.#waiting.dueMs
  }

  /** Lets go of what a sparse batch keeps alive. Its ready rows must have been sent. */
  compact(pin: Pin): void {
    this.#rows.compact(pin)
  }

  /**
   * Takes a row, which is ready at once or waits; false for one that was taken before, which the
   * pin does not get back. Times are milliseconds of one clock.
   *
   * Of a pin with the part `causes` only calls with a cause are decided, and all else is ready as
   * it is; with `pairs` such calls come decided, and keep what they came with.
   */
  take(pin: Pin, row: number, now: number): boolean {
    const isOnItsWay = pin.part === 'causes'
    if (isOnItsWay && !isCaused(pin.batch.base, row)) {
      pin.makeReady(row)
      return true
    }
    const way = isOnItsWay ? ON_ITS_WAY : ARRIVED
    if (this.#identities.isDouble(pin.batch, row, way)) return false
    this.#now = now
    return this.#takeNew(pin, row)
  }

  #takeNew(pin: Pin, row: number): boolean {
    const { base } = pin.batch
    if (base.kind[row] !== KIND.exchange) {
      if (base.role[row] === ROLE.client) this.#clientConnection(base, row)
      pin.makeReady(row)
      return true
    }
    const spans = this.#spans
    const slot = this.#slotOf(pin, row)
    if (spans.state[slot] === EXPECTED) {
      this.#firstRow(slot, pin, row)
    } else if (spans.open[slot] === UNHEARD) {
      // Its span has been sent, and there is one of each.
      this.#note('came_after_end', 1)
      return false
    } else this.#nextRow(slot, base.state[row] === STATE.closed)
    if (spans.state[slot] === SETTLED) {
      this.#write(slot, pin, row)
      return true
    }
    spans.rows[slot] = this.#rows.hold(pin, row, spans.rows[slot] as number)
    if (this.#rows.size > this.#config.rows_max) this.#releaseEarly()
    return true
  }

  /** Ends the waits whose time has come, and forgets what has been remembered for long enough. */
  tick(now: number): void {
    this.#now = now
    const { retention } = this.#config
    const { time } = this.#spans
    this.#waiting.expire(now)
    this.#endUnheard()
    for (let slot = this.#closed.head; slot !== NONE; slot = this.#closed.head) {
      if ((time[slot] as number) + retention > now) break
      this.#forget(slot)
    }
    this.#flows.expire(now)
    this.#missed.expire(now)
  }

  /** Ends all waits. */
  settleAll(): void {
    while (this.#waiting.first !== NONE) this.#waiting.giveUp(this.#waiting.first)
  }

  /** Ends the waits of the rows that this owner gave, and of the trees that they stand in. */
  settleOf(owner: PinOwner): void {
    const { state, rows } = this.#spans
    for (const [slot, first] of rows.entries()) {
      if (state[slot] !== TOP && state[slot] !== INNER) continue
      for (let node = first; node !== NONE; node = this.#rows.next(node)) {
        if (this.#rows.pin(node).owner !== owner) continue
        this.#waiting.giveUpAbove(slot)
        break
      }
    }
  }

  /** `from` is no more: `to` sends what would have been its to send. */
  bequeath(from: PinOwner, to: PinOwner): void {
    this.#openRows.inherit(from, to)
  }

  #clientConnection(base: Columns<'base'>, row: number): void {
    const lo = base.flow_id[row * 2] as number
    const hi = base.flow_id[row * 2 + 1] as number
    if (base.state[row] !== STATE.closed) this.#flows.seen(lo, hi)
    else this.#flows.closed(lo, hi, this.#now + this.#config.retention)
  }

  /** The slot of the row's span, a new one (EXPECTED) when the span was not heard of. */
  #slotOf({ batch, part }: Pin, row: number): number {
    const { base } = batch
    const key = this.#key
    key.flowLo = base.flow_id[row * 2] as number
    key.flowHi = base.flow_id[row * 2 + 1] as number
    key.offset = base.request_offset[row] as number
    spanId(this.#id, 0, key, base.role[row] as number)
    this.#id[0] = aliased(this.#id[0] as number, part)
    return this.#find(this.#id, true)
  }

  #find(id: Uint32Array, make: boolean): number {
    const known = this.#spans.find(id[0] as number, id[1] as number)
    if (known !== NONE || !make) return known
    while (this.#spans.size >= this.#config.entries_max && this.#makeRoom());
    return this.#spans.insert(id[0] as number, id[1] as number)
  }

  /** Notes what the row says, and looks for the parent. `#key` is the row's. */
  #firstRow(slot: number, pin: Pin, row: number): void {
    const spans = this.#spans
    const { base } = pin.batch
    const { flowLo, flowHi } = this.#key
    spans.state[slot] = ARRIVING
    spans.time[slot] = this.#now
    spans.oldest[slot] = this.#now
    spans.open[slot] = base.state[row] === STATE.closed ? 0 : OPEN
    // What it is if it turns out to be a root, which costs less than to keep flow and offset.
    traceId(spans.ids, spans.word(slot, table.TRACE_ID), this.#key)
    if (hasTraceparent(base, row)) {
      const { wire_trace_id: trace, wire_span_id: span } = base
      spans.ids.set(trace.subarray(row * 4, row * 4 + 4), spans.word(slot, table.WIRE_TRACE_ID))
      spans.ids.set(span.subarray(row * 2, row * 2 + 2), spans.word(slot, table.WIRE_SPAN_ID))
    }
    if (base.role[row] === ROLE.client) this.#flows.seen(flowLo, flowHi)
    const flow = spans.word(slot, table.FLOW_ID)
    spans.ids[flow] = flowLo
    spans.ids[flow + 1] = flowHi
    const at = spans.word(slot, table.SPAN_ID)
    if (this.#missed.take(spans.ids[at] as number, spans.ids[at + 1] as number)) {
      this.#note('late', 1)
    }
    if (pin.part === 'pairs' && isDecided(pin.stitch, row)) {
      adopt(spans, slot, { pin, row })
      this.#waiting.settleAsDecided(slot)
      return
    }
    const { wait, confidence_min: confidenceMin } = this.#config
    const evidence = this.#evidence
    const clientKnown = wait === 'always' || this.#flows.has(flowLo, flowHi)
    readEvidence(evidence, base, { row, confidenceMin, clientKnown })
    spans.edge[slot] = evidence.edge
    spans.method[slot] = evidence.method
    spans.confidence[slot] = evidence.confidence
    const none = evidence.edge === EDGE.none
    this.#waiting.arrive(slot, none ? NONE : this.#find(evidence.span, evidence.expect))
  }

  /** Another row of a span that is known: of an open exchange that goes on or ends, or a copy. */
  #nextRow(slot: number, isLast: boolean): void {
    const spans = this.#spans
    const settled = spans.state[slot] === SETTLED
    if (settled) this.#listOf(slot).remove(slot)
    if (isLast) {
      spans.open[slot] = 0
      this.#openRows.drop(slot)
    }
    if (settled) this.#remember(slot)
  }

  /**
   * Ends exchanges that nothing was heard of for too long: their agents say so again and again
   * while they are open, so those agents are gone.
   */
  #endUnheard(): void {
    const spans = this.#spans
    const { open_timeout: timeout } = this.#config
    if (timeout === 0) return
    const ended = new EndedRows()
    for (let slot = this.#open.head; slot !== NONE; slot = this.#open.head) {
      if ((spans.time[slot] as number) + timeout > this.#now) return
      this.#open.remove(slot)
      const made = this.#openRows.end(slot, ended)
      spans.open[slot] = made === undefined ? 0 : UNHEARD
      this.#remember(slot)
      if (made === undefined) continue
      this.#note('unheard', 1)
      made.pin.owner.made(1)
      this.#write(slot, made.pin, made.row)
    }
  }

  #settled(slot: number): void {
    this.#remember(slot)
    const held = this.#rows
    let node = this.#spans.rows[slot] as number
    this.#spans.rows[slot] = NONE
    while (node !== NONE) {
      this.#write(slot, held.pin(node), held.row(node))
      node = held.release(node)
    }
  }

  /**
   * At a gateway: a call's cause was seen by the call's own agent, and a server's client by some
   * agent, if it has a row of the connection. So one that nobody watches keeps nobody waiting.
   */
  #isComing(top: number): boolean {
    const { edge, method, ids } = this.#spans
    if (this.#config.wait !== 'always' || edge[top] === EDGE.candidate) return false
    if (method[top] !== LINK_METHOD.identity) return true
    const flow = this.#spans.word(top, table.FLOW_ID)
    return this.#flows.has(ids[flow] as number, ids[flow + 1] as number)
  }

  #miss(slot: number): void {
    const at = this.#spans.word(slot, table.SPAN_ID)
    const { ids } = this.#spans
    this.#missed.add(ids[at] as number, ids[at + 1] as number, this.#now + this.#config.retention)
  }

  #remember(slot: number): void {
    this.#spans.time[slot] = this.#now
    this.#listOf(slot).push(slot)
  }

  #forget(slot: number): void {
    this.#listOf(slot).remove(slot)
    this.#openRows.drop(slot)
    this.#spans.remove(slot)
  }

  #listOf(slot: number): SlotList {
    return this.#spans.open[slot] === OPEN ? this.#open : this.#closed
  }

  /** Writes a settled span's ids into a row, which is ready then. */
  #write(slot: number, pin: Pin, row: number): void {
    const spans = this.#spans
    writeIds(spans, slot, { pin, row })
    // One that is only decided on its way is kept where it is sent to.
    if (spans.open[slot] === OPEN && pin.part !== 'causes') this.#openRows.keep(slot, { pin, row })
    pin.makeReady(row)
  }

  /** Too many rows wait: those that wait for longest are let go with what is known. */
  #releaseEarly(): void {
    const before = this.#rows.size
    while (this.#rows.size > this.#config.rows_max && this.#waiting.first !== NONE) {
      this.#waiting.giveUp(this.#waiting.first)
    }
    this.#note('released_early', before - this.#rows.size)
  }

  /**
   * Forgets the settled span whose last row is the oldest; without one, settles the first top so
   * that it can be forgotten next. False when there is nothing to forget.
   */
  #makeRoom(): boolean {
    const { time } = this.#spans
    const open = this.#open.head
    const closed = this.#closed.head
    if (open === NONE && closed === NONE) {
      if (this.#waiting.first === NONE) return false
      this.#waiting.giveUp(this.#waiting.first)
      return true
    }
    const openIsOlder = open !== NONE && (time[open] as number) < (time[closed] ?? Infinity)
    this.#forget(openIsOlder ? open : closed)
    this.#note('evicted', 1)
    return true
  }
}
