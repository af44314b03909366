/**
 * Flow rows as the bytes of an `ExportLogsServiceRequest`, a log record each: docs/FLOWS.md.
 * What stands where is mapping.ts'; the grammar is logs_writer.ts' and writer.ts'.
 *
 * Rows of one agent stand under one resource, in their order. What the batch does not have costs
 * nothing: columns without any value are left out before the first row is written.
 */
import { writeString } from '../../otlp/attributes.ts'
import type { OtlpBatch } from '../../otlp/batch.ts'
import { AttributesView } from '../../otlp/values.ts'
import { FIXED64, LEN, tag, WireWriter } from '../../otlp/wire.ts'
import { WireSource } from '../../otlp/wire_reader.ts'
import type { FlowBatch } from '../batch.ts'
import { RowIndex } from '../row_index.ts'
import { ATTRIBUTES, type Put, prefixOf, putOf } from './attribute_writer.ts'
import {
  EVENT_NAMES,
  keyOf,
  NOT_KNOWN,
  RECORD_COLUMNS,
  RESOURCE_COLUMNS,
  SCOPE_NAME,
  SERVICE_NAME,
} from './mapping.ts'

const RESOURCE_LOGS = tag(1, LEN)
const RESOURCE = tag(1, LEN)
const RESOURCE_ATTRIBUTES = tag(1, LEN)
const SCOPE_LOGS = tag(2, LEN)
const SCOPE = tag(1, LEN)
const NAME = tag(1, LEN)
const VERSION = tag(2, LEN)
const RECORDS = tag(2, LEN)
const TIME = tag(1, FIXED64)
const TRACE_ID = tag(9, LEN)
const SPAN_ID = tag(10, LEN)
const OBSERVED_TIME = tag(11, FIXED64)
const EVENT_NAME = tag(12, LEN)

/** Bytes that the length of a resource's or scope's rows is guessed to take, and a record's. */
const ROWS_GUESS = 3
const RECORD_GUESS = 2

const PREFIXES: readonly Uint8Array[] = RECORD_COLUMNS.map(({ key }) => prefixOf(key))

export class FlowsEncoder {
  readonly #version: string
  readonly #wire = new WireWriter()
  /** Columns of the row being written whose number is NaN. */
  #notKnown = ''

  /** @param version flowspan's: the scope's */
  constructor(version: string) {
    this.#version = version
  }

