/** Single values of a message: where they stand, found in one pass, decoded on demand. */
import { FieldReader, type WireSource } from './wire_reader.ts'

/** Where something stands in the bytes; empty when it is not there. */
export class Range {
  start = 0
  end = 0

  clear(): void {
    this.start = 0
    this.end = 0
  }

  set(from: { readonly start: number; readonly end: number }): void {
    this.start = from.start
    this.end = from.end
  }
}

/** The fields of one message that hold single values, found in one pass and decoded on demand. */
export class Scalars {
  readonly #source: WireSource
  readonly #fields: FieldReader
  readonly #start: Uint32Array
  readonly #end: Uint32Array
  readonly #lo: Uint32Array
  readonly #hi: Uint32Array
  readonly #seen: Uint8Array
  readonly #wireTypes: readonly number[]

  /** @param wireTypes by field number; a field of another wire type is passed over */
  constructor(source: WireSource, wireTypes: Readonly<Record<number, number>>) {
    const count = Math.max(...Object.keys(wireTypes).map(Number)) + 1
    this.#source = source
    this.#fields = new FieldReader(source)
    this.#wireTypes = Array.from({ length: count }, (_, field) => wireTypes[field] ?? -1)
    this.#start = new Uint32Array(count)
    this.#end = new Uint32Array(count)
    this.#lo = new Uint32Array(count)
    this.#hi = new Uint32Array(count)
    this.#seen = new Uint8Array(count)
  }

  /** False when the message is malformed. */
  over(range: { readonly start: number; readonly end: number }): boolean {
    this.#start.fill(0)
    this.#end.fill(0)
    this.#lo.fill(0)
    this.#hi.fill(0)
    this.#seen.fill(0)
    const fields = this.#fields
    fields.reset(range.start, range.end)
    while (fields.next()) {
      const { field } = fields
      if (field >= this.#wireTypes.length || this.#wireTypes[field] !== fields.wireType) continue
      this.#start[field] = fields.start
      this.#end[field] = fields.end
      this.#lo[field] = fields.lo
      this.#hi[field] = fields.hi
      this.#seen[field] = 1
    }
    return this.#source.fault === undefined
  }

  has(field: number): boolean {
    return this.#seen[field] === 1
  }

  text(field: number): string {
    return this.#source.text(this.#start[field] as number, this.#end[field] as number)
  }

  hex(field: number): string {
    return this.#source.hex(this.#start[field] as number, this.#end[field] as number)
  }

  lo(field: number): number {
    return this.#lo[field] as number
  }

  hi(field: number): number {
    return this.#hi[field] as number
  }

  /** Unsigned; rounded beyond 2^53. */
  number(field: number): number {
    return this.hi(field) * 4_294_967_296 + this.lo(field)
  }

  signed(field: number): number {
    return (this.hi(field) | 0) * 4_294_967_296 + this.lo(field)
  }

  double(field: number): number {
    return this.has(field) ? this.#source.view.getFloat64(this.#start[field] as number, true) : 0
  }

  /** Copies where the field's content stands into `range`. */
  range(field: number, range: Range): Range {
    range.start = this.#start[field] as number
    range.end = this.#end[field] as number
    return range
  }
}
