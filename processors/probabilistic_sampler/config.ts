import { z } from 'zod'
import type { ConfigProblem } from '../../pipeline/component.ts'
import { PROBABILITY_MIN } from './threshold.ts'

const UINT32_MAX = 2 ** 32 - 1

export const schema = z.strictObject({
  sampling_percentage: z
    .number()
    .min(0)
    .default(0)
    .describe('of traces, so many are kept; 100 and more: all'),
  mode: z
    .enum(['hash_seed', 'equalizing', 'proportional'])
    .default('hash_seed')
    .describe('by a hash of the trace id, or consistently by its own random bits'),
  hash_seed: z.int().min(0).max(UINT32_MAX).default(0).describe('of the hash of trace ids'),
  sampling_precision: z
    .int()
    .min(1)
    .max(14)
    .default(4)
    .describe('hexadecimal digits of the threshold in tracestate'),
  fail_closed: z
    .boolean()
    .default(true)
    .describe('drop spans whose trace id or tracestate tells no randomness; else keep them'),
})

export type SamplerConfig = z.infer<typeof schema>

export function validate({ sampling_percentage }: SamplerConfig): readonly ConfigProblem[] {
  const ratio = sampling_percentage / 100
  if (ratio === 0 || ratio >= PROBABILITY_MIN) return []
  const message = `sampling rate is too small: ${sampling_percentage}%`
  return [{ path: ['sampling_percentage'], message }]
}
