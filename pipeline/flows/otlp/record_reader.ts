/**
 * Reads log records into the rows of a batch. Grammar: otlp/logs_writer.ts; places: mapping.ts.
 *
 * A row has some thirty attributes, so they go through one loop without an object each, which
 * leaves whatever is rare (long lengths, odd order) to a FieldReader.
 */
import { FIXED64, LEN, tag } from '../../otlp/wire.ts'
import { FieldReader, type WireSource } from '../../otlp/wire_reader.ts'
import type { FlowBatch } from '../batch.ts'
import { type Take, takeOf, textAt } from './attribute_reader.ts'
import type { ByteStrings } from './byte_strings.ts'
import { KeyTable } from './key_table.ts'
import { EVENT_NAMES, NOT_KNOWN, RECORD_COLUMNS } from './mapping.ts'

const KEYS = new KeyTable([...RECORD_COLUMNS.map(({ key }) => key), NOT_KNOWN])
const NOT_KNOWN_INDEX = RECORD_COLUMNS.length
const START_INDEX = indexOf('start')
const STATE_INDEX = indexOf('state')
const ROLE_INDEX = indexOf('role')
/** Of which no code means "not known": without it the row would be taken for another. */
const IS_NEEDED = Uint8Array.from(RECORD_COLUMNS, ({ spec }) =>
  Number(spec.type === 'enum' && spec.absent === 'never'),
)
const EVENTS = new KeyTable(EVENT_NAMES)
const DOUBLES = new Map(
  RECORD_COLUMNS.filter(({ spec }) => spec.type === 'f64').map((column) => [column.name, column]),
)

const TIME = tag(1, FIXED64)
const ATTRIBUTES = tag(6, LEN)
const TRACE_ID = tag(9, LEN)
const SPAN_ID = tag(10, LEN)
const OBSERVED_TIME = tag(11, FIXED64)
const EVENT_NAME = tag(12, LEN)
const KEY = tag(1, LEN)
const VALUE = tag(2, LEN)

/** Of an event name in a message. */
const NAME_LENGTH_MAX = 64

export interface RecordSettings {
  readonly source: WireSource
  readonly batch: FlowBatch
  readonly texts: ByteStrings
}

export class RecordReader {
  readonly #source: WireSource
  readonly #bytes: Buffer
  readonly #batch: FlowBatch
  readonly #texts: ByteStrings
  readonly #takes: (Take | undefined)[] = []
  /** Columns that a text of NOT_KNOWN names, by the text's index; none when one is not known. */
  readonly #notKnown = new Map<number, readonly Float64Array[] | undefined>()
  readonly #field: FieldReader
  readonly #pair: FieldReader
  /** Of the record that is read: its fields without a column; what is wrong with it. */
  #carried = ''
  #wrong = ''
  /** Index of the key before. */
  #before = -1
  #hasName = false
  #hasStart = false
  #hasState = false
  #hasRole = false

  constructor({ source, batch, texts }: RecordSettings) {
    this.#source = source
    this.#bytes = source.bytes
    this.#batch = batch
    this.#texts = texts
    this.#field = new FieldReader(source)
    this.#pair = new FieldReader(source)
  }