  /** A request with all rows of the batch, which stays as it is. */
  encode(batch: FlowBatch): OtlpBatch {
    const wire = this.#wire
    const putRow = this.#rowWriter(batch)
    for (const rows of rowsByResource(batch)) {
      const resource = wire.open(RESOURCE_LOGS, ROWS_GUESS)
      writeResource(wire, batch, rows[0] as number)
      const scope = wire.open(SCOPE_LOGS, ROWS_GUESS)
      const name = wire.open(SCOPE, 1)
      wire.string(NAME, SCOPE_NAME)
      wire.string(VERSION, this.#version)
      wire.close(name, 1)
      for (let i = 0; i < rows.length; i++) putRow(rows[i] as number)
      wire.close(scope, ROWS_GUESS)
      wire.close(resource, ROWS_GUESS)
    }
    return { signal: 'logs', bytes: wire.take(), items: batch.rows }
  }

  #rowWriter(batch: FlowBatch): Put {
    const wire = this.#wire
    const notKnown = (column: string) => {
      this.#notKnown += this.#notKnown === '' ? column : ` ${column}`
    }
    const puts = RECORD_COLUMNS.flatMap((column, i) => {
      const prefix = PREFIXES[i] as Uint8Array
      return putOf(column, { wire, batch, prefix, notKnown }) ?? []
    })
    const { base, stitch, origin, carried, strings } = batch
    const { start, end, kind } = base
    return (row) => {
      const record = wire.open(RECORDS, RECORD_GUESS)
      const hasEnded = end[2 * row] !== 0 || end[2 * row + 1] !== 0
      putTime(wire, TIME, [hasEnded ? end : start, row])
      for (let i = 0; i < puts.length; i++) (puts[i] as Put)(row)
      if (this.#notKnown !== '') {
        putText(wire, NOT_KNOWN, this.#notKnown)
        this.#notKnown = ''
      }
      const more = carried?.attributes[row] ?? 0
      if (more !== 0) wire.raw(Buffer.from(strings.at(more), 'latin1'))
      if (stitch !== undefined) {
        putId(wire, TRACE_ID, { column: stitch.trace_id, row, words: 4 })
        putId(wire, SPAN_ID, { column: stitch.span_id, row, words: 2 })
      }
      if (origin !== undefined) putTime(wire, OBSERVED_TIME, [origin.observed, row])
      wire.string(EVENT_NAME, EVENT_NAMES[kind[row] as number] ?? '')
      wire.close(record, RECORD_GUESS)
    }
  }
}

function putTime(wire: WireWriter, field: number, [column, row]: [Uint32Array, number]): void {
  const lo = column[2 * row] as number
  const hi = column[2 * row + 1] as number
  if (lo !== 0 || hi !== 0) wire.fixed64(field, lo, hi)
}

function putId(
  wire: WireWriter,
  field: number,
  { column, row, words }: { column: Uint32Array; row: number; words: number },
): void {
  let any = 0
  for (let i = row * words; i < (row + 1) * words; i++) any |= column[i] as number
  if (any !== 0) wire.id(field, column, row * words, words)
}

function putText(wire: WireWriter, key: string, value: string): void {
  const start = wire.open(ATTRIBUTES, 1)
  writeString(wire, key, value)
  wire.close(start, 1)
}

/** Lists of rows of one resource each; nearly always there is one. */
function rowsByResource(batch: FlowBatch): readonly (readonly number[])[] {
  const columns = resourceColumns(batch)
  const index = new RowIndex<number[]>(columns.length)
  const groups: number[][] = []
  let group: number[] | undefined
  for (let row = 0; row < batch.rows; row++) {
    let same = group !== undefined
    for (let i = 0; i < columns.length; i++) {
      const value = (columns[i] as Uint32Array)[row] as number
      if (index.numbers[i] !== value) same = false
      index.numbers[i] = value
    }
    if (!same) group = index.get() ?? push(groups, index.set([]))
    group?.push(row)
  }
  return groups
}

function push(groups: number[][], group: number[]): number[] {
  groups.push(group)
  return group
}

function resourceColumns({ origin, carried }: FlowBatch): readonly Uint32Array[] {
  return [
    ...(origin === undefined ? [] : RESOURCE_COLUMNS.map(({ name }) => origin[name as 'host_id'])),
    ...(carried === undefined ? [] : [carried.resource_attributes]),
  ]
}

function writeResource(wire: WireWriter, batch: FlowBatch, row: number): void {
  const { origin, carried, strings } = batch
  const more = Buffer.from(strings.at(carried?.resource_attributes[row] ?? 0), 'latin1')
  const resource = wire.open(RESOURCE, 1)
  // Somebody on the way may have named the service otherwise: then that is carried.
  if (!hasKey(more, 'service.name')) putResource(wire, 'service.name', SERVICE_NAME)
  if (origin !== undefined) {
    for (const { name } of RESOURCE_COLUMNS) {
      const value = batch.text(origin[name as 'host_id'], row)
      if (value !== '') putResource(wire, keyOf(name), value)
    }
  }
  wire.raw(more)
  wire.close(resource, 1)
}

function putResource(wire: WireWriter, key: string, value: string): void {
  const start = wire.open(RESOURCE_ATTRIBUTES, 1)
  writeString(wire, key, value)
  wire.close(start, 1)
}

function hasKey(fields: Uint8Array, key: string): boolean {
  const attributes = new AttributesView(new WireSource(fields))
  attributes.over({ start: 0, end: fields.length }, 1)
  while (attributes.next()) if (attributes.key === key) return true
  return false
}
