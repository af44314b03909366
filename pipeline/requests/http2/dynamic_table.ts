/**
 * The dynamic table of one direction (RFC 7541 §2.3.2, §4), of which only what rows may need is
 * kept: of other fields nothing but the size, which eviction goes by.
 *
 *     index   62 … 62 + count - 1           beyond
 *             newest … oldest that is known  unknown, if the beginning of the table was not seen
 *
 * Indices count from the newest entry, so what is added is known even when what was there before is
 * not. The encoder sets the size, by updates in its blocks; one beyond our bound makes us forget
 * entries that the peer still has: those are unknown then, never another's.
 */
import type { Shared } from '../shared.ts'
import { Entry } from './entry.ts'
import { FIELD } from './field_names.ts'

const SIZE_DEFAULT = 4096
export const TABLE_SIZE_MAX = 65_536
const ENTRY_OVERHEAD = 32

const ENTRIES_FIRST = 16

/** Stands for entries that were not seen. */
const UNKNOWN = new Entry()
UNKNOWN.field = FIELD.unknown

export class DynamicTable {
  readonly #shared: Shared
  /** A ring, as long as a power of two, of entries that are used again. */
  #entries: Entry[] = []
  /** Of the oldest, counted from the first there ever was, and how many there are. */
  #first = 0
  #count = 0
  #size = 0
  #sizeMax = SIZE_DEFAULT
  /** There may be older entries than those that are known. */
  #isPartial = false
  #kept = 0

  constructor(shared: Shared) {
    this.#shared = shared
  }

  /** `age`: 0 for the newest entry. None is an error of the peer, or of our framing. */
  find(age: number): Entry | undefined {
    if (age < this.#count) return this.#at(this.#first + this.#count - 1 - age)
    return this.#isPartial ? UNKNOWN : undefined
  }

  add(entry: Entry): void {
    const size = sizeOf(entry)
    if (this.#size + size > this.#sizeMax) this.#evict(this.#sizeMax - size)
    if (size > this.#sizeMax) return
    const kept = entry.text.length + ENTRY_OVERHEAD
    if (!this.#shared.keep(kept)) {
      this.#shared.count('http2_tables_forgotten')
      this.forget()
      return
    }
    this.#kept += kept
    this.#size += size
    if (this.#count === this.#entries.length) this.#grow()
    this.#at(this.#first + this.#count++).copy(entry)
  }

  resize(size: number): void {
    this.#sizeMax = Math.min(size, TABLE_SIZE_MAX)
    this.#evict(this.#sizeMax)
  }

  /** Entries may have been added that were not seen: all that were known may stand elsewhere. */
  forget(): void {
    this.clear()
    this.#isPartial = true
  }

  clear(): void {
    this.#shared.release(this.#kept)
    this.#kept = 0
    this.#size = 0
    this.#first = 0
    this.#count = 0
    this.#entries = []
  }

  #at(index: number): Entry {
    return this.#entries[index & (this.#entries.length - 1)] as Entry
  }

  #grow(): void {
    const length = Math.max(ENTRIES_FIRST, 2 * this.#count)
    const entries = Array.from({ length: this.#count }, (_, i) => this.#at(this.#first + i))
    while (entries.length < length) entries.push(new Entry())
    this.#entries = entries
    this.#first = 0
  }

  #evict(sizeMax: number): void {
    while (this.#size > sizeMax && this.#count > 0) {
      const oldest = this.#at(this.#first)
      const kept = oldest.text.length + ENTRY_OVERHEAD
      this.#shared.release(kept)
      this.#kept -= kept
      this.#size -= sizeOf(oldest)
      oldest.text = ''
      this.#first = (this.#first + 1) & (this.#entries.length - 1)
      this.#count--
    }
  }
}

function sizeOf({ nameBytes, valueBytes }: Entry): number {
  return nameBytes + valueBytes + ENTRY_OVERHEAD
}
