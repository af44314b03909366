// biome-ignore-all lint/suspicious/noTemplateCurlyInString: flowspan's own placeholders
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Expanded, expand as expandLocated } from '../../../pipeline/config/expand.ts'
import type { Located } from '../../../pipeline/config/located.ts'
import { type Environment, Providers } from '../../../pipeline/config/providers.ts'

const PLACE = { file: 'FILE' }

function located(value: unknown): Located {
  if (Array.isArray(value)) return { place: PLACE, value: value.map(located) }
  if (typeof value !== 'object' || value === null) return { place: PLACE, value: value as string }
  const entries = Object.entries(value).map(([key, child]) => [key, located(child)] as const)
  return { place: PLACE, value: new Map(entries) }
}

function expand(value: unknown, env: Environment): Expanded {
  return expandLocated(located(value), new Providers(env))
}

const ENV = {
  NAME: 'host',
  INNER: 'NAME',
  EMPTY: '',
  NESTED: '${NAME}:1',
  PORT: '0123',
  MAP: '{a: 1}',
}

/** What the Collector makes of the text (its confmap tests state the same). */
const EXPANDED: readonly (readonly [text: string, value: unknown])[] = [
  ['plain', 'plain'],
  ['${NAME}', 'host'],
  ['${env:NAME}', 'host'],
  ['a${NAME}b', 'ahostb'],
  ['${NAME}:${PORT}', 'host:0123'],
  ['${PORT}', 83],
  ['${MAP}', { a: 1 }],
  ['x${MAP}', 'x{a: 1}'],
  ['${env:${INNER}}', 'host'],
  ['${NESTED}', 'host:1'],
  ['${env:GONE:-default}', 'default'],
  ['${env:GONE:-}', ''],
  ['${env:GONE:-a:-b}', 'a:-b'],
  ['${env:EMPTY:-default}', null],
  ['${GONE}', null],
  ['x${GONE}', 'x'],
  ['$NAME', '$NAME'],
  ['$', '$'],
  ['$$', '$'],
  ['$${NAME}', '${NAME}'],
  ['$$${NAME}', '$host'],
  ['$$$${NAME}', '$${NAME}'],
  ['${NAME', '${NAME'],
]

test('`${…}` is expanded as the Collector expands it', () => {
  for (const [text, value] of EXPANDED) {
    assert.deepEqual(expand({ key: text }, ENV).value, { key: value }, text)
  }
})

test('values are expanded at any depth, keys never', () => {
  const { value } = expand({ '${NAME}': [{ deep: '${NAME}' }] }, ENV)
  assert.deepEqual(value, { '${NAME}': [{ deep: 'host' }] })
})

test('the literal text stays known where YAML makes something else of it', () => {
  const { texts } = expand({ a: '${PORT}', b: ['${NAME}'] }, ENV)
  assert.deepEqual(texts, { a: '0123' })
})

test('text without a dollar sign stays as it is, and no text throws', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('$', '{', '}', ':', '-', 'N', 'a') }), (text) => {
      const { value, problems } = expand(text, { N: '${a}', a: '$N' })
      if (!text.includes('$')) assert.equal(value, text)
      assert.ok(Array.isArray(problems))
    }),
    { numRuns: 2000 },
  )
})
