/** The suite: every check, and the reasons for which one is not made. */
import { Bench } from './bench.ts'
import type { Check } from './check.ts'
import { CONFIG_CHECKS } from './config_checks.ts'
import { DATA_CHECKS } from './data_checks.ts'
import { LIFECYCLE_CHECKS } from './lifecycle_checks.ts'
import { RECEIVER_CHECKS } from './receiver_checks.ts'
import type { Subject } from './subjects.ts'

export const CHECKS: readonly Check[] = [
  ...CONFIG_CHECKS,
  ...LIFECYCLE_CHECKS,
  ...DATA_CHECKS,
  ...RECEIVER_CHECKS,
]

interface Skip {
  /** Kind and type. */
  readonly component: string
  /** The beginning of the check's name. */
  readonly check: string
  readonly why: string
}

/** What cannot be asked of a component, with the reason. None that goes by unused. */
export const SKIPS: readonly Skip[] = [
  {
    component: 'receiver/nop',
    check: 'what comes from outside',
    why: 'it takes nothing from anywhere',
  },
]

export function skipOf(check: Check, { component }: Subject): Skip | undefined {
  return SKIPS.find((skip) => skip.component === component && check.name.startsWith(skip.check))
}

/** On a busy machine everything takes its time; only a component that is broken takes all of it. */
const PATIENCE_MS = 20_000

/** Fails when the subject breaks what the check makes sure of. */
export async function runCheck(
  check: Check,
  subject: Subject,
  patienceMs = PATIENCE_MS,
): Promise<void> {
  const bench = await Bench.open(subject, patienceMs)
  try {
    await check.run(bench)
  } finally {
    await bench.close()
  }
}
