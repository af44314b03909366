import { z } from 'zod'

/** How much is printed of what comes in. */
export const VERBOSITIES = ['basic', 'normal', 'detailed', 'tree'] as const

export const schema = z.strictObject({
  verbosity: z.enum(VERBOSITIES).default('basic').describe('how much is printed'),
})

export type DebugConfig = z.infer<typeof schema>
export type Verbosity = DebugConfig['verbosity']
