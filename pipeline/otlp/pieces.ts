/**
 * Puts pieces of a request together from slices of its bytes (see split.ts): a stack of open
 * messages, of which each new piece opens its own with the same head.
 */
import type { Limit, Piece } from './split.ts'
import { varintSize } from './varint.ts'
import { LEN, tag } from './wire.ts'

/** Bytes of a field's tag and length, at most. */
const FIELD_MAX = 6

/** A message that is being put together. */
interface Open {
  /** One byte: field numbers on the path are below 16. */
  readonly tag: number
  /** Offsets in pairs: from, to. */
  readonly head: readonly number[]
  readonly parts: Part[]
  /** Bytes of head and parts. */
  length: number
}

/** A slice of the request, or a message that has been closed. */
type Part = { from: number; to: number } | Open

export class Pieces {
  readonly #source: Buffer
  readonly #limit: Limit
  readonly #done: Piece[] = []
  /** The request, then the open messages, each in the one before. */
  #stack: Open[] = [opened(0, [])]
  #items = 0
  #isEmpty = true
  /** Bytes of the piece if every length took as many bytes as it can: saves most of the sums. */
  #sizeMax = 0

  constructor(source: Buffer, limit: Limit) {
    this.#source = source
    this.#limit = limit
  }

  /** Adds a field of the innermost message if it still goes into the piece. */
  fit(from: number, to: number, items: number): boolean {
    const fits =
      this.#limit.sizer === 'items'
        ? this.#items + items <= this.#limit.max
        : this.#hasRoom(to - from)
    if (fits) this.#put(from, to, items)
    return fits
  }

  /** Adds a field of the innermost message; alone in a new piece if it fits into none. */
  add(from: number, to: number, items: number): void {
    if (this.fit(from, to, items)) return
    if (!this.#isEmpty) this.#cut()
    this.#put(from, to, items)
  }

  #put(from: number, to: number, items: number): void {
    const message = this.#stack.at(-1) as Open
    const last = message.parts.at(-1)
    if (last !== undefined && 'to' in last && last.to === from) last.to = to
    else message.parts.push({ from, to })
    message.length += to - from
    this.#sizeMax += to - from
    this.#items += items
    this.#isEmpty = false
  }

  #hasRoom(bytes: number): boolean {
    if (this.#sizeMax + bytes <= this.#limit.max) return true
    return this.#sizeWith(bytes) <= this.#limit.max
  }

  /** What is added until `close` is in this message; in every piece it begins with the head. */
  open(field: number, head: readonly number[]): void {
    const message = opened(tag(field, LEN), head)
    this.#stack.push(message)
    this.#sizeMax += message.length + FIELD_MAX
  }

  close(): void {
    leave(this.#stack.at(-2) as Open, this.#stack.pop() as Open)
  }

  finish(): readonly Piece[] {
    this.#cut()
    return this.#done
  }

  #cut(): void {
    const again = this.#stack.map((message) => opened(message.tag, message.head))
    while (this.#stack.length > 1) this.close()
    const request = this.#stack[0] as Open
    const bytes = Buffer.allocUnsafeSlow(request.length)
    if (request.length > 0) this.#done.push({ bytes, items: this.#items })
    this.#write(request, { into: bytes, at: 0 })
    this.#stack = again
    this.#sizeMax = again.reduce((sum, { length }) => sum + length + FIELD_MAX, 0)
    this.#items = 0
    this.#isEmpty = true
  }

  /** Bytes of the piece if the innermost message had so many more. */
  #sizeWith(bytes: number): number {
    let size = bytes
    for (let i = this.#stack.length - 1; i > 0; i--) {
      size = fieldSize((this.#stack[i] as Open).length + size)
    }
    return (this.#stack[0] as Open).length + size
  }

  #write(message: Open, out: { into: Buffer; at: number }): void {
    const { head, parts } = message
    for (let i = 0; i < head.length; i += 2) {
      out.at += this.#source.copy(out.into, out.at, head[i], head[i + 1])
    }
    for (const part of parts) {
      if ('to' in part) out.at += this.#source.copy(out.into, out.at, part.from, part.to)
      else {
        out.into[out.at++] = part.tag
        out.at = writeVarint(out.into, out.at, part.length)
        this.#write(part, out)
      }
    }
  }
}

function opened(tagByte: number, head: readonly number[]): Open {
  let length = 0
  for (let i = 0; i < head.length; i += 2) length += (head[i + 1] as number) - (head[i] as number)
  return { tag: tagByte, head, parts: [], length }
}

/** A message of which this piece has no children is not in it. */
function leave(parent: Open, message: Open): void {
  if (message.parts.length === 0) return
  parent.parts.push(message)
  parent.length += fieldSize(message.length)
}

function fieldSize(length: number): number {
  return 1 + varintSize(length) + length
}

function writeVarint(into: Buffer, start: number, value: number): number {
  let at = start
  let rest = value
  while (rest > 0x7f) {
    into[at++] = (rest & 0x7f) | 0x80
    rest >>>= 7
  }
  into[at++] = rest
  return at
}
