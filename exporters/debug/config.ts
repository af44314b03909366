import { z } from 'zod'

/** How much is printed of what comes in. */
export const VERBOSITIES = ['basic', 'normal', 'detailed', 'tree'] as const

export const schema = z.strictObject({
  verbosity: z.enum(VERBOSITIES).default('basic').describe('how much is printed'),
  sampling_initial: z.int().min(0).default(2).describe('texts of a second that are printed'),
  sampling_thereafter: z.int().min(0).default(1).describe('then one of so many is printed'),
  use_internal_logger: z.boolean().default(true).describe('taken, without effect'),
})

export type DebugConfig = z.infer<typeof schema>
export type Verbosity = DebugConfig['verbosity']
