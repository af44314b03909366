/**
 * Which request a thread was at, and when: one turn for each change, in the order of its pieces.
 *
 * Only as far back as a connect() may lie behind the first request on its connection.
 */
import type { Connection } from './connection.ts'
import type { Exchange } from './exchange.ts'
import type { Piece } from './piece.ts'

/** A burst of 64 requests, each read, sent on and answered within one wake, fits. */
const TURNS_MAX = 256

/** Turns that a thread without a request keeps for its next one, to be filled again. */
const KEPT_MAX = 32

export interface Turn {
  timeNs: number
  /** payload_record.sleeps. */
  sleeps: number
  /** The request that the thread turned to; undefined: another, or nobody knows which. */
  to: Exchange | undefined
  /** Where it read that; undefined: forgotten. */
  connection: Connection | undefined
  /** The thread had slept just before. */
  woke: boolean
}

export class Turns {
  readonly #ring: Turn[] = []
  #length = 0
  /** The last turn, and its place. */
  #newest: Turn | undefined
  #last = -1
  /** Of the last piece. */
  #sleeps: number | undefined

  /** The thread has read or written in the name of `to`. */
  turn(piece: Piece, to: Exchange | undefined, connection: Connection): void {
    const { sleeps } = piece
    const woke = this.#sleeps !== undefined && this.#sleeps !== sleeps
    this.#sleeps = sleeps
    const newest = this.#newest
    if (newest !== undefined && to === undefined && newest.to === undefined && !woke) return
    const turn = this.#next()
    turn.timeNs = piece.timeNs
    turn.sleeps = sleeps
    turn.to = to
    turn.connection = connection
    turn.woke = woke
  }

  /** The one to be filled, which was the oldest if there are so many. */
  #next(): Turn {
    if (++this.#last === TURNS_MAX) this.#last = 0
    if (this.#length < TURNS_MAX) this.#length++
    let turn = this.#ring[this.#last]
    if (turn === undefined) {
      turn = { timeNs: Number.NaN, sleeps: 0, to: undefined, connection: undefined, woke: false }
      this.#ring.push(turn)
    }
    this.#newest = turn
    return turn
  }

  /** The thread has written in the name of whom it is at. */
  stay({ sleeps }: Piece): void {
    this.#sleeps = sleeps
  }

  /** Forgets all. */
  clear(): void {
    const ring = this.#ring
    if (ring.length > KEPT_MAX) ring.length = KEPT_MAX
    for (let i = Math.min(this.#length, ring.length) - 1; i >= 0; i--) {
      const turn = ring[i] as Turn
      turn.to = undefined
      turn.connection = undefined
    }
    this.#length = 0
    this.#last = -1
    this.#newest = undefined
    this.#sleeps = undefined
  }

  get last(): Turn | undefined {
    return this.#newest
  }

  /** The last turn by that time, if it is remembered. */
  at(timeNs: number): Turn | undefined {
    for (let back = 0; back < this.#length; back++) {
      const turn = this.#ring[(this.#last - back + TURNS_MAX) % TURNS_MAX] as Turn
      if (turn.timeNs <= timeNs) return turn
    }
    return undefined
  }
}
