/**
 * The last open row of each exchange whose end has not come, so that it has an end if none ever
 * comes: others have named its span as their parent, and the agent that would send it may be gone.
 *
 *     open ──▶ open ──▶ closed          its agent lives: the copy is dropped
 *     open ──▶ open ──▶ (silence)       it does not: the copy is sent, as closed and unfinished
 *
 * Copies, as the rows themselves have gone on, in batches of a few each: see HeldRows.
 */
import { FlowBatch } from '../../pipeline/flows/batch.ts'
import { STATE, UNFINISHED } from '../../pipeline/flows/schema.ts'
import { HeldRows, Pin, type PinOwner } from './held_rows.ts'
import { NONE } from './id_log.ts'
import type { SpanTable } from './span_table.ts'

const BATCH_ROWS = 64

export interface OpenRowsSettings {
  /** Copies, at most. */
  readonly rowsMax: number
  /** One more was not kept. */
  readonly notKept: () => void
}

export class OpenRows {
  readonly #spans: SpanTable
  readonly #settings: OpenRowsSettings
  readonly #rows = new HeldRows()
  readonly #pins = new Set<Pin>()
  /** The one that each owner's next copy goes to. */
  readonly #filling = new Map<PinOwner, Pin>()

  constructor(spans: SpanTable, settings: OpenRowsSettings) {
    this.#spans = spans
    this.#settings = settings
  }

  get size(): number {
    return this.#rows.size
  }

  /** Keeps a copy of an open row of the slot's span, instead of the one before. */
  keep(slot: number, { pin: { batch, owner }, row }: { pin: Pin; row: number }): void {
    this.drop(slot)
    if (this.size >= this.#settings.rowsMax) {
      this.#settings.notKept()
      return
    }
    const pin = this.#pinFor(owner)
    const at = pin.batch.append(batch, row)
    this.#spans.kept[slot] = this.#rows.hold(pin, at, NONE)
  }

  /** The span's end has come, or it is forgotten. */
  drop(slot: number): void {
    const { kept } = this.#spans
    const node = kept[slot] as number
    if (node === NONE) return
    kept[slot] = NONE
    const pin = this.#rows.pin(node)
    this.#rows.release(node)
    if (this.#filling.get(pin.owner) === pin) return
    if (pin.held === 0) this.#pins.delete(pin)
    else this.#rows.compact(pin)
  }

  /**
   * Adds the copy to `ended` as the row of an exchange that nobody saw the end of, and drops it;
   * undefined where none was kept. Its end is when it was last said to go on, by its host's clock.
   */
  end(slot: number, ended: EndedRows): { pin: Pin; row: number } | undefined {
    const node = this.#spans.kept[slot] as number
    if (node === NONE) return undefined
    const { batch, owner } = this.#rows.pin(node)
    const pin = ended.of(owner)
    const row = pin.batch.append(batch, this.#rows.row(node))
    const { base, origin } = pin.batch
    base.state[row] = STATE.closed
    base.unfinished[row] = UNFINISHED.agent_lost
    base.desynchronised[row] = 1
    const when = origin === undefined || isZero(origin.observed, row) ? base.start : origin.observed
    base.end.set(when.subarray(2 * row, 2 * row + 2), 2 * row)
    // A row of our own: it is no second delivery of the one that it is made from.
    if (origin !== undefined) origin.sequence[row] = 0
    this.drop(slot)
    return { pin, row }
  }

  /** What `from` has given is `to`'s from now on. */
  inherit(from: PinOwner, to: PinOwner): void {
    this.#filling.delete(from)
    for (const pin of this.#pins) if (pin.owner === from) pin.owner = to
  }

  #pinFor(owner: PinOwner): Pin {
    const filling = this.#filling.get(owner)
    if (filling !== undefined && !filling.batch.full) return filling
    if (filling?.held === 0) this.#pins.delete(filling)
    const pin = new Pin(new FlowBatch(BATCH_ROWS), owner)
    pin.nodes = new Int32Array(BATCH_ROWS).fill(NONE)
    this.#pins.add(pin)
    this.#filling.set(owner, pin)
    return pin
  }
}

/** Rows made at one time, in batches of those who will send them. */
export class EndedRows {
  readonly #pins = new Map<PinOwner, Pin>()

  of(owner: PinOwner): Pin {
    const known = this.#pins.get(owner)
    if (known !== undefined && !known.batch.full) return known
    const pin = new Pin(new FlowBatch(BATCH_ROWS), owner)
    this.#pins.set(owner, pin)
    return pin
  }
}

function isZero(column: Uint32Array, row: number): boolean {
  return ((column[2 * row] as number) | (column[2 * row + 1] as number)) === 0
}
