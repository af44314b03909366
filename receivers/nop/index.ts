import { z } from 'zod'
import { receiver } from '../../pipeline/component.ts'

/** Gives nothing. */
export const nopReceiver = receiver({
  type: 'nop',
  stability: 'beta',
  schema: z.strictObject({}),
  create: {
    flows: () => ({}),
    traces: () => ({}),
    metrics: () => ({}),
    logs: () => ({}),
  },
})
