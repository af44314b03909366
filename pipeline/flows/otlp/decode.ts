/**
 * Flow rows from the bytes of an `ExportLogsServiceRequest`: docs/FLOWS.md.
 *
 * Columns are written straight from the wire: a key is found by its bytes, and its column knows how
 * to read the value behind it. Fields may stand in any order, as the Collector writes them from the
 * last to the first. What has no column is carried along in the row, and written out again.
 *
 * The bytes must have passed `checkRequest`. A record that is no row is left out and counted.
 */
import { LEN } from '../../otlp/wire.ts'
import { FieldReader, WireSource } from '../../otlp/wire_reader.ts'
import { FlowBatch } from '../batch.ts'
import { textAt } from './attribute_reader.ts'
import { ByteStrings } from './byte_strings.ts'
import { isFlowScope } from './flow_scopes.ts'
import { KeyTable } from './key_table.ts'
import { RESOURCE_COLUMNS, SERVICE_NAME } from './mapping.ts'
import { RecordReader } from './record_reader.ts'

export interface DecodedFlows {
  readonly batch: FlowBatch
  /** Records in scopes of rows that are none. */
  readonly rejected: number
  /** Why not, of the first. */
  readonly reason: string
}

/** What the rows of a resource have in common: indexes of strings, by RESOURCE_COLUMNS. */
interface Resource {
  readonly values: Uint32Array
  readonly isEmpty: boolean
  readonly carried: number
}

const NAMES = RESOURCE_COLUMNS.map(({ name }) => name)
const SERVICE_INDEX = RESOURCE_COLUMNS.length
const KEYS = new KeyTable([...RESOURCE_COLUMNS.map(({ key }) => key), 'service.name'])

/** Only scopes of rows are read. @param records how many stand in them */
export function decodeFlows(bytes: Uint8Array, records: number): DecodedFlows {
  const source = new WireSource(bytes)
  const batch = new FlowBatch(Math.max(records, 1))
  const texts = new ByteStrings(source.bytes, batch.strings)
  const reader = new RecordReader({ source, batch, texts })
  const resources = new FieldReader(source)
  const scopes = new FieldReader(source)
  const items = new FieldReader(source)
  let rejected = 0
  let reason = ''
  resources.reset(0, bytes.length)
  while (resources.nextMessage(1)) {
    let resource: Resource | undefined
    scopes.reset(resources.start, resources.end)
    while (scopes.nextMessage(2)) {
      if (!isFlowScope(source, scopes)) continue
      resource ??= readResource(resources, { source, batch, texts })
      items.reset(scopes.start, scopes.end)
      while (items.nextMessage(2) && !batch.full) {
        const row = batch.addRow()
        const wrong = reader.read(row, items.start, items.end)
        if (wrong === undefined) assign(batch, row, resource)
        else {
          batch.dropRow()
          if (rejected++ === 0) reason = wrong
        }
      }
    }
  }
  return { batch, rejected, reason }
}

interface Reading {
  readonly source: WireSource
  readonly batch: FlowBatch
  readonly texts: ByteStrings
}

/** The resource of the ResourceLogs in the range, wherever in it that stands. */
function readResource(
  { start, end }: { readonly start: number; readonly end: number },
  { source, batch, texts }: Reading,
): Resource {
  const outer = new FieldReader(source)
  const fields = new FieldReader(source)
  const values = new Uint32Array(RESOURCE_COLUMNS.length)
  let carried = ''
  outer.reset(start, end)
  while (outer.nextMessage(1)) {
    let from = outer.start
    fields.reset(outer.start, outer.end)
    while (fields.next()) {
      const isAttribute = fields.field === 1 && fields.wireType === LEN
      if (!(isAttribute && takeAttribute(fields, values, { source, texts })) && !isEmpty(fields)) {
        carried += source.bytes.toString('latin1', from, fields.end)
      }
      from = fields.end
    }
  }
  const index = batch.strings.intern(carried)
  return { values, isEmpty: values.every((value) => value === 0), carried: index }
}

function isEmpty({ wireType, start, end, lo, hi }: FieldReader): boolean {
  return wireType === LEN ? start === end : lo === 0 && hi === 0
}

function takeAttribute(
  attribute: FieldReader,
  values: Uint32Array,
  { source, texts }: { source: WireSource; texts: ByteStrings },
): boolean {
  const pair = new FieldReader(source)
  let index = -1
  let from = -1
  let end = 0
  pair.reset(attribute.start, attribute.end)
  while (pair.next()) {
    if (pair.wireType !== LEN) continue
    if (pair.field === 1) index = KEYS.find(source.view, pair.start, pair.end)
    else if (pair.field === 2) {
      from = textAt(source.bytes, pair.start, pair.end)
      end = pair.end
    }
  }
  if (index < 0 || from < 0) return false
  if (index === SERVICE_INDEX) return source.text(from, end) === SERVICE_NAME
  values[index] = texts.intern(from, end)
  return true
}

function assign(batch: FlowBatch, row: number, resource: Resource): void {
  if (!resource.isEmpty) {
    const origin = batch.add('origin')
    for (let i = 0; i < NAMES.length; i++) {
      origin[NAMES[i] as 'host_id'][row] = resource.values[i] as number
    }
  }
  if (resource.carried !== 0) batch.add('carried').resource_attributes[row] = resource.carried
}
