import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { duration, parseDuration } from '../../../pipeline/config/duration.ts'

const READ: readonly (readonly [string, number])[] = [
  ['0', 0],
  ['10s', 10_000],
  ['200ms', 200],
  ['1m30s', 90_000],
  ['1.5h', 5_400_000],
  ['.5s', 500],
  ['3us', 0.003],
  ['3µs', 0.003],
  ['5ns', 0.000005],
  ['+1s', 1000],
  ['-1s', -1000],
]

test("a duration is read as Go's time.ParseDuration reads it", () => {
  for (const [text, ms] of READ) {
    const read = parseDuration(text) ?? Number.NaN
    assert.ok(Math.abs(read - ms) <= 1e-9 * Math.abs(ms), `${text}: ${read} is not ${ms}`)
  }
})

test('text that Go would refuse is no duration', () => {
  for (const text of ['', '5', 's', '1 s', '1d', '1s5', '.s', '1e3s', '--1s', '1S', 'Infinity']) {
    assert.equal(parseDuration(text), undefined, JSON.stringify(text))
  }
})

test('an option left out has its default in milliseconds', () => {
  assert.deepEqual(z.strictObject({ timeout: duration('10s') }).parse({}), { timeout: 10_000 })
})

test('a bare 0 needs no unit, any other number does', () => {
  const schema = duration('10s')
  assert.equal(schema.parse(0), 0)
  const result = schema.safeParse(5)
  assert.match(result.error?.issues[0]?.message ?? '', /missing unit in duration "5".*"5s"/)
})

test('a negative duration and text without meaning are refused by name', () => {
  const schema = duration('10s')
  assert.match(schema.safeParse('-1s').error?.issues[0]?.message ?? '', /must be non-negative/)
  assert.match(schema.safeParse('soon').error?.issues[0]?.message ?? '', /invalid duration "soon"/)
})

test('a default that is no duration is a mistake in the code', () => {
  assert.throws(() => duration('10'), /Not a duration/)
})
