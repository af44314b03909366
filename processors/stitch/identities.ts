/**
 * Which rows have come: a bit each, so that one that is delivered twice is seen.
 *
 * A row's identity is its agent's run and its number there (pipeline/flows/origin.ts). Numbers of
 * one run come about in order, so they stand in pages of bits:
 *
 *     run a ── page 0 ▓▓▓▓▓▓▓▓  page 1 ▓▓▓▓░░░░
 *     run b ── page 7 ▓░▓░▓▓░░                        a page: 32,768 rows, 4 KB
 *
 * Pages are bounded in number; the one that was looked at longest ago goes first. A row whose page
 * has gone cannot be told from a new one: a bound too small lets doubles pass, and loses nothing.
 */
import type { FlowBatch } from '../../pipeline/flows/batch.ts'

const PAGE_ROWS = 32_768
export const PAGE_BYTES = PAGE_ROWS / 8

interface Page {
  readonly run: string
  readonly number: number
  readonly bits: Uint32Array
}

export class Identities {
  /** By run and number; the one that was used last stands last. */
  readonly #pages = new Map<string, Page>()
  #pagesMax: number
  #last: Page | undefined
  /** Of the batch that was looked at last: the run's name, by its index in the string table. */
  #batch: FlowBatch | undefined
  #runIndex = -1
  #run = ''
  readonly #evicted: () => void

  /** @param evicted a page was forgotten to make room */
  constructor(bytesMax: number, evicted: () => void) {
    this.#pagesMax = Math.floor(bytesMax / PAGE_BYTES)
    this.#evicted = evicted
  }

  set bytesMax(bytesMax: number) {
    this.#pagesMax = Math.floor(bytesMax / PAGE_BYTES)
    this.#shrink()
  }

  get bytes(): number {
    return this.#pages.size * PAGE_BYTES
  }

  /**
   * Whether the row has come before; from now on it has. Rows without an identity never have.
   * @param way '' or a way of its own that rows come by, such as before they are sent on to here
   */
  isDouble(batch: FlowBatch, row: number, { way }: { way: string }): boolean {
    if (this.#pagesMax === 0) return false
    const sequence = batch.origin?.sequence[row] ?? 0
    if (!(sequence > 0)) return false
    const page = this.#pageOf(way + this.#runOf(batch, row), Math.floor(sequence / PAGE_ROWS))
    const bit = sequence % PAGE_ROWS
    const word = bit >>> 5
    const mask = 1 << (bit & 31)
    const before = page.bits[word] as number
    page.bits[word] = before | mask
    return (before & mask) !== 0
  }

  #runOf(batch: FlowBatch, row: number): string {
    const index = batch.origin?.agent_id[row] as number
    if (this.#batch !== batch || this.#runIndex !== index) {
      this.#batch = batch
      this.#runIndex = index
      this.#run = batch.strings.at(index)
    }
    return this.#run
  }

  #pageOf(run: string, number: number): Page {
    if (this.#last?.number === number && this.#last.run === run) return this.#last
    const key = `${number} ${run}`
    const page = this.#pages.get(key) ?? { run, number, bits: new Uint32Array(PAGE_ROWS / 32) }
    this.#pages.delete(key)
    this.#pages.set(key, page)
    this.#last = page
    this.#shrink()
    return page
  }

  #shrink(): void {
    for (const [key, page] of this.#pages) {
      if (this.#pages.size <= this.#pagesMax) return
      this.#pages.delete(key)
      if (this.#last === page) this.#last = undefined
      this.#evicted()
    }
  }
}
