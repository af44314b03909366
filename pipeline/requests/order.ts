/**
 * Whose the next answer is after bytes were missing, where nothing but order tells.
 *
 * Whoever takes turns (asks, be it several things at once, and nothing more before all are
 * answered) has had all answers when he asks: the next is his. Whoever goes on asking meanwhile may
 * be answered what nobody has seen him ask, so that no answer is anybody's any more, not even a
 * single open request's. For protocols whose answers never take long, a silence before a request
 * tells that nothing was open.
 */
import type { Exchanges } from './exchanges.ts'

const SILENCE_NS = 1e9
/** What is wanted of several answers at once: where one of them ends is told by all before. */
export const ANSWERS_BYTES = 8192

/** Reads the answers. */
export interface AnswerReader {
  /** It does not know where the next answer begins. */
  readonly isLost: boolean
  lose(): void
  resume(): void
}

export interface OrderOf {
  readonly answers: AnswerReader
  /** All that is open has been answered unseen. */
  giveUp(): void
  /** An answer that takes a second is none that others wait behind. */
  readonly isQuick: boolean
  readonly pipelines?: boolean | undefined
}

export class Order {
  /** More was asked while some of what was asked at once had been answered, and some had not. */
  pipelines: boolean
  readonly #exchanges: Exchanges
  readonly #of: OrderOf
  /** Bytes were missing since it was certain last that all that is open was seen. */
  #isAssumed = false
  #lastNs = 0
  /** Since something was asked, with nothing open, there was an answer. */
  #isAnswered = false
  /** Before the last piece nothing came for a while. */
  #wasSilent = false

  constructor(exchanges: Exchanges, of: OrderOf) {
    this.#exchanges = exchanges
    this.#of = of
    this.pipelines = of.pipelines ?? false
  }

  /** The next piece of either direction. */
  piece(timeNs: number): void {
    this.#wasSilent = this.#lastNs > 0 && timeNs - this.#lastNs >= SILENCE_NS
    this.#lastNs = timeNs
  }

  /** The next piece of the answers. */
  answered(): void {
    this.#isAnswered = true
  }

  /** Bytes are missing, of either direction. */
  missed(): void {
    this.#isAssumed = true
  }

  /** A request begins, and its exchange does not yet. */
  begins(): void {
    const { answers, giveUp, isQuick } = this.#of
    const { newest } = this.#exchanges
    if (newest === undefined) {
      this.#isAnswered = false
      if (!isQuick || !this.#isAssumed || !this.#wasSilent) return
      this.#isAssumed = false
      // Nothing else is open, so the answers go on with its own.
      answers.resume()
    } else if (!this.pipelines) {
      // Its answer may be among what is missing.
      if (this.#exchanges.isLossy(newest)) {
        if (answers.isLost) giveUp()
      } else if (this.#isAnswered) {
        this.pipelines = true
        // Answers may have been taken for the wrong requests', and are nobody's from here on.
        if (this.#isAssumed) answers.lose()
      }
    }
  }

  /** Of requests that are missing an answer may come before those that are open have theirs. */
  get isDoubtful(): boolean {
    return this.pipelines || this.#exchanges.waiting > 0
  }

  /**
   * Bytes at `offset` answer the oldest request that is open: they come right behind the answers
   * seen so far, up to `position`, or are the first that are seen at all. What is missing
   * in between may be its answer, and the bytes those to a request that is missing, too.
   */
  isNext(offset: number, position: number): boolean {
    const { oldest } = this.#exchanges
    if (this.pipelines || oldest === undefined) return false
    return position === 0 ? !this.#exchanges.isLossy(oldest) : offset === position
  }
}
