import { z } from 'zod'
import { WRITTEN } from '../config/json_schema.ts'

/** Levels are written in either case, as the Collector takes them. */
export function level<const T extends readonly [string, ...string[]]>(
  levels: T,
  byDefault: T[number],
) {
  const lowered = (value: unknown) => (typeof value === 'string' ? value.toLowerCase() : value)
  const either = [...levels, ...levels.map((name) => name.toUpperCase())]
  const json = { type: 'string', enum: either, default: byDefault }
  return z.preprocess(lowered, z.enum(levels)).default(byDefault).register(WRITTEN, { json })
}
