import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WallClock } from '../../../receivers/ebpf/clock.ts'

const MS = 1_000_000n
/** A wall clock of its own, `ahead` of a monotonic one that a test turns. */
class Clocks {
  nowNs = 123_456_789n
  aheadNs = 1_790_000_000_000_456_789n
  readings = 0

  monotonicNs(): bigint {
    this.readings++
    this.nowNs += 500n
    return this.nowNs
  }

  wallMs(): number {
    return Number((this.nowNs + this.aheadNs) / MS)
  }
}

function offsetOf(clock: WallClock): bigint {
  return (BigInt(clock.offset[1]) << 32n) | BigInt(clock.offset[0])
}

test('the offset comes within microseconds, though the wall clock is read in milliseconds', () => {
  const clocks = new Clocks()
  const clock = new WallClock(clocks)
  for (let i = 0; i < 2000; i++) {
    clocks.nowNs += 20_137_411n
    assert.equal(clock.update(), 0)
  }
  const error = offsetOf(clock) - clocks.aheadNs
  assert.ok(error > -5000n && error < 5000n, `${error} ns`)
})

test('a slewed clock is followed without a word, a stepped one is told of', () => {
  const clocks = new Clocks()
  const clock = new WallClock(clocks)
  for (let i = 0; i < 500; i++) {
    clocks.nowNs += 20_137_411n
    clocks.aheadNs += 10_000n // 0.5 ms a second
    assert.equal(clock.update(), 0)
  }
  const error = offsetOf(clock) - clocks.aheadNs
  assert.ok(error > -MS && error < MS, `${error} ns`)
  clocks.aheadNs -= 3_600_000n * MS
  assert.ok(Math.abs(clock.update() + 3_600_000) <= 1)
  assert.equal(clock.update(), 0)
})

test('the system’s offset makes a monotonic time of now the time of now', () => {
  const clock = new WallClock()
  const wallMs = Number((process.hrtime.bigint() + offsetOf(clock)) / MS)
  assert.ok(Math.abs(wallMs - Date.now()) <= 2)
})
