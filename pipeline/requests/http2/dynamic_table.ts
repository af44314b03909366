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
import { FIELD, type Field } from './field_names.ts'

const SIZE_DEFAULT = 4096
export const TABLE_SIZE_MAX = 65_536
const ENTRY_OVERHEAD = 32

/** What `find` says of an index: `none` is an error of the peer, or of our framing. */
export type Found = 'known' | 'unknown' | 'none'

export class DynamicTable {
  /** Of the entry that `find` has found. */
  field: Field = FIELD.other
  value = ''
  nameBytes = 0
  readonly #shared: Shared
  /** Oldest first, from `#first` on. */
  readonly #fields: Field[] = []
  readonly #values: string[] = []
  readonly #nameBytes: number[] = []
  readonly #sizes: number[] = []
  #first = 0
  #size = 0
  #sizeMax = SIZE_DEFAULT
  /** There may be older entries than those that are known. */
  #isPartial = false
  #kept = 0

  constructor(shared: Shared) {
    this.#shared = shared
  }

  /** `age`: 0 for the newest entry. */
  find(age: number): Found {
    const at = this.#fields.length - 1 - age
    if (at < this.#first) return this.#isPartial ? 'unknown' : 'none'
    this.field = this.#fields[at] as Field
    this.value = this.#values[at] as string
    this.nameBytes = this.#nameBytes[at] as number
    return 'known'
  }

  add(entry: { field: Field; value: string; nameBytes: number; valueBytes: number }): void {
    const { field, nameBytes, valueBytes } = entry
    const value = field === FIELD.other ? '' : entry.value
    const size = nameBytes + valueBytes + ENTRY_OVERHEAD
    this.#evict(this.#sizeMax - size)
    if (size > this.#sizeMax) return
    const kept = value.length + ENTRY_OVERHEAD
    if (!this.#shared.keep(kept)) {
      this.#shared.count('http2_tables_forgotten')
      this.forget()
      return
    }
    this.#kept += kept
    this.#size += size
    this.#fields.push(field)
    this.#values.push(value)
    this.#nameBytes.push(nameBytes)
    this.#sizes.push(size)
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
    for (const column of [this.#fields, this.#values, this.#nameBytes, this.#sizes]) {
      column.length = 0
    }
  }

  #evict(sizeMax: number): void {
    while (this.#size > sizeMax && this.#first < this.#fields.length) {
      const kept = (this.#values[this.#first] as string).length + ENTRY_OVERHEAD
      this.#shared.release(kept)
      this.#kept -= kept
      this.#values[this.#first] = ''
      this.#size -= this.#sizes[this.#first++] as number
    }
    if (this.#first < 64 || this.#first < this.#fields.length / 2) return
    for (const column of [this.#fields, this.#values, this.#nameBytes, this.#sizes]) {
      column.splice(0, this.#first)
    }
    this.#first = 0
  }
}
