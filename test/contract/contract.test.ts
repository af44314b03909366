/**
 * Every component of `components.ts` keeps the contract of `pipeline/component.ts`. The table is
 * read, nothing is named: a component that is new is tested because it is there.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { COMPONENTS } from '../../components.ts'
import { skipUnless } from '../kit/requirements.ts'
import { CONFIG_CHECKS } from './config_checks.ts'
import { NEEDS } from './needs.ts'
import { type Subject, subjectsOf } from './subjects.ts'
import { CHECKS, runCheck, SKIPS, skipOf } from './suite.ts'

const SUBJECTS = COMPONENTS.flatMap(subjectsOf)
const isRoot = process.getuid?.() === 0

for (const subject of SUBJECTS) {
  // A component with a privileged half runs with what that really opens.
  const missing =
    subject.factory.open !== undefined && !isRoot
      ? 'its privileged half needs root: run it with sudo'
      : undefined
  describe(subject.name, { skip: skipUnless(missing) }, () => {
    for (const check of hasItsNeeds(subject) ? CHECKS : CONFIG_CHECKS) {
      if (!check.holdsFor(subject) || skipOf(check, subject) !== undefined) continue
      test(check.name, () => runCheck(check, subject))
    }
  })
}

/** One that lacks its entry fails once, for that. */
function hasItsNeeds({ factory, component }: Subject): boolean {
  const defaults = factory.schema.safeParse({})
  if (!defaults.success || NEEDS[component] !== undefined) return defaults.success
  return (factory.validate?.(defaults.data) ?? []).length === 0
}

test('no entry of the tables is left over from a component or a check that is gone', () => {
  const components = SUBJECTS.map(({ component }) => component)
  const gone = Object.keys(NEEDS).filter((component) => !components.includes(component))
  const unused = SKIPS.filter(
    (skip) => !SUBJECTS.some((subject) => CHECKS.some((check) => skipOf(check, subject) === skip)),
  )
  assert.deepEqual([gone, unused], [[], []])
})
