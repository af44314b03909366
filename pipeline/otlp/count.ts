/** Counts the items of a request by skipping from length to length; contents are not looked at. */
import type { OtlpBatch } from './batch.ts'
import { FieldReader, type Malformed, WireSource } from './wire_reader.ts'

/**
 * Field numbers on the way from the request to an item:
 * request → resources → scopes → spans or records; metrics → data of any kind → points.
 */
const PATHS: { readonly [S in OtlpBatch['signal']]: readonly (readonly number[])[] } = {
  traces: [[1], [2], [2]],
  logs: [[1], [2], [2]],
  metrics: [[1], [2], [2], [5, 7, 9, 10, 11], [1]],
}

/** Spans, data points or log records in the request; why not, when its bytes are malformed. */
export function countItems(signal: OtlpBatch['signal'], bytes: Uint8Array): number | Malformed {
  const source = new WireSource(bytes)
  const path = PATHS[signal]
  const readers = path.map(() => new FieldReader(source))
  readers[0]?.reset(0, bytes.length)
  let items = 0
  let level = 0
  while (level >= 0) {
    const reader = readers[level] as FieldReader
    const wanted = path[level] as readonly number[]
    if (!reader.next()) level--
    else if (reader.wireType !== 2 || !wanted.includes(reader.field)) continue
    else if (level === path.length - 1) items++
    else readers[++level]?.reset(reader.start, reader.end)
  }
  return source.fault ?? items
}
