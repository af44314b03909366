/** How soon a loss is found, and how seldom one that is none: by a seeded run of chance. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LossTest } from '../../../pipeline/kernel_events/episodes/loss_test.ts'

const MOST = 0.02

/** Numbers in (0, 1) that look like chance, the same each time (Park and Miller, 1988). */
function chance(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 48_271) % 2_147_483_647
    return state / 2_147_483_647
  }
}

/** Segments sent until the test tells, or `limit`, of an edge that loses `share` of them. */
function segmentsUntilTold(share: number, random: () => number, limit: number): number {
  const losses = new LossTest()
  let segments = 0
  for (let count = 1; segments < limit; count++) {
    segments += Math.floor(Math.log(random()) / Math.log(1 - share)) + 1
    if (losses.add({ segments, losses: count, timeNs: segments }, MOST)) return segments
  }
  return limit
}

test('2 % of loss is found within 1,500 segments in 99 of 100 runs, and 350 on average', () => {
  const random = chance(1)
  const took = Array.from({ length: 2000 }, () => segmentsUntilTold(MOST, random, 100_000))
  const mean = took.reduce((sum, segments) => sum + segments, 0) / took.length
  assert.ok(mean < 350, `${mean}`)
  assert.ok(took.filter((segments) => segments > 1500).length < took.length / 100)
})

test('a loss that is taken back is none', () => {
  const losses = new LossTest()
  const at = (segments: number, count: number) =>
    losses.add({ segments, losses: count, timeNs: segments }, MOST)
  for (let i = 0; i < 100; i++) {
    assert.equal(at(10 + 2 * i, 2), false)
    assert.equal(at(11 + 2 * i, 1), false)
  }
  assert.equal(at(220, 6), true)
})

test('what is let go is seldom told: 0.25 % once in 200,000 segments, 0.05 % not in 20 million', () => {
  const random = chance(2)
  const took = Array.from({ length: 100 }, () => segmentsUntilTold(MOST / 8, random, 1e8))
  assert.ok(took.reduce((sum, segments) => sum + segments, 0) / took.length > 200_000)
  assert.equal(segmentsUntilTold(MOST / 40, random, 2e7), 2e7)
})

test('losses long ago are no evidence; those of now are told with their share and begin', () => {
  const losses = new LossTest()
  const add = (segments: number, count: number) =>
    losses.add({ segments, losses: count, timeNs: segments }, MOST)
  assert.equal(add(1000, 1), false)
  assert.equal(add(1010, 2), false)
  assert.equal(add(1020, 3), false)
  // 10,000 segments without one.
  assert.equal(add(11_020, 4), false)
  assert.equal(losses.sinceNs, 11_020)
  assert.equal(add(11_022, 5), false)
  assert.equal(add(11_024, 6), false)
  assert.equal(add(11_026, 7), true)
  assert.equal(losses.share, 3 / 6)
})
