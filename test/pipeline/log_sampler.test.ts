import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LogSampler } from '../../pipeline/log_sampler.ts'

const OPTIONS = { enabled: true, tick: 10_000, initial: 2, thereafter: 3 }

/** The places, from 1, of the lines that were written. */
function written(sampler: LogSampler, lines: number, message = 'same'): number[] {
  return Array.from({ length: lines }, (_, i) => i + 1).filter(() =>
    sampler.admits('info', message),
  )
}

test('the first lines of a tick are written, then one of so many', () => {
  assert.deepEqual(written(new LogSampler(OPTIONS), 12), [1, 2, 5, 8, 11])
})

test('each tick begins anew', () => {
  let now = 0
  const sampler = new LogSampler(OPTIONS, () => now)
  assert.deepEqual(written(sampler, 4), [1, 2])
  now = 9999
  assert.deepEqual(written(sampler, 1), [1])
  now = 10_000
  assert.deepEqual(written(sampler, 4), [1, 2])
})

test('messages and levels do not share a count', () => {
  const sampler = new LogSampler(OPTIONS)
  assert.deepEqual(written(sampler, 3), [1, 2])
  assert.deepEqual(written(sampler, 3, 'other'), [1, 2])
  assert.equal(sampler.admits('warn', 'same'), true)
})

test('none after the first, or no sampling at all', () => {
  assert.deepEqual(written(new LogSampler({ ...OPTIONS, thereafter: 0 }), 9), [1, 2])
  assert.equal(written(new LogSampler({ ...OPTIONS, enabled: false }), 9).length, 9)
})

test('messages without end share one count, and take no more memory', () => {
  const sampler = new LogSampler({ ...OPTIONS, initial: 1, thereafter: 0 })
  const admitted = Array.from({ length: 10_000 }, (_, i) => sampler.admits('info', `m${i}`))
  assert.equal(admitted.filter(Boolean).length, 4097)
})
