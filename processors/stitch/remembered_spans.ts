/**
 * The spans that are remembered once they are settled, for their children and for further rows of
 * theirs: in their slots as long as their exchange is open, small and many once it has ended.
 */
import { writeDecided } from './decided.ts'
import type { Pin } from './held_rows.ts'
import { NONE } from './id_log.ts'
import { EndedRows, OpenRows, type OpenRowsSettings } from './open_rows.ts'
import { copyWords, FLAG, METHOD, RECORD_WORDS, SPAN_ID } from './record.ts'
import { SettledSpans } from './settled_spans.ts'
import { SlotList, SpanTable } from './span_table.ts'

export class RememberedSpans {
  readonly spans = new SpanTable()
  readonly settled = new SettledSpans()
  readonly openRows: OpenRows
  /** Settled spans of which only an open row was seen, in order of their last row. */
  readonly #open = new SlotList(this.spans)

  constructor(settings: OpenRowsSettings) {
    this.openRows = new OpenRows(this.spans, settings)
  }

  /** With those that wait, and those that are only waited for. */
  get size(): number {
    return this.spans.size + this.settled.size
  }

  /** A row of a settled span has come now. The slot is free from now on, if its exchange ended. */
  add(slot: number, now: number): void {
    const { spans } = this
    if (spans.open[slot] === 1) {
      spans.time[slot] = now
      this.#open.push(slot)
      return
    }
    const { words } = spans
    const from = slot * RECORD_WORDS
    const lo = words[from + SPAN_ID] as number
    const request = spans.request[slot] as number
    const at = this.settled.add(lo, words[from + SPAN_ID + 1] as number, { request, now })
    const first = SPAN_ID + 2
    const of = { from: words, first: from + first, count: METHOD + 1 - first }
    copyWords(this.settled.words, at + first, of)
    spans.remove(slot)
  }

  /** Another row of an open exchange has come: to be followed by `add`. */
  reopen(slot: number): void {
    this.#open.remove(slot)
  }

  /** Writes what was decided into a row of a settled span in a slot: the row is ready then. */
  write(slot: number, pin: Pin, row: number): void {
    const { spans } = this
    writeDecided(spans.words, slot * RECORD_WORDS, { pin, row })
    // One that is only decided on its way is kept where it is sent to.
    if (spans.open[slot] === 1 && pin.part !== 'causes') this.openRows.keep(slot, { pin, row })
    pin.makeReady(row)
  }

  /** Forgets those of ended exchanges whose last row came so long ago. */
  expire(retention: number, now: number): void {
    const { settled } = this
    for (let at = settled.oldest; at !== NONE; at = settled.oldest) {
      if (settled.age(at, now) < retention) return
      settled.removeOldest()
    }
  }

  /** Forgets the one whose last row is the oldest; false where there is none. */
  forgetOldest(now: number): boolean {
    const open = this.#open.head
    const settled = this.settled.oldest
    if (open === NONE && settled === NONE) return false
    const openAge = open === NONE ? -1 : now - (this.spans.time[open] as number)
    if (settled !== NONE && openAge <= this.settled.age(settled, now)) {
      this.settled.removeOldest()
      return true
    }
    this.#open.remove(open)
    this.openRows.drop(open)
    this.spans.remove(open)
    return true
  }

  /**
   * Ends exchanges that nothing was heard of for too long: their agents say so again and again
   * while they are open, so those agents are gone.
   */
  endUnheard(timeout: number, now: number, ended: () => void): void {
    const { spans } = this
    const rows = new EndedRows()
    for (let slot = this.#open.head; slot !== NONE; slot = this.#open.head) {
      if ((spans.time[slot] as number) + timeout > now) return
      this.#open.remove(slot)
      const made = this.openRows.end(slot, rows)
      spans.open[slot] = 0
      if (made !== undefined) {
        ended()
        made.pin.owner.made(1)
        this.write(slot, made.pin, made.row)
        const method = slot * RECORD_WORDS + METHOD
        spans.words[method] = (spans.words[method] as number) | FLAG.unheard
      }
      this.add(slot, now)
    }
  }
}
