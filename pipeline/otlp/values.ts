/**
 * Reads attributes and `AnyValue`s from the wire (grammar: attributes.ts).
 *
 * AnyValues nest; how deep is the sender's choice, so the depth is bounded.
 */
import { FIXED64, LEN, VARINT } from './wire.ts'
import { FieldReader, type WireSource } from './wire_reader.ts'

/** An int64 beyond 2^53 is a bigint; a key-value list is a Map; undefined is the empty value. */
export type Value =
  | string
  | number
  | bigint
  | boolean
  | Uint8Array
  | readonly Value[]
  | ReadonlyMap<string, Value>
  | undefined

/** Levels of arrays and lists in an AnyValue; beyond it the message is malformed. */
export const VALUE_DEPTH_MAX = 32

/** Iterates the KeyValues that stand under one field number of a message. */
export class AttributesView {
  readonly #source: WireSource
  readonly #fields: FieldReader
  readonly #pair: FieldReader
  #field = 0
  #start = 0
  #end = 0
  #keyStart = 0
  #keyEnd = 0
  #valueStart = 0
  #valueEnd = 0

  constructor(source: WireSource) {
    this.#source = source
    this.#fields = new FieldReader(source)
    this.#pair = new FieldReader(source)
  }

  /** Looks at the attributes under `field` of the message in `range`. */
  over(range: { readonly start: number; readonly end: number }, field: number): void {
    this.#field = field
    this.#start = range.start
    this.#end = range.end
    this.rewind()
  }

  /** Before the first again. */
  rewind(): void {
    this.#fields.reset(this.#start, this.#end)
  }

  next(): boolean {
    if (!this.#fields.nextMessage(this.#field)) return false
    this.#keyStart = this.#keyEnd = this.#valueStart = this.#valueEnd = 0
    const pair = this.#pair
    pair.reset(this.#fields.start, this.#fields.end)
    while (pair.next()) {
      if (pair.wireType !== LEN) continue
      if (pair.field === 1) {
        this.#keyStart = pair.start
        this.#keyEnd = pair.end
      } else if (pair.field === 2) {
        this.#valueStart = pair.start
        this.#valueEnd = pair.end
      }
    }
    return this.#source.fault === undefined
  }

  get key(): string {
    return this.#source.text(this.#keyStart, this.#keyEnd)
  }

  get value(): Value {
    return readValue(this.#source, this.#valueStart, this.#valueEnd)
  }

  /** All of them as an object's entries would be: a later one of the same key wins. */
  toMap(): Map<string, Value> {
    const map = new Map<string, Value>()
    this.rewind()
    while (this.next()) map.set(this.key, this.value)
    return map
  }
}

/** The AnyValue in [start, end). Malformed bytes set the source's fault and give undefined. */
export function readValue(source: WireSource, start: number, end: number, depth = 0): Value {
  if (depth > VALUE_DEPTH_MAX) {
    source.fault ??= {
      kind: 'malformed',
      reason: `values nest deeper than ${VALUE_DEPTH_MAX}`,
      offset: start,
    }
    return undefined
  }
  const reader = new FieldReader(source)
  reader.reset(start, end)
  let value: Value
  // The last member of the oneof counts, as protobuf has it.
  while (reader.next()) {
    const { field, wireType } = reader
    if (field === 1 && wireType === LEN) value = source.text(reader.start, reader.end)
    else if (field === 2 && wireType === VARINT) value = reader.lo !== 0 || reader.hi !== 0
    else if (field === 3 && wireType === VARINT) value = int64(reader.lo, reader.hi)
    else if (field === 4 && wireType === FIXED64) value = reader.double
    else if (field === 5 && wireType === LEN) value = readArray(source, reader, depth)
    else if (field === 6 && wireType === LEN) value = readList(source, reader, depth)
    else if (field === 7 && wireType === LEN) {
      value = source.bytes.subarray(reader.start, reader.end)
    }
  }
  return source.fault === undefined ? value : undefined
}

function readArray(source: WireSource, range: FieldReader, depth: number): readonly Value[] {
  const fields = new FieldReader(source)
  fields.reset(range.start, range.end)
  const values: Value[] = []
  while (fields.nextMessage(1)) {
    values.push(readValue(source, fields.start, fields.end, depth + 1))
  }
  return values
}

function readList(source: WireSource, range: FieldReader, depth: number) {
  const fields = new FieldReader(source)
  const pair = new FieldReader(source)
  fields.reset(range.start, range.end)
  const list = new Map<string, Value>()
  while (fields.nextMessage(1)) {
    let key = ''
    let value: Value
    pair.reset(fields.start, fields.end)
    while (pair.next()) {
      if (pair.wireType !== LEN) continue
      if (pair.field === 1) key = source.text(pair.start, pair.end)
      else if (pair.field === 2) value = readValue(source, pair.start, pair.end, depth + 1)
    }
    list.set(key, value)
  }
  return list
}

/** A signed 64-bit number from its halves. */
export function int64(lo: number, hi: number): number | bigint {
  const value = (hi | 0) * 4_294_967_296 + lo
  return Number.isSafeInteger(value) ? value : BigInt.asIntN(64, (BigInt(hi) << 32n) | BigInt(lo))
}
