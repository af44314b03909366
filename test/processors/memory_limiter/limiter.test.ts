import assert from 'node:assert/strict'
import { test } from 'node:test'
import pino from 'pino'
import {
  type MemoryLimiterConfig,
  schema,
  validate,
} from '../../../processors/memory_limiter/config.ts'
import { Limiter } from '../../../processors/memory_limiter/limiter.ts'
import { type Memory, processMemory } from '../../../processors/memory_limiter/memory.ts'

const MIB = 1024 * 1024
const HOUR = 3_600_000

/** Memory as the test says, with what was asked of it. */
class Scripted implements Memory {
  mib = 0
  collections = 0
  /** What is left after a collection, and after free pages were given back. */
  afterGc: number | undefined
  afterTrim: number | undefined

  used(): number {
    return this.mib * MIB
  }

  gc(): void {
    this.collections++
    this.mib = this.afterGc ?? this.mib
  }

  trim(): void {
    this.mib = this.afterTrim ?? this.mib
  }
}

function limiterOf(over: Partial<MemoryLimiterConfig> = {}) {
  const lines: string[] = []
  const logger = pino({ level: 'info' }, { write: (line) => lines.push(JSON.parse(line).msg) })
  const memory = new Scripted()
  const config = {
    ...schema.parse({ check_interval: '1s', limit_mib: 100 }),
    check_interval: HOUR,
    ...over,
  }
  const limiter = new Limiter({ config, logger, memory, total: () => 1000 * MIB })
  lines.length = 0
  return { limiter, memory, lines }
}

async function afterGc(lines: readonly string[], count = 1): Promise<void> {
  const done = () => lines.filter((line) => line === 'Memory usage after GC.').length >= count
  while (!done()) await new Promise((then) => setTimeout(then, 10))
}

test('the defaults, and every rule broken in the Collector’s words', () => {
  assert.deepEqual(schema.parse({}), {
    check_interval: 0,
    limit_mib: 0,
    spike_limit_mib: 0,
    limit_percentage: 0,
    spike_limit_percentage: 0,
    min_gc_interval_when_soft_limited: 10_000,
    min_gc_interval_when_hard_limited: 0,
    max_gc_interval_when_soft_limited: 30_000,
    max_gc_interval_when_hard_limited: 30_000,
  })
  const good = { check_interval: '1s', limit_mib: 100 }
  const cases: [object, string[]][] = [
    [good, []],
    [
      {},
      [
        "'check_interval' must be greater than zero",
        "'limit_mib' or 'limit_percentage' must be greater than zero",
      ],
    ],
    [{ ...good, spike_limit_mib: 100 }, ["'spike_limit_mib' must be smaller than 'limit_mib'"]],
    [
      { check_interval: '1s', limit_percentage: 50, spike_limit_percentage: 50 },
      ["'spike_limit_percentage' must be smaller than 'limit_percentage'"],
    ],
    [
      { check_interval: '1s', limit_percentage: 101 },
      [
        "'limit_percentage' and 'spike_limit_percentage' must be greater than zero and less than " +
          'or equal to hundred',
      ],
    ],
    [
      { ...good, min_gc_interval_when_hard_limited: '11s' },
      [
        "'min_gc_interval_when_soft_limited' should be larger than " +
          "'min_gc_interval_when_hard_limited'",
      ],
    ],
    [
      { ...good, max_gc_interval_when_soft_limited: '5s' },
      [
        "'max_gc_interval_when_soft_limited' must be greater than or equal to " +
          "'min_gc_interval_when_soft_limited' (or 0 to disable)",
        "'max_gc_interval_when_soft_limited' should be larger than or equal to " +
          "'max_gc_interval_when_hard_limited' (when both are set)",
      ],
    ],
  ]
  for (const [config, messages] of cases) {
    const problems = validate(schema.parse(config))
    assert.deepEqual(
      problems.map(({ message }) => message),
      messages,
    )
  }
})

