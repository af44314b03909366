/**
 * Durations as the Collector writes them: Go's `time.ParseDuration` (`10s`, `1m30s`, `1.5h`,
 * `200ms`, `-1s`; a unit is demanded, but for 0). Inside flowspan they are milliseconds.
 */
import { z } from 'zod'
import { WRITTEN } from './json_schema.ts'

const UNIT_MS: { readonly [unit: string]: number } = {
  h: 3_600_000,
  m: 60_000,
  s: 1000,
  ms: 1,
  us: 1e-3,
  µs: 1e-3, // U+00B5, the micro sign
  μs: 1e-3, // U+03BC, the Greek letter
  ns: 1e-6,
}

/** As it is written in a schema: no sign, as no option may be negative. */
const PATTERN = '^\\+?(0|((\\d+\\.?\\d*|\\.\\d+)(h|ms|m|s|us|µs|μs|ns))+)$'

const WRITTEN_AS = { anyOf: [{ type: 'string', pattern: PATTERN }, { const: 0 }] }

const BARE = /^[+-]?\d+(\.\d*)?$/
const WHOLE = /^[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:h|ms|m|s|us|µs|μs|ns))+$/
const PART = /(\d+\.?\d*|\.\d+)(h|ms|m|s|us|µs|μs|ns)/g

/** Milliseconds, or undefined when `text` is not a duration. */
export function parseDuration(text: string): number | undefined {
  if (/^[+-]?0$/.test(text)) return 0
  if (!WHOLE.test(text)) return undefined
  let ms = 0
  for (const [, amount, unit] of text.matchAll(PART))
    ms += Number(amount) * UNIT_MS[unit as string]!
  return text.startsWith('-') ? -ms : ms
}

/**
 * The schema of an option that is a duration: text in the configuration, milliseconds inside.
 * `defaultText` is what the option is when it is left out.
 */
export function duration(defaultText: string): z.ZodDefault<z.ZodType<number>> {
  const defaultMs = parseDuration(defaultText)
  if (defaultMs === undefined) throw new Error(`Not a duration: "${defaultText}"`)
  const json = { ...WRITTEN_AS, default: defaultText }
  return milliseconds().default(defaultMs).register(WRITTEN, { json })
}

/** The same for an option whose default depends on others: undefined when it is left out. */
export function durationOr(): z.ZodOptional<z.ZodType<number>> {
  return milliseconds().optional().register(WRITTEN, { json: WRITTEN_AS })
}

function milliseconds(): z.ZodType<number> {
  return z.unknown().transform((value, context) => {
    if (value === 0) return 0
    const ms = typeof value === 'string' ? parseDuration(value) : undefined
    if (ms !== undefined && ms >= 0) return ms
    context.addIssue(problemOf(value, ms))
    return z.NEVER
  })
}

function problemOf(value: unknown, ms: number | undefined): string {
  if (ms !== undefined) return `must be non-negative: it is "${value}"`
  if (typeof value === 'number' || (typeof value === 'string' && BARE.test(value))) {
    return `time: missing unit in duration "${value}"; write one, such as "${value}s"`
  }
  return `time: invalid duration "${String(value)}"; write a number and a unit, such as "10s"`
}
