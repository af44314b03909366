/**
 * One giver, several takers. All are offered the data, each whatever the others answer, and at
 * once, so that a slow branch does not delay the others' start.
 *
 * Copies: a branch that changes data gets a copy; branches that only read share the original. When
 * all branches change it, the last one gets the original (the Collector's rule).
 *
 * Outcomes: when at least one branch takes the data, the giver is told `ok`, since offering it
 * again would duplicate it there; a branch that refused loses its own copy, and counts it. When
 * all refuse nobody took anything: the giver gets the refusal, and may try again.
 */
import type { Signal, SignalData } from '../component.ts'
import { copyOf, itemsOf } from '../data.ts'
import {
  OK,
  type Outcome,
  type Permanent,
  permanent,
  type Retryable,
  retryable,
} from '../outcome.ts'
import type { Branch } from './edges.ts'

type Refusal = Retryable | Permanent

export class FanOut implements Branch {
  readonly mutates: boolean
  readonly #branches: readonly Branch[]

  constructor(branches: readonly Branch[]) {
    this.#branches = branches
    this.mutates = branches.every((branch) => branch.mutates)
  }

  consume(data: SignalData[Signal]): Outcome | Promise<Outcome> {
    const items = itemsOf(data)
    // All copies are made before the first branch may change, or give away, the original.
    const portions = this.#branches.map((branch, i) => {
      const original = !branch.mutates || (this.mutates && i === this.#branches.length - 1)
      return original ? data : copyOf(data)
    })
    const outcomes = this.#branches.map((branch, i) =>
      branch.consume(portions[i] as SignalData[Signal]),
    )
    return outcomes.some((outcome) => outcome instanceof Promise)
      ? Promise.all(outcomes).then((all) => this.#join(all, items))
      : this.#join(outcomes as Outcome[], items)
  }

  /** Only when no branch would take anything: one that would is not to starve for the others. */
  refusal(): Retryable | undefined {
    const refusals: Retryable[] = []
    for (const branch of this.#branches) {
      const refusal = branch.refusal?.()
      if (refusal === undefined) return undefined
      refusals.push(refusal)
    }
    return joined(refusals) as Retryable
  }

  /** The whole fan-out is one branch of another, and refused: each branch loses its copy. */
  lose(items: number, refusal: Refusal): void {
    for (const branch of this.#branches) branch.lose(items, refusal)
  }

  #join(outcomes: readonly Outcome[], items: number): Outcome {
    const refusals = outcomes.filter((outcome): outcome is Refusal => outcome.kind !== 'ok')
    if (refusals.length === outcomes.length) return joined(refusals)
    for (const [i, outcome] of outcomes.entries()) {
      if (outcome.kind !== 'ok') (this.#branches[i] as Branch).lose(items, outcome)
    }
    return OK
  }
}

/** Retryable if any branch may take it later, after the longest of the waits asked for. */
function joined(refusals: readonly Refusal[]): Outcome {
  const reason = [...new Set(refusals.map((refusal) => refusal.reason))].join('; ')
  const retryables = refusals.filter((refusal) => refusal.kind === 'retryable')
  if (retryables.length === 0) return permanent(reason)
  const waits = retryables.flatMap(({ afterMs }) => (afterMs === undefined ? [] : [afterMs]))
  return retryable(reason, waits.length === 0 ? undefined : Math.max(...waits))
}
