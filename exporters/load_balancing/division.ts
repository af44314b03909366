/**
 * Divides a request among backends by slicing its bytes; nothing is decoded.
 *
 *     resource A ── scope ── span 1 (key → 0)         0: A { scope { span 1, span 3 } }
 *                         ├─ span 2 (key → 1)         1: A { scope { span 2 } }
 *                         └─ span 3 (key → 0)
 *
 * What a message has beside its children is its head, and stands in every part that has children of
 * it. A resource whose items all have one owner goes over as one slice, and one that has no items,
 * like what stands beside the resources, goes to the owner of what came before. Items keep their
 * order.
 */

import type { OtlpBatch } from '../../pipeline/otlp/batch.ts'
import { ItemCounter } from '../../pipeline/otlp/count.ts'
import { varintSize } from '../../pipeline/otlp/varint.ts'
import { LEN, tag } from '../../pipeline/otlp/wire.ts'
import { FieldReader, type Malformed, WireSource } from '../../pipeline/otlp/wire_reader.ts'

/** Tells the owner of the item, or of the resource, whose content is in the range. */
export type OwnerOf = (source: WireSource, start: number, end: number) => number

export interface DivisionSettings {
  /** Whether `ownerOf` is asked for each item, or for each resource (ResourceSpans, …). */
  readonly by: 'item' | 'resource'
  readonly ownerOf: OwnerOf
}

export interface Part {
  readonly owner: number
  readonly batch: OtlpBatch
}

/** A slice of the request, or a message put together from such. */
type Piece = Slice | Message
type Pieces = Piece[]

interface Slice {
  readonly from: number
  readonly to: number
}

interface Message {
  readonly tag: number
  readonly pieces: Pieces
  length: number
}

interface Share {
  readonly pieces: Pieces
  items: number
}

interface Given {
  readonly items: number
  readonly piece: Piece
}

const RESOURCE = tag(1, LEN)
const CHILD = tag(2, LEN)

/** A part for each owner that has any; or why the bytes are not a request. */
export function divide(batch: OtlpBatch, settings: DivisionSettings): readonly Part[] | Malformed {
  const division = new Division(batch, settings)
  return division.run()
}

class Division {
  readonly #batch: OtlpBatch
  readonly #settings: DivisionSettings
  readonly #source: WireSource
  readonly #counter: ItemCounter
  readonly #shares = new Map<number, Share>()
  readonly #resources: FieldReader
  readonly #scopes: FieldReader
  readonly #items: FieldReader
  /** Whose was what came before; the first's, before anything. */
  #lastOwner = 0

  constructor(batch: OtlpBatch, settings: DivisionSettings) {
    this.#batch = batch
    this.#settings = settings
    this.#source = new WireSource(batch.bytes)
    this.#counter = new ItemCounter(batch.signal, this.#source)
    this.#resources = new FieldReader(this.#source)
    this.#scopes = new FieldReader(this.#source)
    this.#items = new FieldReader(this.#source)
  }

  run(): readonly Part[] | Malformed {
    const { signal, client } = this.#batch
    const source = this.#source
    const fields = this.#resources
    let from = 0
    fields.reset(0, source.bytes.length)
    while (fields.next()) {
      const { start, end } = fields
      if (fields.field !== 1 || fields.wireType !== LEN)
        this.#give(this.#lastOwner, { items: 0, piece: { from, to: end } })
      else if (this.#settings.by === 'resource') this.#giveWhole({ from, to: end }, start)
      else this.#divideResource({ from, to: end }, start)
      from = end
    }
    if (source.fault !== undefined) return source.fault
    return [...this.#shares].map(([owner, { pieces, items }]) => {
      const bytes = this.#bytesOf(pieces)
      return { owner, batch: { signal, bytes, items, ...(client !== undefined && { client }) } }
    })
  }

  #giveWhole(range: Slice, start: number): void {
    const { to: end } = range
    const items = this.#counter.count(1, { start, end })
    const owner = this.#settings.ownerOf(this.#source, start, end)
    this.#give(owner, { items, piece: range })
  }

  #divideResource(range: Slice, start: number): void {
    const head: Pieces = []
    const shares = new Map<number, Share>()
    const scopes = this.#scopes
    let from = start
    scopes.reset(start, range.to)
    while (scopes.next()) {
      const { start: content, end } = scopes
      if (scopes.field === 2 && scopes.wireType === LEN) this.#divideScope(shares, content, end)
      else join(head, { from, to: end })
      from = end
    }
    const [only] = shares
    if (only === undefined) this.#give(this.#lastOwner, { items: 0, piece: range })
    else if (shares.size === 1) this.#give(only[0], { items: only[1].items, piece: range })
    else {
      for (const [owner, { pieces, items }] of shares) {
        this.#give(owner, { items, piece: message(RESOURCE, [...head, ...pieces]) })
      }
    }
  }

  #divideScope(shares: Map<number, Share>, start: number, end: number): void {
    const head: Pieces = []
    const items = this.#items
    const own = new Map<number, Share>()
    let from = start
    items.reset(start, end)
    while (items.next()) {
      const { start: content, end: next } = items
      if (items.field === 2 && items.wireType === LEN) {
        const owner = this.#settings.ownerOf(this.#source, content, next)
        add(own, owner, { items: 1, piece: { from, to: next } })
      } else join(head, { from, to: next })
      from = next
    }
    for (const [owner, { pieces, items: count }] of own) {
      add(shares, owner, { items: count, piece: message(CHILD, [...head, ...pieces]) })
    }
  }

  #give(owner: number, given: Given): void {
    this.#lastOwner = owner
    add(this.#shares, owner, given)
  }

  #bytesOf(pieces: Pieces): Uint8Array {
    const { bytes } = this.#source
    const [only] = pieces
    if (pieces.length === 1 && only !== undefined && 'to' in only)
      return bytes.subarray(only.from, only.to)
    const into = Buffer.allocUnsafeSlow(lengthOf(pieces))
    this.#write(pieces, into, 0)
    return into
  }

  #write(pieces: Pieces, into: Buffer, start: number): number {
    let at = start
    for (const piece of pieces) {
      if ('to' in piece) {
        at += this.#source.bytes.copy(into, at, piece.from, piece.to)
        continue
      }
      into[at++] = piece.tag
      let length = piece.length
      for (; length > 0x7f; length >>>= 7) into[at++] = (length & 0x7f) | 0x80
      into[at++] = length
      at = this.#write(piece.pieces, into, at)
    }
    return at
  }
}

function add(shares: Map<number, Share>, owner: number, { items, piece }: Given): void {
  let share = shares.get(owner)
  if (share === undefined) {
    share = { pieces: [], items: 0 }
    shares.set(owner, share)
  }
  share.items += items
  join(share.pieces, piece)
}

function join(pieces: Pieces, piece: Piece): void {
  const last = pieces.at(-1)
  if (last !== undefined && 'to' in last && 'to' in piece && last.to === piece.from) {
    pieces[pieces.length - 1] = { from: last.from, to: piece.to }
  } else pieces.push(piece)
}

function message(tagByte: number, pieces: Pieces): Message {
  return { tag: tagByte, pieces, length: lengthOf(pieces) }
}

function lengthOf(pieces: Pieces): number {
  let length = 0
  for (const piece of pieces) {
    if ('to' in piece) length += piece.to - piece.from
    else length += 1 + varintSize(piece.length) + piece.length
  }
  return length
}
