/**
 * The attributes among the fields of a log record or resource as one JSON object: `{"key":value}`,
 * for people. Field numbers as in logs_writer.ts and writer.ts.
 */
import { readValue, type Value } from './values.ts'
import { LEN } from './wire.ts'
import { FieldReader, WireSource } from './wire_reader.ts'

const OF_RESOURCE = 1
const OF_RECORD = 6

/** @param fields a character a byte. '' when there is no attribute in them */
export function attributesJson(fields: string): string {
  if (fields === '') return ''
  const source = new WireSource(Buffer.from(fields, 'latin1'))
  const reader = new FieldReader(source)
  const pair = new FieldReader(source)
  const values = new Map<string, Value>()
  reader.reset(0, fields.length)
  while (reader.next()) {
    const { field, wireType } = reader
    if (wireType !== LEN || (field !== OF_RESOURCE && field !== OF_RECORD)) continue
    let key = ''
    let value: Value
    pair.reset(reader.start, reader.end)
    while (pair.next()) {
      if (pair.wireType !== LEN) continue
      if (pair.field === 1) key = source.text(pair.start, pair.end)
      else if (pair.field === 2) value = readValue(source, pair.start, pair.end)
    }
    if (source.fault === undefined) values.set(key, value)
  }
  return values.size === 0 ? '' : valueJson(values)
}

function valueJson(value: Value): string {
  if (value === undefined) return 'null'
  if (typeof value === 'bigint') return String(value)
  if (value instanceof Uint8Array) return JSON.stringify(Buffer.from(value).toString('base64'))
  if (value instanceof Map) {
    const pairs = [...(value as ReadonlyMap<string, Value>)]
    return `{${pairs.map(([key, of]) => `${JSON.stringify(key)}:${valueJson(of)}`).join(',')}}`
  }
  if (Array.isArray(value)) return `[${value.map(valueJson).join(',')}]`
  return JSON.stringify(value)
}
