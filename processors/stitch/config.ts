import { z } from 'zod'
import type { ConfigProblem } from '../../pipeline/component.ts'
import { duration } from '../../pipeline/config/duration.ts'

export const schema = z.strictObject({
  window: duration('3s').describe("how long a row waits for its parent's row"),
  window_total: duration('9s').describe("how long it waits when the parent's row waits in turn"),
  retention: duration('30s').describe('how long an exchange is remembered after its closed row'),
  confidence_min: z
    .number()
    .min(0)
    .max(1)
    .default(0.7)
    .describe('below it a cause becomes a span link instead of the parent'),
  wait: z
    .enum(['known', 'always'])
    .default('known')
    .describe("whether a server's row waits for a client end that nothing was seen of"),
  entries_max: z.int().min(16).default(300_000).describe('exchanges and flows remembered'),
  rows_max: z.int().min(1).default(100_000).describe('rows that wait, or that `next` refused'),
})

export type StitchConfig = z.infer<typeof schema>

export function validate(config: StitchConfig): readonly ConfigProblem[] {
  if (config.window_total >= config.window) return []
  const found = `it is ${config.window_total}ms, window is ${config.window}ms`
  return [{ path: ['window_total'], message: `must not be less than window: ${found}` }]
}
