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

/** What a request that begins tells: see `begins`. */
export type OrderVerdict = 'usual' | 'anew' | 'overtakes' | 'doubtful'

export class Order {
  /** More was asked while some of what was asked at once had been answered, and some had not. */
  pipelines: boolean
  readonly #exchanges: Exchanges
  readonly #isQuick: boolean
  /** Bytes were missing since it was certain last that all that is open was seen. */
  #isAssumed = false
  #lastNs = 0
  /** Since something was asked, with nothing open, there was an answer. */
  #isAnswered = false
  /** Before the last piece nothing came for a while. */
  #wasSilent = false

  /** @param of.isQuick an answer that takes a second is none that others wait behind */
  constructor(exchanges: Exchanges, of: { isQuick: boolean; pipelines?: boolean | undefined }) {
    this.#exchanges = exchanges
    this.#isQuick = of.isQuick
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

  /**
   * A request begins; to be asked before its exchange is begun. `anew`: nothing else is open, so
   * the answers go on with its own. `overtakes`: what is open has been answered unseen, if the
   * place among the answers is lost. `doubtful`: answers may have been taken for the wrong
   * requests', and are to be nobody's from here on.
   */
  begins(): OrderVerdict {
    const { newest } = this.#exchanges
    if (newest === undefined) {
      this.#isAnswered = false
      if (!this.#isQuick || !this.#isAssumed || !this.#wasSilent) return 'usual'
      this.#isAssumed = false
      return 'anew'
    }
    if (this.pipelines) return 'usual'
    // Its answer may be among what is missing.
    if (this.#exchanges.isLossy(newest)) return 'overtakes'
    if (!this.#isAnswered) return 'usual'
    this.pipelines = true
    return this.#isAssumed ? 'doubtful' : 'usual'
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
