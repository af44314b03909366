/**
 * Cuts a request into pieces of at most so many items or bytes by slicing its wire bytes, and puts
 * requests together; nothing is decoded.
 *
 *     request ─┬─ resource A ─┬─ scope ─┬─ span 1        piece 1: A { scope { span 1, span 2 } }
 *              │              │         ├─ span 2
 *              │              │         └─ span 3        piece 2: A { scope { span 3 } }, B { … }
 *              └─ resource B ─── …
 *
 * A message that does not fit is opened: what it has beside the children on the path (a resource's
 * attributes, a metric's name, fields that are not known here) is its head, and stands in every
 * piece that has children of it. What fits goes over whole, as one slice. Items keep their order.
 *
 * An item that is larger than a piece may be makes a piece of its own. So does a metric that holds
 * several data fields: its decoder merges or replaces them, which it could not across pieces.
 */
import type { OtlpBatch } from './batch.ts'
import { ItemCounter, PATHS } from './count.ts'
import { Pieces } from './pieces.ts'
import { LEN } from './wire.ts'
import { FieldReader, type Malformed, WireSource } from './wire_reader.ts'

export interface Limit {
  readonly sizer: 'items' | 'bytes'
  /** Of one piece; at least 1. */
  readonly max: number
}

export interface Piece {
  readonly bytes: Uint8Array
  readonly items: number
}

/** Field `field` of a message: its bytes with tag and length, and its content. */
interface Field {
  readonly field: number
  readonly from: number
  readonly start: number
  readonly end: number
}

/** Never empty: what fits is one piece, the same bytes. Or why the bytes are not a request. */
export function splitRequest(
  batch: Pick<OtlpBatch, 'signal' | 'bytes'>,
  limit: Limit,
): readonly Piece[] | Malformed {
  const { signal, bytes } = batch
  const source = new WireSource(bytes)
  const counter = new ItemCounter(signal, source)
  const items = counter.count(0, { start: 0, end: bytes.length })
  if (source.fault !== undefined) return source.fault
  if ((limit.sizer === 'items' ? items : bytes.length) <= limit.max) return [{ bytes, items }]
  const splitter = new Splitter(signal, { source, counter, limit })
  splitter.walk(0, { start: 0, end: bytes.length })
  return source.fault ?? splitter.pieces.finish()
}

/** Several requests of one signal as one: protobuf merges what is concatenated. */
export function mergeRequests(requests: readonly Uint8Array[]): Uint8Array {
  return requests.length === 1 ? (requests[0] as Uint8Array) : Buffer.concat(requests)
}

class Splitter {
  readonly pieces: Pieces
  readonly #path: readonly (readonly number[])[]
  readonly #counter: ItemCounter
  readonly #readers: readonly FieldReader[]
  /** For looking ahead in a message that is walked afterwards. */
  readonly #ahead: FieldReader

  constructor(
    signal: OtlpBatch['signal'],
    of: { source: WireSource; counter: ItemCounter; limit: Limit },
  ) {
    this.#path = PATHS[signal]
    this.#counter = of.counter
    this.#readers = this.#path.map(() => new FieldReader(of.source))
    this.#ahead = new FieldReader(of.source)
    this.pieces = new Pieces(of.source.bytes, of.limit)
  }

  /** Places the children of a message of `level`; of the request also everything else. */
  walk(level: number, { start, end }: { start: number; end: number }): void {
    const reader = this.#readers[level] as FieldReader
    let from = start
    reader.reset(start, end)
    while (reader.next()) {
      const { field, start: content, end: next } = reader
      if (this.#isChild(level, reader)) {
        this.#place(level, { field, from, start: content, end: next })
      } else if (level === 0) this.pieces.add(from, next, 0)
      from = next
    }
  }

  #place(level: number, child: Field): void {
    const { from, end } = child
    const below = level + 1
    const isItem = below === this.#path.length
    const items = isItem ? 1 : this.#counter.count(below, child)
    if (this.pieces.fit(from, end, items)) return
    if (isItem || items === 0) {
      this.pieces.add(from, end, items)
      return
    }
    const { head, children } = this.#lookInto(below, child)
    // Only a metric's data can be there twice and still be one thing.
    if (below === 3 && children > 1) {
      this.pieces.add(from, end, items)
      return
    }
    this.pieces.open(child.field, head)
    this.walk(below, child)
    this.pieces.close()
  }

  /** Where the fields stand that every piece repeats, and how many others there are. */
  #lookInto(level: number, { start, end }: Field): { head: number[]; children: number } {
    const reader = this.#ahead
    const head: number[] = []
    let children = 0
    let from = start
    reader.reset(start, end)
    while (reader.next()) {
      if (this.#isChild(level, reader)) children++
      else if (head.at(-1) === from) head[head.length - 1] = reader.end
      else head.push(from, reader.end)
      from = reader.end
    }
    return { head, children }
  }

  #isChild(level: number, reader: FieldReader): boolean {
    return reader.wireType === LEN && (this.#path[level] as number[]).includes(reader.field)
  }
}
