/** Counts the items of a request by skipping from length to length; contents are not looked at. */
import type { OtlpBatch } from './batch.ts'
import { LEN } from './wire.ts'
import { FieldReader, type Malformed, WireSource } from './wire_reader.ts'

/**
 * Field numbers on the way from the request to an item:
 * request → resources → scopes → spans or records; metrics → data of any kind → points.
 */
export const PATHS: { readonly [S in OtlpBatch['signal']]: readonly (readonly number[])[] } = {
  traces: [[1], [2], [2]],
  logs: [[1], [2], [2]],
  metrics: [[1], [2], [2], [5, 7, 9, 10, 11], [1]],
}

/** Counts items below any message on the path; level 0 is the request. */
export class ItemCounter {
  readonly #path: readonly (readonly number[])[]
  readonly #readers: readonly FieldReader[]

  constructor(signal: OtlpBatch['signal'], source: WireSource) {
    this.#path = PATHS[signal]
    this.#readers = this.#path.map(() => new FieldReader(source))
  }

  /** Items in the message of `level` whose content is [start, end). A fault is the source's. */
  count(top: number, { start, end }: { start: number; end: number }): number {
    this.#readers[top]?.reset(start, end)
    let items = 0
    let level = top
    while (level >= top) {
      const reader = this.#readers[level] as FieldReader
      const wanted = this.#path[level] as readonly number[]
      if (!reader.next()) level--
      else if (reader.wireType !== LEN || !wanted.includes(reader.field)) continue
      else if (level === this.#path.length - 1) items++
      else this.#readers[++level]?.reset(reader.start, reader.end)
    }
    return items
  }
}

/** Spans, data points or log records in the request; why not, when its bytes are malformed. */
export function countItems(signal: OtlpBatch['signal'], bytes: Uint8Array): number | Malformed {
  const source = new WireSource(bytes)
  const items = new ItemCounter(signal, source).count(0, { start: 0, end: bytes.length })
  return source.fault ?? items
}
