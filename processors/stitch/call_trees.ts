/**
 * The spans of exchanges, and their rows as long as they wait: which are remembered, what becomes
 * of a row that comes, and when they are forgotten. How waits end is in waiting.ts, what a row says
 * in evidence.ts.
 *
 *     a row ──▶ its parent is settled, or there is none ─────────────────▶ SettledSpans
 *           └─▶ its parent is waited for, or its exchange is open ──▶ SpanTable ──┘
 */
import type { Columns } from '../../pipeline/flows/batch.ts'
import { LINK_METHOD, ROLE, STATE } from '../../pipeline/flows/schema.ts'
import { AtOnce } from './at_once.ts'
import type { StitchConfig } from './config.ts'
import { noteTraceparent } from './decide.ts'
import { adopt, aliased, writeDecided } from './decided.ts'
import { EDGE, Evidence, isDecided } from './evidence.ts'
import { HeldRows, type Pin, type PinOwner } from './held_rows.ts'
import { NONE } from './id_log.ts'
import type { KnownFlows } from './known_flows.ts'
import { MissedSpans } from './missed_spans.ts'
import { APART_MS_MAX } from './moments.ts'
import { FLAG, METHOD, METHOD_MASK, RECORD_WORDS, SPAN_ID, TRACE_ID } from './record.ts'
import { RememberedSpans } from './remembered_spans.ts'
import type { SettledSpans } from './settled_spans.ts'
import { ARRIVING, EXPECTED, INNER, SETTLED, type SpanTable, TOP } from './span_table.ts'
import { WaitingSpans } from './waiting.ts'

export type SpanNote =
  | 'evicted'
  | 'released_early'
  | 'chain_broken'
  | 'late'
  | 'unheard'
  | 'open_not_kept'
  | 'came_after_end'

export interface CallTreesSettings {
  readonly flows: KnownFlows
  readonly note: (name: SpanNote, count: number) => void
}

/** The first row of a span that stands in a slot. */
interface FirstRow {
  readonly pin: Pin
  readonly row: number
  readonly isAdopted: boolean
}

export class CallTrees {
  readonly rows = new HeldRows()
  #config: StitchConfig
  readonly #flows: KnownFlows
  readonly #note: CallTreesSettings['note']
  readonly #remembered: RememberedSpans
  readonly #spans: SpanTable
  readonly #settled: SettledSpans
  readonly #waiting: WaitingSpans
  readonly #missed: MissedSpans
  readonly #evidence = new Evidence()
  readonly #atOnce: AtOnce
  /** The row whose span is ARRIVING, as long as it is not written, and that span's slot. */
  #row: FirstRow | undefined
  #arriving = NONE
  #now = 0

