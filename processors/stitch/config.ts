import { z } from 'zod'
import type { ConfigProblem } from '../../pipeline/component.ts'
import { duration, durationOr } from '../../pipeline/config/duration.ts'

/**
 * What is left out depends on whose rows meet: an agent's come from one host within a moment, and
 * its memory is its host's; a gateway's have been queued and resent on their way.
 */
const DEFAULTS = {
  known: {
    window: 3000,
    window_total: 9000,
    retention: 30_000,
    entries_max: 300_000,
    rows_max: 100_000,
    identities_bytes_max: 0,
  },
  always: {
    window: 5000,
    window_total: 15_000,
    retention: 300_000,
    entries_max: 1_000_000,
    rows_max: 300_000,
    identities_bytes_max: 16 * 1024 * 1024,
  },
} as const

export const schema = z
  .strictObject({
    wait: z
      .enum(['known', 'always'])
      .default('known')
      .describe("whether a server's row waits for a client end that nothing was seen of"),
    window: durationOr().describe("how long a row waits for its parent's row"),
    window_total: durationOr().describe("how long it waits when the parent's row waits in turn"),
    retention: durationOr().describe('how long an exchange is remembered after its closed row'),
    open_timeout: duration('5m').describe(
      'an open exchange of which nothing came for so long has ended: its agent is gone; 0: never',
    ),
    open_rows_max: z
      .int()
      .min(0)
      .default(50_000)
      .describe('open exchanges that are kept to be ended so'),
    confidence_min: z
      .number()
      .min(0)
      .max(1)
      .default(0.7)
      .describe('below it a cause becomes a span link instead of the parent'),
    entries_max: z.int().min(16).optional().describe('exchanges and flows remembered'),
    rows_max: z.int().min(1).optional().describe('rows that wait, or that `next` refused'),
    identities_bytes_max: z
      .int()
      .min(0)
      .optional()
      .describe('memory for the identities of rows, by which doubled ones are dropped'),
    part: z
      .enum(['all', 'causes', 'pairs'])
      .default('all')
      .describe('what is decided here, where several gateways divide the rows'),
    memory: z
      .string()
      .min(1)
      .optional()
      .describe('id of the stitch processor whose memory this one uses'),
    acknowledge: z
      .enum(['taken', 'handed_on'])
      .default('taken')
      .describe('whether the sender is answered at once, or when all rows have been handed on'),
  })
  .transform((options) => {
    const byDefault = DEFAULTS[options.wait]
    const window = options.window ?? byDefault.window
    return {
      ...options,
      window,
      // Three windows, as the defaults are: whoever sets but one means both.
      window_total:
        options.window_total ??
        (options.window === undefined ? byDefault.window_total : 3 * window),
      retention: options.retention ?? byDefault.retention,
      entries_max: options.entries_max ?? byDefault.entries_max,
      rows_max: options.rows_max ?? byDefault.rows_max,
      identities_bytes_max: options.identities_bytes_max ?? byDefault.identities_bytes_max,
    }
  })

export type StitchConfig = z.infer<typeof schema>

export function validate(config: StitchConfig): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = []
  if (config.window_total < config.window) {
    const found = `it is ${config.window_total}ms, window is ${config.window}ms`
    const message = `must not be less than window: ${found}`
    problems.push({ path: ['window_total'], message })
  }
  if (config.part === 'causes' && config.memory === undefined) {
    const message = 'must name the stitch processor that has `part: pairs`: causes are found there'
    problems.push({ path: ['memory'], message })
  }
  return problems
}
