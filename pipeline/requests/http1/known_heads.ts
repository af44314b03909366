/** Reads the heads of one direction of a connection, each as far as it is like one before it. */
import type { Head } from './head.ts'
import { type HeadRange, readFields, readFirstLine } from './head_reader.ts'
import { KNOWN_MAX, KnownHead, NO_SHAPE, OTHER, shapeOf } from './known_head.ts'

/** After as many heads in a row that were like none, only now and then one is kept and compared. */
const UNLIKE_MAX = 4

const places = Array.from({ length: KNOWN_MAX }, (_, place) => new KnownHead(place))

/** The one of that shape, or that is to have it; of two places, so that two in turns can stay. */
function placeOf(shape: number): KnownHead {
  const place = (shape ^ (shape >>> 16)) & (KNOWN_MAX - 1)
  const first = places[place] as KnownHead
  const second = places[place ^ 1] as KnownHead
  if (first.shape === shape || first.shape === NO_SHAPE) return first
  return second.shape === shape || second.shape === NO_SHAPE ? second : first
}

/** Those found last on any connection: what the first head of another will be like. */
const last: Record<Side, KnownHead | undefined> = { request: undefined, response: undefined }

type Side = 'request' | 'response'

export class KnownHeads {
  readonly #side: Side
  #known: KnownHead | undefined
  /** Heads in a row that were like none. */
  #unlike = 0

  constructor(side: Side) {
    this.#side = side
    this.#known = last[side]
  }

  /** As readHead(), of a head that is not cut; of `range.at` nothing is left. */
  read(head: Head, bytes: Buffer, range: HeadRange): number {
    const from = readFirstLine(head, bytes, range)
    if (from < 0) return from
    const known = this.#known
    const end = known === undefined ? OTHER : known.read(head, bytes, from, range.to)
    if (end === OTHER) {
      range.at = from
      return this.#readOther(head, bytes, range)
    }
    this.#unlike = 0
    return end
  }

  /** Reads the fields from `range.at` on, which are not like those expected. */
  #readOther(head: Head, bytes: Buffer, range: HeadRange): number {
    const { at, to } = range
    const otherwise = this.#known?.otherwise
    let from = this.#known?.otherFrom ?? at
    if (otherwise !== undefined) {
      head.resetFields()
      const end = otherwise.read(head, bytes, at, to)
      if (end !== OTHER) {
        this.#known = otherwise
        return end
      }
      from = otherwise.otherFrom
    }
    const end = readFields(head, bytes, from, to)
    if (end >= 0) this.#keep(head, bytes, at, end)
    return end
  }

  #keep(head: Head, bytes: Buffer, from: number, end: number): void {
    const unlike = ++this.#unlike
    const before = this.#known
    if (unlike > UNLIKE_MAX) this.#known = undefined
    const isPowerOfTwo = (unlike & (unlike - 1)) === 0
    const shape = isPowerOfTwo ? shapeOf(bytes, from, end) : NO_SHAPE
    if (shape === NO_SHAPE) return
    const found = placeOf(shape)
    if (found.shape !== shape || found === before) {
      found.shape = shape
      found.keep(head, bytes, from, end)
    }
    if (before !== undefined && before !== found) {
      before.otherwise = found
      found.otherwise ??= before
    }
    this.#known = found
    last[this.#side] = found
  }
}

/** For the first heads of all connections: what many have but once is not to be made for each. */
export const FIRST_HEADS: Record<Side, KnownHeads> = {
  request: new KnownHeads('request'),
  response: new KnownHeads('response'),
}
