/** Options whose values no output of flowspan may show: `print-config` masks them. */
import { z } from 'zod'

/** The marker in a schema's metadata, for whoever prints a configuration. */
export const SECRET = { writeOnly: true } as const

/** Text that is a secret: a token, a password, the value of a header. */
export function secret(): z.ZodString {
  return z.string().meta(SECRET)
}
