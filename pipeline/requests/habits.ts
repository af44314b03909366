/**
 * What is known of processes: whether they hand requests from thread to thread, and how they send
 * requests of their own.
 *
 * A process sends **at once** when the request is the very next thing that the thread does after
 * it turned to the cause, without having slept in between. Where the cause is certain, it is noted
 * how the request was sent, apart for each state that the cause was in: one habit says nothing of
 * another (at once to a first service, after a database's answer to a second).
 */

export const ANSWERS_IN_THREAD = 1
export const HANDS_OVER = 2

/** The state of a cause: it has caused nothing yet; it waits for an answer; it got all answers. */
export const CAUSE = { new: 0, waiting: 1, resumed: 2 } as const
export type CauseState = (typeof CAUSE)[keyof typeof CAUSE]

/** Processes that are remembered. */
const PROCESSES_MAX = 8192
/** Certain cases that are needed, and the share of them that must have been at once. */
const CASES_MIN = 8
const SHARE_MIN = 0.95
/** With so many both counts are halved: the last cases weigh most. */
const CASES_MAX = 64
const CONFIDENCE_MAX = 0.9
/** Of the one-sided 95 % bound. */
const Z_SQUARED = 1.645 ** 2

export class Habit {
  threads = 0
  /** By CauseState: cases at once, cases in all. */
  readonly #atOnce = [0, 0, 0]
  readonly #cases = [0, 0, 0]

  note(state: CauseState, atOnce: boolean): void {
    const cases = (this.#cases[state] as number) + 1
    const hits = (this.#atOnce[state] as number) + (atOnce ? 1 : 0)
    const weight = cases < CASES_MAX ? 1 : 0.5
    this.#cases[state] = cases * weight
    this.#atOnce[state] = hits * weight
  }

  /** How sure it is that a request was sent at once; 0: not sure enough to be believed. */
  confidence(state: CauseState): number {
    // Who has one cause wait for several may also make them queue: an answer lets any of them go.
    if (state === CAUSE.resumed && (this.#cases[CAUSE.waiting] as number) > 0) return 0
    const cases = this.#cases[state] as number
    const share = (this.#atOnce[state] as number) / cases
    if (cases < CASES_MIN || share < SHARE_MIN) return 0
    return Math.min(lowerBound(share, cases), CONFIDENCE_MAX)
  }
}

export class Habits {
  /** Processes forgotten because there were too many. */
  forgotten = 0
  readonly #habits = new Map<number, Habit>()
  /** The one asked for last, which often is the next. */
  #lastPid = -1
  #last = new Habit()

  get(pid: number): Habit {
    if (pid === this.#lastPid) return this.#last
    this.#last = this.#habits.get(pid) ?? this.#add(pid)
    this.#lastPid = pid
    return this.#last
  }

  #add(pid: number): Habit {
    if (this.#habits.size >= PROCESSES_MAX) {
      const oldest = this.#habits.keys().next().value
      if (oldest !== undefined) this.#habits.delete(oldest)
      this.forgotten++
    }
    const habit = new Habit()
    this.#habits.set(pid, habit)
    return habit
  }
}

/** Of a share seen in so many cases: Wilson, JASA 22 (1927) 209. */
function lowerBound(share: number, cases: number): number {
  const spread = Math.sqrt(
    Z_SQUARED * ((share * (1 - share)) / cases + Z_SQUARED / (4 * cases * cases)),
  )
  return (share + Z_SQUARED / (2 * cases) - spread) / (1 + Z_SQUARED / cases)
}
