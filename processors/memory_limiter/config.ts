import { z } from 'zod'
import type { ConfigProblem } from '../../pipeline/component.ts'
import { duration } from '../../pipeline/config/duration.ts'

const MIB_MAX = 2 ** 32 - 1

export const schema = z.strictObject({
  check_interval: duration('0s'),
  limit_mib: z.int().min(0).max(MIB_MAX).default(0),
  spike_limit_mib: z.int().min(0).max(MIB_MAX).default(0),
  limit_percentage: z.int().min(0).max(MIB_MAX).default(0),
  spike_limit_percentage: z.int().min(0).max(MIB_MAX).default(0),
  min_gc_interval_when_soft_limited: duration('10s'),
  min_gc_interval_when_hard_limited: duration('0s'),
  max_gc_interval_when_soft_limited: duration('30s'),
  max_gc_interval_when_hard_limited: duration('30s'),
})

export type MemoryLimiterConfig = z.infer<typeof schema>

/** The Collector's rules and words; unlike it, all that are broken at once. */
export function validate(config: MemoryLimiterConfig): readonly ConfigProblem[] {
  return [...intervalProblems(config), ...limitProblems(config)].map((message) => ({
    path: [],
    message,
  }))
}

function* intervalProblems(config: MemoryLimiterConfig): Generator<string> {
  const minSoft = config.min_gc_interval_when_soft_limited
  const minHard = config.min_gc_interval_when_hard_limited
  const maxSoft = config.max_gc_interval_when_soft_limited
  const maxHard = config.max_gc_interval_when_hard_limited
  if (config.check_interval <= 0) yield "'check_interval' must be greater than zero"
  if (minSoft < minHard) {
    yield "'min_gc_interval_when_soft_limited' should be larger than " +
      "'min_gc_interval_when_hard_limited'"
  }
  if (maxSoft > 0 && maxSoft < minSoft) {
    yield "'max_gc_interval_when_soft_limited' must be greater than or equal to " +
      "'min_gc_interval_when_soft_limited' (or 0 to disable)"
  }
  if (maxHard > 0 && maxHard < minHard) {
    yield "'max_gc_interval_when_hard_limited' must be greater than or equal to " +
      "'min_gc_interval_when_hard_limited' (or 0 to disable)"
  }
  if (maxSoft > 0 && maxHard > 0 && maxSoft < maxHard) {
    yield "'max_gc_interval_when_soft_limited' should be larger than or equal to " +
      "'max_gc_interval_when_hard_limited' (when both are set)"
  }
}

function* limitProblems(config: MemoryLimiterConfig): Generator<string> {
  const { limit_mib, spike_limit_mib, limit_percentage, spike_limit_percentage } = config
  if (limit_mib === 0 && limit_percentage === 0) {
    yield "'limit_mib' or 'limit_percentage' must be greater than zero"
  }
  if (limit_percentage > 100 || spike_limit_percentage > 100) {
    yield "'limit_percentage' and 'spike_limit_percentage' must be greater than zero and less " +
      'than or equal to hundred'
  }
  if (limit_mib > 0 && limit_mib <= spike_limit_mib) {
    yield "'spike_limit_mib' must be smaller than 'limit_mib'"
  }
  if (limit_percentage > 0 && limit_percentage <= spike_limit_percentage) {
    yield "'spike_limit_percentage' must be smaller than 'limit_percentage'"
  }
}
