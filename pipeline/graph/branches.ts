/** What the takers of one fan-out are given, and what their answers come to. */
import type { Signal, SignalData } from '../component.ts'
import { copyOf } from '../data.ts'
import {
  OK,
  type Outcome,
  type Permanent,
  permanent,
  type Retryable,
  retryable,
} from '../outcome.ts'
import type { Inlet } from './edges.ts'

type Data = SignalData[Signal]
export type Refusal = Retryable | Permanent

export const BEHIND = retryable('it has not answered for what it was given before')

export function portionFor(taker: Inlet, data: Data): Data {
  return taker.mutates ? copyOf(data) : data
}

/** All have answered: the giver's outcome, after those that refused alone have lost their copy. */
export function settle(
  takers: readonly Inlet[],
  answers: readonly Outcome[],
  items: number,
): Outcome {
  const refusals = answers.filter((answer): answer is Refusal => answer.kind !== 'ok')
  if (refusals.length === takers.length) return joined(refusals)
  for (const [i, answer] of answers.entries()) {
    if (answer.kind !== 'ok') (takers[i] as Inlet).lose(items, answer)
  }
  return OK
}

/** Retryable if any taker may take it later, after the longest of the waits asked for. */
export function joined(refusals: readonly Refusal[]): Outcome {
  const reason = [...new Set(refusals.map((refusal) => refusal.reason))].join('; ')
  const retryables = refusals.filter((refusal) => refusal.kind === 'retryable')
  if (retryables.length === 0) return permanent(reason)
  const waits = retryables.flatMap(({ afterMs }) => (afterMs === undefined ? [] : [afterMs]))
  return retryable(reason, waits.length === 0 ? undefined : Math.max(...waits))
}