test('the spike limit is a fifth of the limit, which wins over the percentage', () => {
  const { limiter } = limiterOf({ limit_percentage: 50 })
  assert.deepEqual([limiter.limit, limiter.spike], [100 * MIB, 20 * MIB])
  const share = limiterOf({ limit_mib: 0, limit_percentage: 50, spike_limit_percentage: 10 })
  assert.deepEqual([share.limiter.limit, share.limiter.spike], [500 * MIB, 100 * MIB])
})

test('above the soft limit it collects first, and refuses when that was not enough', async () => {
  const { limiter, memory, lines } = limiterOf()
  memory.mib = 79
  limiter.check()
  assert.equal(limiter.refusing, false)
  memory.mib = 85
  memory.afterGc = 60
  limiter.check()
  await afterGc(lines)
  assert.equal(limiter.refusing, false)
  memory.mib = 85
  limiter.check()
  assert.equal(limiter.refusing, true, 'the last collection was less than 10 s ago')
  assert.equal(memory.collections, 1)
  memory.mib = 79
  limiter.check()
  assert.equal(limiter.refusing, false)
  assert.deepEqual(lines, [
    'Memory usage is above soft limit. Forcing a GC.',
    'Memory usage after GC.',
    'Memory usage is above soft limit. Refusing data.',
    'Memory usage back within limits. Resuming normal operation.',
  ])
})

test('above the hard limit it refuses at once, and collects at every check', async () => {
  const { limiter, memory, lines } = limiterOf({ max_gc_interval_when_hard_limited: 0 })
  memory.mib = 100
  limiter.check()
  assert.equal(limiter.refusing, true)
  await afterGc(lines)
  limiter.check()
  assert.equal(memory.collections, 2)
  await afterGc(lines, 2)
  memory.afterGc = 10
  limiter.check()
  await afterGc(lines, 3)
  assert.equal(limiter.refusing, false)
})

test('a collection that frees nothing is not repeated soon, until memory becomes less', async () => {
  const { limiter, memory, lines } = limiterOf({ max_gc_interval_when_hard_limited: 4 * HOUR })
  memory.mib = 120
  limiter.check()
  await afterGc(lines)
  limiter.check()
  assert.equal(memory.collections, 1)
  assert.match(lines.join(), /Forced GC did not reclaim enough memory/)
  memory.mib = 110
  limiter.check()
  assert.equal(memory.collections, 2, 'it became 8 % less')
  await afterGc(lines, 2)
})

test('free pages are given back before memory is found to be short', () => {
  const { limiter, memory } = limiterOf()
  memory.mib = 95
  memory.afterTrim = 40
  limiter.check()
  assert.equal(limiter.refusing, false)
  assert.equal(memory.collections, 0)
})

test('data for an eighth of the spike limit has memory looked at, whatever the interval', () => {
  const { limiter, memory } = limiterOf()
  memory.mib = 101
  limiter.took(2 * MIB)
  assert.equal(limiter.refusing, false)
  limiter.took(MIB)
  assert.equal(limiter.refusing, true)
})

test('users hear of each change, and none keeps the process alive after it left', () => {
  const { limiter, memory } = limiterOf()
  const heard: boolean[] = []
  const user = (refusing: boolean) => void heard.push(refusing)
  limiter.leave(user)
  limiter.join(user)
  memory.mib = 101
  limiter.check()
  limiter.check()
  limiter.leave(user)
  limiter.leave(user)
  assert.deepEqual(heard, [true])
})

test('real memory that was held and let go is given back to the kernel', async () => {
  const memory = processMemory()
  const before = memory.used()
  let held: Uint8Array[] = Array.from({ length: 800 }, () => new Uint8Array(256 * 1024).fill(1))
  assert.ok(memory.used() - before > 150 * MIB, `${held.length} pieces are resident`)
  held = []
  while (memory.used() - before > 50 * MIB) {
    memory.gc()
    await new Promise((then) => setTimeout(then, 50))
    memory.trim()
  }
})
