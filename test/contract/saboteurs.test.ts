/** The suite finds what it is there to find. */
import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import type { Factory } from '../../pipeline/component.ts'
import { cleanUp, HONEST, MORE_SABOTEURS, SABOTEURS, saboteur } from './saboteurs.ts'
import { type Subject, subjectsOf } from './subjects.ts'
import { CHECKS, runCheck } from './suite.ts'

/** What is honest ends at once; for what is not nobody need wait long. */
const PATIENCE_MS = 500

after(cleanUp)

const subjectOf = (factory: Factory) => subjectsOf(factory)[0] as Subject

function checkOf(name: string) {
  const found = CHECKS.filter((check) => check.name.startsWith(name))
  assert.equal(found.length, 1, `checks that begin with "${name}"`)
  return found[0] as (typeof CHECKS)[number]
}

describe('a component that keeps its word', () => {
  for (const check of CHECKS.filter(({ holdsFor }) => holdsFor(subjectOf(HONEST)))) {
    test(check.name, () => runCheck(check, subjectOf(HONEST)))
  }
})

describe('is caught', () => {
  const all: readonly (readonly [string, Factory, string])[] = [
    ...SABOTEURS.map(([flaw, by]) => [`one that ${flaw}`, saboteur(flaw), by] as const),
    ...MORE_SABOTEURS,
  ]
  for (const [what, factory, by] of all) {
    test(what, () => assert.rejects(runCheck(checkOf(by), subjectOf(factory), PATIENCE_MS)))
  }
})

test('every check of data and of the end has caught one', () => {
  const caught = [...SABOTEURS.map(([, by]) => by), ...MORE_SABOTEURS.map(([, , by]) => by)]
  const applying = CHECKS.filter(({ holdsFor }) => holdsFor(subjectOf(HONEST)))
  const idle = applying.filter(({ name }) => !caught.some((by) => name.startsWith(by)))
  assert.deepEqual(
    idle.map(({ name }) => name),
    [],
  )
})
