import { z } from 'zod'

/** Levels are written in either case, as the Collector takes them. */
export function level<const T extends readonly [string, ...string[]]>(
  levels: T,
  byDefault: T[number],
) {
  const lowered = (value: unknown) => (typeof value === 'string' ? value.toLowerCase() : value)
  return z.preprocess(lowered, z.enum(levels)).default(byDefault)
}
