/** The `service` section. */
import { z } from 'zod'
import { duration } from './duration.ts'

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const
export const METRIC_LEVELS = ['none', 'basic', 'normal', 'detailed'] as const

const ids = z.array(z.string()).default([])

/** A pipeline left empty is one without receivers, and not one that was never named. */
const pipeline = z.preprocess(
  (value) => value ?? {},
  z.strictObject({ receivers: ids, processors: ids, exporters: ids }),
)

/** Levels are written in either case, as the Collector takes them. */
function level<const T extends readonly [string, ...string[]]>(levels: T, byDefault: T[number]) {
  const lowered = (value: unknown) => (typeof value === 'string' ? value.toLowerCase() : value)
  return z.preprocess(lowered, z.enum(levels)).default(byDefault)
}

const telemetry = z.strictObject({
  logs: z
    .strictObject({
      level: level(LOG_LEVELS, 'info'),
      encoding: z.enum(['console', 'json']).default('console'),
    })
    .prefault({}),
  metrics: z
    .strictObject({
      level: level(METRIC_LEVELS, 'normal'),
      /** `host:port` where the service's own metrics are served. */
      address: z
        .string()
        .regex(/^.+:\d{1,5}$/, 'must be host:port, such as "localhost:8888"')
        .default('localhost:8888'),
    })
    .prefault({}),
})

export const serviceSchema = z.strictObject({
  extensions: ids,
  telemetry: telemetry.prefault({}),
  /** How long a shutdown may take before what is still held is given up and counted as lost. */
  shutdown_timeout: duration('30s'),
  reload: z
    .strictObject({
      /** Whether a change of any file that the configuration was read from reloads it. */
      watch: z.boolean().default(false),
    })
    .prefault({}),
  pipelines: z.record(z.string(), pipeline).default({}),
})

export type ServiceOptions = z.infer<typeof serviceSchema>
