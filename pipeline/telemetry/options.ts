/** `service::telemetry`; names and defaults are the Collector's. */
import { z } from 'zod'
import { duration } from '../config/duration.ts'
import { level } from './level_option.ts'
import { metricsOptions } from './metrics_options.ts'
import { tracesOptions } from './traces_options.ts'

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

const logsOptions = z.strictObject({
  level: level(LOG_LEVELS, 'info'),
  encoding: z.enum(['console', 'json']).default('console'),
  sampling: z
    .strictObject({
      enabled: z.boolean().default(true),
      tick: duration('10s'),
      initial: z.int().min(0).default(10),
      /** 0: none after the first. */
      thereafter: z.int().min(0).default(100),
    })
    .prefault({})
    .describe(
      'of lines with one level and message in a `tick`: the first, and then one of so many',
    ),
  output_paths: z
    .array(z.string().min(1))
    .min(1)
    .default(['stderr'])
    .describe('`stderr`, `stdout`, or paths of files, which are appended to'),
  error_output_paths: z
    .array(z.string().min(1))
    .default(['stderr'])
    .describe('where it is said that a line could not be written'),
  disable_caller: z
    .boolean()
    .default(true)
    .describe(
      'accepted, and without effect: the component stands in each line, a line of code never',
    ),
  disable_stacktrace: z
    .boolean()
    .default(false)
    .describe('errors have their stack in JSON, and on the console with `development`'),
  development: z.boolean().default(false),
  initial_fields: z.record(z.string(), z.json()).default({}).describe('fields of every line'),
})

export const telemetryOptions = z.strictObject({
  logs: logsOptions.prefault({}),
  metrics: metricsOptions.prefault({}),
  traces: tracesOptions.prefault({}),
  resource: z
    .record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()]))
    .default({})
    .describe('attributes of the resource; null takes away one that is there by default'),
})

export type LogOptions = z.infer<typeof logsOptions>
export type TelemetryOptions = z.infer<typeof telemetryOptions>
