import { z } from 'zod'
import type { ConfigProblem } from '../../pipeline/component.ts'
import { duration } from '../../pipeline/config/duration.ts'

export const schema = z.strictObject({
  path: z.string().default('').describe('the file'),
  format: z.enum(['json']).default('json').describe('of a line'),
  append: z.boolean().default(false).describe('keep what the file holds at the start'),
  flush_interval: duration('1s').describe('how long a line may wait in memory'),
})

export type FileConfig = z.infer<typeof schema>

export function validate(config: FileConfig): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = []
  if (config.path === '') problems.push({ path: ['path'], message: 'path must be non-empty' })
  if (config.flush_interval <= 0) {
    problems.push({ path: ['flush_interval'], message: 'flush_interval must be larger than zero' })
  }
  return problems
}
