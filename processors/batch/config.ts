import { z } from 'zod'
import type { ConfigProblem } from '../../pipeline/component.ts'
import { duration } from '../../pipeline/config/duration.ts'

const UINT32_MAX = 2 ** 32 - 1

export const schema = z.strictObject({
  timeout: duration('200ms'),
  send_batch_size: z.int().min(0).max(UINT32_MAX).default(8192),
  send_batch_max_size: z.int().min(0).max(UINT32_MAX).default(0),
  metadata_keys: z.array(z.string()).default([]),
  metadata_cardinality_limit: z.int().min(0).max(UINT32_MAX).default(1000),
})

export type BatchConfig = z.infer<typeof schema>

export function validate(config: BatchConfig): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = []
  const { send_batch_size, send_batch_max_size, metadata_keys } = config
  if (send_batch_max_size > 0 && send_batch_max_size < send_batch_size) {
    const message = 'send_batch_max_size must be greater or equal to send_batch_size'
    problems.push({ path: [], message })
  }
  const seen = new Set<string>()
  for (const key of metadata_keys.map((name) => name.toLowerCase())) {
    const message = `duplicate entry in metadata_keys: "${key}" (case-insensitive)`
    if (seen.has(key)) problems.push({ path: [], message })
    seen.add(key)
  }
  return problems
}