  constructor(config: StitchConfig, { flows, note }: CallTreesSettings) {
    this.#config = config
    this.#evidence.confidenceMin = config.confidence_min
    this.#flows = flows
    this.#note = note
    this.#missed = new MissedSpans(config.entries_max)
    const current = () => this.#config
    this.#remembered = new RememberedSpans({
      get rowsMax() {
        return current().open_rows_max
      },
      notKept: () => note('open_not_kept', 1),
    })
    this.#spans = this.#remembered.spans
    this.#settled = this.#remembered.settled
    this.#atOnce = new AtOnce({
      evidence: this.#evidence,
      spans: this.#spans,
      settled: this.#settled,
      isAwaited: (base, row) => this.#isAwaited(base, row),
    })
    this.#waiting = new WaitingSpans(this.#spans, {
      get windowMs() {
        return current().window
      },
      get windowTotalMs() {
        return current().window_total
      },
      isComing: (top) => this.#isComing(top),
      settled: (slot) => this.#writeRows(slot),
      left: (slot) => this.#remembered.add(slot, this.#now),
      broken: () => note('chain_broken', 1),
      missed: (slot) => this.#miss(slot),
    })
  }

  reconfigure(config: StitchConfig): void {
    this.#config = config
    this.#evidence.confidenceMin = config.confidence_min
    this.#missed.max = config.entries_max
  }

  get entries(): number {
    return this.#remembered.size
  }

  get openRows(): number {
    return this.#remembered.openRows.size
  }

  get dueMs(): number {
    return this.#waiting.dueMs
  }

  get now(): number {
    return this.#now
  }

  /** When the rows that are taken next come. */
  set now(ms: number) {
    this.#now = Math.floor(ms)
    this.#atOnce.now = this.#now
  }

  /** When what is seen now is forgotten. */
  get until(): number {
    return this.#now + Math.min(this.#config.retention, APART_MS_MAX)
  }

  /** The number of a row's request, for `expect`. */
  numberOf(base: Columns<'base'>, row: number): number {
    this.#evidence.ofRequest(base, row)
    return this.#evidence.number
  }

  /** Rows of requests of these numbers are taken next: their memory is fetched together. */
  expect(numbers: Int32Array, count: number): void {
    this.#settled.touch(numbers, count)
  }

  /** Takes an exchange's row; false for one that comes when its span was sent as unfinished. */
  take(pin: Pin, row: number): boolean {
    const { base } = pin.batch
    const evidence = this.#evidence
    const { id } = evidence
    evidence.ofRequest(base, row)
    evidence.ofSpan(base, row)
    id[0] = aliased(id[0] as number, pin.part)
    const slot = this.#spans.find(id[0], id[1] as number)
    if (slot === NONE) {
      const record = this.#settled.find(id[0], id[1] as number, evidence.number)
      if (record !== NONE) return this.#again(record, pin, row)
    } else if (this.#spans.state[slot] !== EXPECTED) {
      this.#nextRow(slot, pin, row)
      return true
    }
    const isAdopted = pin.part === 'pairs' && isDecided(pin.stitch, row)
    if (!isAdopted) evidence.read(base, row)
    if (this.#missed.take(id[0], id[1] as number)) this.#note('late', 1)
    if (slot !== NONE) {
      this.#firstRow(slot, { pin, row, isAdopted })
      return true
    }
    if (this.entries >= this.#config.entries_max) this.#makeRoom()
    const isClosed = base.state[row] === STATE.closed
    if (!isAdopted && this.#atOnce.take(pin, row, isClosed)) return true
    this.#firstRow(this.#spans.insert(id[0], id[1] as number), { pin, row, isAdopted })
    return true
  }

  /** Ends the waits whose time has come, and forgets what has been remembered for long enough. */
  tick(ms: number): void {
    this.now = ms
    const now = this.#now
    const { retention, open_timeout: timeout } = this.#config
    this.#waiting.expire(now)
    if (timeout > 0) this.#remembered.endUnheard(timeout, now, () => this.#note('unheard', 1))
    this.#remembered.expire(retention, now)
    this.#missed.expire(now)
  }

  settleAll(): void {
    while (this.#waiting.first !== NONE) this.#waiting.giveUp(this.#waiting.first)
  }

  settleOf(owner: PinOwner): void {
    const { state, rows } = this.#spans
    for (const [slot, first] of rows.entries()) {
      if (state[slot] !== TOP && state[slot] !== INNER) continue
      for (let node = first; node !== NONE; node = this.rows.next(node)) {
        if (this.rows.pin(node).owner !== owner) continue
        this.#waiting.giveUpAbove(slot)
        break
      }
    }
  }

  bequeath(from: PinOwner, to: PinOwner): void {
    this.#remembered.openRows.inherit(from, to)
  }

  /** Whether the row of the evidence's span is waited for if it was not seen. */
  #isAwaited(base: Columns<'base'>, row: number): boolean {
    if (base.role[row] !== ROLE.server || this.#config.wait === 'always') return true
    const { flow } = this.#evidence
    return this.#flows.has(flow[0] as number, flow[1] as number)
  }

  /** Notes what the row says in its span's slot, which is EXPECTED, and looks for the parent. */
  #firstRow(slot: number, of: FirstRow): void {
    const { pin, row, isAdopted } = of
    const spans = this.#spans
    const { base } = pin.batch
    const at = slot * RECORD_WORDS
    spans.state[slot] = ARRIVING
    spans.time[slot] = this.#now
    spans.oldest[slot] = this.#now
    spans.open[slot] = base.state[row] === STATE.closed ? 0 : 1
    const { number, flow, hash } = this.#evidence
    spans.request[slot] = number
    spans.flow[2 * slot] = flow[0] as number
    spans.flow[2 * slot + 1] = flow[1] as number
    // What it is if it turns out to be a root, which costs less than to keep flow and offset.
    hash.traceId(spans.words, at + TRACE_ID)
    noteTraceparent(spans.words, at, { base, row })
    this.#row = of
    this.#arriving = slot
    this.#waiting.answerForwarded(slot)
    if (isAdopted) {
      adopt(spans.words, at, { stitch: pin.stitch, row })
      this.#waiting.settleAsDecided(slot)
    } else {
      spans.edge[slot] = this.#evidence.edge
      spans.words[at + METHOD] = this.#evidence.method
      this.#findParent(slot, of)
    }
    this.#arriving = NONE
    if (this.#row !== undefined) this.#hold(slot, pin, row)
    this.#row = undefined
  }

  #findParent(slot: number, { pin, row }: FirstRow): void {
    const { edge, span } = this.#evidence
    const lo = span[0] as number
    const hi = span[1] as number
    if (edge === EDGE.none) {
      this.#waiting.arriveAlone(slot)
      return
    }
    let parent = this.#spans.find(lo, hi)
    if (parent === NONE) {
      const record = this.#atOnce.settledParent()
      if (record !== NONE) {
        this.#waiting.arriveUnder(slot, this.#atOnce.parents, record)
        return
      }
      if (!this.#isAwaited(pin.batch.base, row)) {
        this.#waiting.arriveAlone(slot)
        return
      }
      this.#makeRoom()
      parent = this.#spans.insert(lo, hi)
    }
    if (this.#spans.state[parent] === SETTLED) {
      this.#waiting.arriveUnder(slot, this.#spans.words, parent * RECORD_WORDS)
    } else this.#waiting.arrive(slot, parent)
  }

  #hold(slot: number, pin: Pin, row: number): void {
    const { rows } = this.#spans
    rows[slot] = this.rows.hold(pin, row, rows[slot] as number)
    if (this.rows.size > this.#config.rows_max) this.#releaseEarly()
  }

  /** Another row of a span that waits or is open: its exchange goes on or ends. Or a copy. */
  #nextRow(slot: number, pin: Pin, row: number): void {
    const spans = this.#spans
    const isSettled = spans.state[slot] === SETTLED
    if (isSettled) this.#remembered.reopen(slot)
    if (pin.batch.base.state[row] === STATE.closed) {
      spans.open[slot] = 0
      this.#remembered.openRows.drop(slot)
    }
    if (isSettled) {
      this.#remembered.write(slot, pin, row)
      this.#remembered.add(slot, this.#now)
    } else this.#hold(slot, pin, row)
  }

  /** Another row of a span that has ended: a copy. */
  #again(record: number, pin: Pin, row: number): boolean {
    if (((this.#settled.words[record + METHOD] as number) & FLAG.unheard) !== 0) {
      // Its span has been sent, and there is one of each.
      this.#note('came_after_end', 1)
      return false
    }
    const at = this.#settled.renew(record, this.#now)
    writeDecided(this.#settled.words, at, { pin, row })
    pin.makeReady(row)
    return true
  }

  /** Writes all rows of a span, whose ids are final now. */
  #writeRows(slot: number): void {
    const held = this.rows
    let node = this.#spans.rows[slot] as number
    this.#spans.rows[slot] = NONE
    while (node !== NONE) {
      this.#remembered.write(slot, held.pin(node), held.row(node))
      node = held.release(node)
    }
    if (slot !== this.#arriving || this.#row === undefined) return
    const { pin, row } = this.#row
    this.#row = undefined
    this.#remembered.write(slot, pin, row)
  }

  /**
   * At a gateway: a call's cause was seen by the call's own agent, and a server's client by some
   * agent, if it has a row of the connection. So one that nobody watches keeps nobody waiting.
   */
  #isComing(top: number): boolean {
    const { edge, words, flow } = this.#spans
    if (this.#config.wait !== 'always' || edge[top] === EDGE.candidate) return false
    const method = (words[top * RECORD_WORDS + METHOD] as number) & METHOD_MASK
    if (method !== LINK_METHOD.identity) return true
    return this.#flows.has(flow[2 * top] as number, flow[2 * top + 1] as number)
  }

  #miss(slot: number): void {
    const at = slot * RECORD_WORDS + SPAN_ID
    const { words } = this.#spans
    this.#missed.add(words[at] as number, words[at + 1] as number, this.until)
  }

  /** Too many rows wait: those that wait for longest are let go with what is known. */
  #releaseEarly(): void {
    const before = this.rows.size
    while (this.rows.size > this.#config.rows_max && this.#waiting.first !== NONE) {
      this.#waiting.giveUp(this.#waiting.first)
    }
    this.#note('released_early', before - this.rows.size)
  }

  /** Sees to it that one more may be remembered: by an end to waiting, if need be. */
  #makeRoom(): void {
    while (this.entries >= this.#config.entries_max) {
      if (this.#remembered.forgetOldest(this.#now)) this.#note('evicted', 1)
      else if (this.#waiting.first === NONE) return
      // Can be forgotten next.
      else this.#waiting.giveUp(this.#waiting.first)
    }
  }
}
