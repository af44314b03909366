/**
 * Interns texts by their bytes: a text that was seen before costs a hash and a comparison, and no
 * string is made of it. Most texts of a request are few and come again in every row.
 */
import type { StringTable } from '../strings.ts'

const SLOTS_FIRST = 1024
/** Who sends texts of equal hashes on purpose gets the slower way, not a longer search. */
const PROBES_MAX = 8
/** Longer texts hardly come again, and take long to hash. */
const LENGTH_MAX = 256

export class ByteStrings {
  readonly #bytes: Buffer
  readonly #table: StringTable
  /** Three numbers a slot: where the text begins, its length, its index in the table or 0. */
  #slots = new Uint32Array(3 * SLOTS_FIRST)
  #used = 0

  constructor(bytes: Buffer, table: StringTable) {
    this.#bytes = bytes
    this.#table = table
  }

  /** The index in the table of the text in [start, end). */
  intern(start: number, end: number): number {
    const length = end - start
    if (length === 0) return 0
    if (length > LENGTH_MAX) return this.#table.intern(this.#bytes.toString('utf8', start, end))
    const bytes = this.#bytes
    let hash = length
    let high = 0
    for (let i = start; i < end; i++) {
      const byte = bytes[i] as number
      high |= byte
      hash = Math.imul(hash ^ byte, 0x01000193)
    }
    hash ^= hash >>> 15
    const slots = this.#slots
    const mask = slots.length / 3 - 1
    for (let probe = 0; probe < PROBES_MAX; probe++) {
      const slot = 3 * ((hash + probe) & mask)
      const index = slots[slot + 2] as number
      if (index === 0) {
        const made = this.#table.intern(
          high < 0x80 ? bytes.toString('latin1', start, end) : bytes.toString('utf8', start, end),
        )
        slots[slot] = start
        slots[slot + 1] = length
        slots[slot + 2] = made
        if (++this.#used > mask >> 1) this.#grow()
        return made
      }
      if (slots[slot + 1] === length && this.#equal(slots[slot] as number, start, length)) {
        return index
      }
    }
    return this.#table.intern(bytes.toString('utf8', start, end))
  }

  #equal(a: number, b: number, length: number): boolean {
    const bytes = this.#bytes
    for (let i = 0; i < length; i++) if (bytes[a + i] !== bytes[b + i]) return false
    return true
  }

  /** Begins anew in twice the room: what comes again is found again. */
  #grow(): void {
    this.#slots = new Uint32Array(this.#slots.length * 2)
    this.#used = 0
  }
}
