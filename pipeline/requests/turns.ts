/**
 * Which request a thread was at, and when: one turn for each change, in the order of its pieces.
 *
 * Only as far back as a connect() may lie behind the first request on its connection.
 */
import type { Connection } from './connection.ts'
import type { Exchange } from './exchange.ts'
import type { Piece } from './http1/piece.ts'

/** A burst of 64 requests, each read, sent on and answered within one wake, fits. */
const TURNS_MAX = 256

export interface Turn {
  timeNs: number
  /** payload_record.sleeps. */
  sleeps: number
  /** The request that the thread turned to; undefined: another, or nobody knows which. */
  to: Exchange | undefined
  /** Where it read that. */
  connection: Connection
  /** The thread had slept just before. */
  woke: boolean
}

export class Turns {
  readonly #ring: Turn[] = []
  /** Place of the last turn. */
  #last = -1
  /** Of the last piece. */
  #sleeps: number | undefined

  /** The thread has read or written in the name of `to`. */
  turn({ timeNs, sleeps }: Piece, to: Exchange | undefined, connection: Connection): void {
    const woke = this.#sleeps !== undefined && this.#sleeps !== sleeps
    this.#sleeps = sleeps
    const last = this.last
    if (last !== undefined && to === undefined && last.to === undefined && !woke) return
    if (++this.#last === TURNS_MAX) this.#last = 0
    const oldest = this.#ring[this.#last]
    if (oldest === undefined) {
      this.#ring.push({ timeNs, sleeps, to, connection, woke })
      return
    }
    oldest.timeNs = timeNs
    oldest.sleeps = sleeps
    oldest.to = to
    oldest.connection = connection
    oldest.woke = woke
  }

  /** The thread has written in the name of whom it is at. */
  stay({ sleeps }: Piece): void {
    this.#sleeps = sleeps
  }

  /** Forgets all. */
  clear(): void {
    this.#ring.length = 0
    this.#last = -1
    this.#sleeps = undefined
  }

  get last(): Turn | undefined {
    return this.#ring[this.#last]
  }

  /** The last turn by that time, if it is remembered. */
  at(timeNs: number): Turn | undefined {
    const { length } = this.#ring
    for (let back = 0; back < length; back++) {
      const turn = this.#ring[(this.#last - back + length) % length]
      if (turn !== undefined && turn.timeNs <= timeNs) return turn
    }
    return undefined
  }
}
