/** What a user may set on `replay`; the README has the table. */
import { z } from 'zod'
import type { ConfigProblem } from '../../pipeline/component.ts'

export const schema = z.strictObject({
  path: z.string().default('').describe('the recording'),
  speed: z
    .number()
    .min(0)
    .default(1)
    .describe('1: as it was; 10: ten times as fast; 0: as fast as the pipeline takes the rows'),
  query: z
    .enum(['recorded', 'redact', 'drop', 'keep'])
    .default('recorded')
    .describe('what becomes of values in targets and queries; recorded: what became of them then'),
  backlog_rows_max: z
    .number()
    .int()
    .min(1)
    .default(16_384)
    .describe('rows kept while the pipeline takes none; then reading waits'),
})

export type ReplayConfig = z.infer<typeof schema>

export function validate(config: ReplayConfig): readonly ConfigProblem[] {
  return config.path === '' ? [{ path: ['path'], message: 'path must be non-empty' }] : []
}
