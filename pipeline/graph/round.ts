/** One offer of a fan-out some of whose answers are still to come; the rules stand in fanout.ts. */
import type { Signal, SignalData } from '../component.ts'
import { OK, type Outcome } from '../outcome.ts'
import { BEHIND, joined, portionFor, type Refusal } from './branches.ts'
import type { Inlet } from './edges.ts'
import type { Size } from './late.ts'

export interface RoundSettings {
  readonly size: Size
  /** How long the giver waits for the others once one has taken the data. */
  readonly patienceMs: number
  /** Takers that are behind: they get what one of the others has taken, or when nobody does. */
  readonly rest: readonly Inlet[]
}

interface Asked {
  readonly taker: Inlet
  readonly promise: Promise<Outcome> | undefined
  answer: Outcome | undefined
}

export class Round {
  readonly #data: SignalData[Signal]
  readonly #size: Size
  readonly #patienceMs: number
  readonly #rest: Set<Inlet>
  readonly #asked: Asked[] = []
  readonly #result = Promise.withResolvers<Outcome>()
  #timer: NodeJS.Timeout | undefined
  #stopListening: (() => void)[] = []
  #impatient = false
  #over = false

  constructor(data: SignalData[Signal], { size, patienceMs, rest }: RoundSettings) {
    this.#data = data
    this.#size = size
    this.#patienceMs = patienceMs
    this.#rest = new Set(rest)
  }

  /** The giver's outcome, with what the first takers have answered so far. */
  of(takers: readonly Inlet[], answers: readonly (Outcome | Promise<Outcome>)[]): Promise<Outcome> {
    for (const [i, answer] of answers.entries()) this.#note(takers[i] as Inlet, answer)
    if (this.#patienceMs === 0) this.#losePatience()
    else this.#timer = setTimeout(() => this.#losePatience(), this.#patienceMs)
    this.#look()
    return this.#result.promise
  }

  #note(taker: Inlet, answer: Outcome | Promise<Outcome>): void {
    if (!(answer instanceof Promise)) {
      this.#asked.push({ taker, promise: undefined, answer })
      return
    }
    const asked: Asked = { taker, promise: answer, answer: undefined }
    this.#asked.push(asked)
    void answer.then((outcome) => {
      asked.answer = outcome
      this.#look()
    })
  }

  #losePatience(): void {
    this.#impatient = true
    this.#look()
    if (this.#over) return
    // Nobody has taken it: those that are behind are better than nobody.
    for (const taker of this.#rest) {
      const ask = () => this.#ask(taker)
      if (taker.late.hasRoom) ask()
      else this.#stopListening.push(taker.late.onRoom(ask))
    }
    this.#look()
  }

  #ask(taker: Inlet): void {
    if (this.#over || !this.#rest.delete(taker)) return
    this.#note(taker, taker.consume(portionFor(taker, this.#data)))
    this.#look()
  }

  #look(): void {
    if (this.#over) return
    const open = this.#asked.filter(({ answer }) => answer === undefined)
    const isTaken = this.#asked.some(({ answer }) => answer?.kind === 'ok')
    if (isTaken && (open.length === 0 || this.#impatient)) this.#taken(open)
    else if (open.length === 0 && this.#asked.length > 0) this.#refused()
  }

  #refused(): void {
    const refusals = this.#asked.map(({ answer }) => answer as Refusal)
    // Nobody has asked the rest, which may well take it.
    this.#end(joined(this.#rest.size === 0 ? refusals : [...refusals, BEHIND]))
  }

  #taken(open: readonly Asked[]): void {
    this.#end(OK)
    const { items } = this.#size
    for (const { taker, answer } of this.#asked) {
      if (answer !== undefined && answer.kind !== 'ok') taker.lose(items, answer)
    }
    for (const { taker, promise } of open) {
      taker.late.add(promise as Promise<Outcome>, this.#size)
    }
    for (const taker of this.#rest) this.#offerLate(taker)
  }

  #offerLate(taker: Inlet): void {
    const { items } = this.#size
    if (!taker.late.hasRoom) {
      taker.lose(items, BEHIND)
      return
    }
    const answer = taker.consume(portionFor(taker, this.#data))
    if (answer instanceof Promise) taker.late.add(answer, this.#size)
    else if (answer.kind !== 'ok') taker.lose(items, answer)
  }

  #end(outcome: Outcome): void {
    this.#over = true
    clearTimeout(this.#timer)
    for (const stop of this.#stopListening) stop()
    this.#result.resolve(outcome)
  }
}