  /** Reads the record in [start, end) into an empty row. Why not, when it is no row. */
  read(row: number, start: number, end: number): string | undefined {
    const batch = this.#batch
    this.#carried = ''
    this.#wrong = ''
    this.#before = -1
    this.#hasName = this.#hasStart = this.#hasState = this.#hasRole = false
    this.#fields(row, start, end)
    if (this.#wrong !== '') return this.#wrong
    if (!this.#hasName) return 'it has no event name'
    if (!this.#hasState || !this.#hasRole) return 'it has no state, or no role'
    // Without a start of its own the time is the start: the row has not ended.
    if (!this.#hasStart) {
      const { start: begun, end: ended } = batch.base
      for (const half of [2 * row, 2 * row + 1]) {
        begun[half] = ended[half] as number
        ended[half] = 0
      }
    }
    if (this.#carried !== '') {
      batch.add('carried').attributes[row] = batch.strings.intern(this.#carried)
    }
    return undefined
  }

  #fields(row: number, start: number, end: number): void {
    const bytes = this.#bytes
    const field = this.#field
    let at = start
    while (at < end) {
      const from = at
      let length = bytes[from + 1] as number
      if (bytes[from] === ATTRIBUTES && length < 0x80) at = from + 2
      else {
        field.reset(from, end)
        if (!field.next()) return
        at = field.start
        length = field.end - at
        if (bytes[from] !== ATTRIBUTES) {
          at = field.end
          if (!this.#own(row, field)) this.#carry(field, from)
          continue
        }
      }
      if (!this.#attribute(row, at, at + length)) {
        this.#carried += bytes.toString('latin1', from, at + length)
      }
      at += length
    }
  }

  /** Fields at their defaults, which a Collector writes too, say nothing. */
  #carry({ start, end, lo, hi, wireType }: FieldReader, from: number): void {
    if (wireType === LEN ? start === end : lo === 0 && hi === 0) return
    this.#carried += this.#bytes.toString('latin1', from, end)
  }

  /** A field that is no attribute; false when it has no column. */
  #own(row: number, field: FieldReader): boolean {
    const { base } = this.#batch
    const { start, end, lo, hi } = field
    switch (tag(field.field, field.wireType)) {
      case TIME:
        base.end[2 * row] = lo
        base.end[2 * row + 1] = hi
        return true
      case OBSERVED_TIME:
        if (lo === 0 && hi === 0) return true
        this.#observed(row, lo, hi)
        return true
      case TRACE_ID:
        if (end > start) this.#id(this.#batch.add('stitch').trace_id, row * 4, start, 4)
        return true
      case SPAN_ID:
        if (end > start) this.#id(this.#batch.add('stitch').span_id, row * 2, start, 2)
        return true
      case EVENT_NAME: {
        const kind = EVENTS.find(this.#source.view, start, end)
        this.#hasName = end > start
        if (kind >= 0) base.kind[row] = kind
        else if (end > start) this.#wrong = `no row has the event name ${this.#quoted(start, end)}`
        return true
      }
      default:
        return false
    }
  }

  #observed(row: number, lo: number, hi: number): void {
    const { observed } = this.#batch.add('origin')
    observed[2 * row] = lo
    observed[2 * row + 1] = hi
  }

  /** An id's bytes at `start` into the `words` words of a column from `first` on. */
  #id(column: Uint32Array, first: number, start: number, words: number): void {
    for (let word = 0; word < words; word++) {
      const at = start + 4 * (words - 1 - word)
      column[first + word] = this.#source.view.getUint32(at, false)
    }
  }
  /** The KeyValue in [start, end); false when it has no column, or one that cannot hold it. */
  #attribute(row: number, start: number, end: number): boolean {
    const bytes = this.#bytes
    const firstEnd = start + 2 + (bytes[start + 1] as number)
    const secondEnd = firstEnd + 2 + (bytes[firstEnd + 1] as number)
    const isShort = (bytes[start + 1] as number) < 0x80 && (bytes[firstEnd + 1] as number) < 0x80
    if (isShort && secondEnd === end) {
      if (bytes[start] === KEY && bytes[firstEnd] === VALUE) {
        return this.#take(row, this.#find(start + 2, firstEnd), firstEnd + 2, end)
      }
      if (bytes[start] === VALUE && bytes[firstEnd] === KEY) {
        return this.#take(row, this.#find(firstEnd + 2, end), start + 2, firstEnd)
      }
    }
    return this.#longAttribute(row, start, end)
  }

  #find(start: number, end: number): number {
    const { view } = this.#source
    const before = this.#before
    const index =
      before < 0 ? KEYS.find(view, start, end) : KEYS.findAfter(before, view, start, end)
    if (index >= 0) this.#before = index
    return index
  }

  #longAttribute(row: number, start: number, end: number): boolean {
    const pair = this.#pair
    let index = -1
    let from = 0
    let to = 0
    pair.reset(start, end)
    while (pair.next()) {
      if (pair.wireType !== LEN) continue
      if (pair.field === 1) index = this.#find(pair.start, pair.end)
      else if (pair.field === 2) {
        from = pair.start
        to = pair.end
      }
    }
    return this.#take(row, index, from, to)
  }

  #take(row: number, index: number, start: number, end: number): boolean {
    if (index < 0) return false
    if (index === NOT_KNOWN_INDEX) return this.#takeNotKnown(row, start, end)
    const take = this.#takes[index] ?? this.#bind(index)
    const isTaken = take(row, start, end)
    if (!isTaken && IS_NEEDED[index] === 1) {
      this.#wrong = `its ${RECORD_COLUMNS[index]?.key} is not known`
    }
    // A key may come twice, once with a value that is carried along: that takes nothing back.
    if (!isTaken) return false
    if (index === START_INDEX) this.#hasStart = true
    else if (index === STATE_INDEX) this.#hasState = true
    else if (index === ROLE_INDEX) this.#hasRole = true
    return true
  }

  #bind(index: number): Take {
    const column = RECORD_COLUMNS[index] as (typeof RECORD_COLUMNS)[number]
    const source = { bytes: this.#bytes, view: this.#source.view, texts: this.#texts }
    const take = takeOf(column, { ...source, batch: this.#batch })
    this.#takes[index] = take
    return take
  }

  #takeNotKnown(row: number, start: number, end: number): boolean {
    const from = textAt(this.#bytes, start, end)
    if (from < 0) return false
    const index = this.#texts.intern(from, end)
    let columns = this.#notKnown.get(index)
    if (columns === undefined && !this.#notKnown.has(index)) {
      columns = this.#namedBy(this.#batch.strings.at(index))
      this.#notKnown.set(index, columns)
    }
    if (columns === undefined) return false
    for (const column of columns) column[row] = Number.NaN
    return true
  }

  #namedBy(text: string): readonly Float64Array[] | undefined {
    const names = new Set(text.split(' '))
    const columns = [...names].map((name) => DOUBLES.get(name))
    if (!columns.every((column) => column !== undefined)) return undefined
    return columns.map(({ group, name }) => {
      const all = this.#batch.add(group) as unknown as Record<string, Float64Array>
      return all[name] as Float64Array
    })
  }

  #quoted(start: number, end: number): string {
    return JSON.stringify(this.#source.text(start, Math.min(end, start + NAME_LENGTH_MAX)))
  }
}

function indexOf(column: string): number {
  return RECORD_COLUMNS.findIndex(({ name }) => name === column)
}
