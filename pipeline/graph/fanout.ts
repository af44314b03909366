/**
 * One giver, several takers. All are offered the data, each whatever the others answer, and at
 * once, so that a slow one does not delay the others' start.
 *
 * Copies: a taker that changes data gets a copy; those that only read share the original. When all
 * change it, the last one gets the original (the Collector's rule).
 *
 * Outcomes: when at least one taker has the data the giver is told `ok`, since offering it again
 * would duplicate it there; one that refused loses its own copy, and counts it. When all refuse
 * nobody took anything: the giver gets the refusal, and may try again.
 *
 * Waiting: a taker may answer later (its queue is full and `block_on_overflow` is set, or it has
 * no queue). The giver waits for it, which slows the source down as it should, but once another
 * has taken the data not longer than PATIENCE_MS. After that the taker is *behind*: the giver goes
 * on, and the data is the taker's, whatever comes of it. While a taker is behind it is offered what
 * the others have taken, only after they have, and nobody waits for its answer. It may owe a
 * bounded number of answers (late.ts); beyond, its copies are lost and counted there. When it has
 * answered all it owes it is waited for again.
 *
 *     all in step        wait for all, the slow ones up to PATIENCE_MS
 *     some behind        wait for those in step; the others get what these have taken, or lose it
 *     all behind         wait for the first that takes it
 *
 * So a stuck exporter costs the others one pause of PATIENCE_MS, and a bounded memory. Where nobody
 * takes the data for so long, those that are behind are asked too, as soon as they have room: the
 * giver waits only as long as there is nobody at all who would take it.
 */
import type { Consumer, Signal, SignalData } from '../component.ts'
import { bytesOf, itemsOf } from '../data.ts'
import type { Outcome, Retryable } from '../outcome.ts'
import { joined, portionFor, settle } from './branches.ts'
import type { Inlet } from './edges.ts'
import { Round } from './round.ts'

type Data = SignalData[Signal]

export const PATIENCE_MS = 500

export class FanOut implements Consumer {
  /** The same taker twice when two pipelines of one receiver lead to it: it gets the data twice. */
  readonly takers: readonly Inlet[]

  constructor(takers: readonly Inlet[]) {
    this.takers = takers
  }

  get mutates(): boolean {
    return this.takers.every((taker) => taker.mutates)
  }

  /** Whoever is behind answers later, so what is offered to it is not answered at once. */
  get borrows(): boolean {
    return this.takers.every((taker) => taker.borrows)
  }

  consume(data: Data): Outcome | Promise<Outcome> {
    if (this.takers.some(({ late }) => late.any)) return this.#consumeUnequally(data)
    const { takers } = this
    const size = { items: itemsOf(data), bytes: bytesOf(data) }
    const answers = offerToAll(data, takers)
    if (answers.some((answer) => answer instanceof Promise)) {
      return new Round(data, { size, patienceMs: PATIENCE_MS, rest: [] }).of(takers, answers)
    }
    return settle(takers, answers as Outcome[], size.items)
  }

  /** Some are behind: those that are not come first. */
  #consumeUnequally(data: Data): Promise<Outcome> {
    const inStep = this.takers.filter(({ late }) => !late.any)
    const allBehind = inStep.length === 0
    const first = allBehind ? this.takers.filter(({ late }) => late.hasRoom) : inStep
    const rest = this.takers.filter((taker) => !first.includes(taker))
    const size = { items: itemsOf(data), bytes: bytesOf(data) }
    const round = new Round(data, { size, patienceMs: allBehind ? 0 : PATIENCE_MS, rest })
    // The rest may get it later, so nobody may change the original.
    const answers = first.map((taker) => taker.consume(portionFor(taker, data)))
    return round.of(first, answers)
  }

  /** Only when nobody would take anything: one that would is not to starve for the others. */
  refusal(): Retryable | undefined {
    const refusals: Retryable[] = []
    for (const taker of this.takers) {
      const refusal = taker.refusal()
      if (refusal === undefined) return undefined
      refusals.push(refusal)
    }
    return joined(refusals) as Retryable
  }
}

function offerToAll(data: Data, takers: readonly Inlet[]): (Outcome | Promise<Outcome>)[] {
  const all = takers.every((taker) => taker.mutates)
  // All copies are made before the first taker may change, or give away, the original.
  const portions = takers.map((taker, i) =>
    all && i === takers.length - 1 ? data : portionFor(taker, data),
  )
  return takers.map((taker, i) => taker.consume(portions[i] as Data))
}
