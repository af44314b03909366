/** `service::telemetry::metrics`. */
import { z } from 'zod'
import { level } from './level_option.ts'
import { otlpExporter } from './otlp_options.ts'
import { view } from './views.ts'

export const METRIC_LEVELS = ['none', 'basic', 'normal', 'detailed'] as const
export type MetricLevel = (typeof METRIC_LEVELS)[number]

const patterns = z.array(z.string()).optional()

const prometheus = z.strictObject({
  host: z.string().min(1).default('localhost'),
  port: z.int().min(0).max(65_535).default(8888),
  without_scope_info: z
    .boolean()
    .default(true)
    .describe('false adds the labels `otel_scope_name` and `otel_scope_version`'),
  without_type_suffix: z
    .boolean()
    .default(true)
    .describe('false appends `_total` to the names of counters'),
  without_units: z
    .literal(true)
    .default(true)
    .describe('names carry no units, so that they never change'),
  with_resource_constant_labels: z
    .strictObject({ included: patterns, excluded: patterns })
    .optional()
    .describe(
      'attributes of the resource that every sample gets as labels; `*` stands for anything',
    ),
})

const reader = z
  .strictObject({
    pull: z.strictObject({ exporter: z.strictObject({ prometheus }) }).optional(),
    periodic: z
      .strictObject({
        interval: z
          .int()
          .min(1)
          .default(60_000)
          .describe('milliseconds from one export to the next'),
        timeout: z.int().min(1).default(30_000).describe('milliseconds that one may take'),
        exporter: otlpExporter,
      })
      .refine(
        ({ interval, timeout }) => timeout <= interval,
        '"timeout" must not be longer than "interval"',
      )
      .optional(),
  })
  .refine(
    ({ pull, periodic }) => (pull === undefined) !== (periodic === undefined),
    'must have one of "pull" and "periodic"',
  )

export type PrometheusOptions = z.infer<typeof prometheus>
export type PeriodicOptions = NonNullable<z.infer<typeof reader>['periodic']>

const NO_READER = 'collector telemetry metrics reader should exist when metric level is not none'
const NO_VIEWS =
  'service::telemetry::metrics::views can only be set when service::telemetry::metrics::level is detailed'

export const metricsOptions = z
  .strictObject({
    level: level(METRIC_LEVELS, 'normal'),
    address: z
      .string()
      .regex(/^.+:\d{1,5}$/, 'must be host:port, such as "localhost:8888"')
      .optional()
      .describe('`host:port`: in one word a `pull` reader for Prometheus'),
    readers: z.array(reader).optional(),
    views: z.array(view).default([]),
  })
  .superRefine(({ level, address, readers, views }, context) => {
    const add = (path: string[], message: string) =>
      context.addIssue({ code: 'custom', path, message })
    if (readers?.length === 0 && address === undefined && level !== 'none') add([], NO_READER)
    if (views.length > 0 && level !== 'detailed') add([], NO_VIEWS)
    if (address !== undefined && readers !== undefined && readers.length > 0) {
      add(['address'], 'cannot be set beside "readers": name it there as a "pull" reader')
    }
  })

export type MetricsOptions = z.infer<typeof metricsOptions>

/** The `pull` readers, of which `address` is one, and which is the default too. */
export function pullReaders(options: MetricsOptions): PrometheusOptions[] {
  const { address, readers } = options
  if (address !== undefined) {
    const colon = address.lastIndexOf(':')
    const host = address.slice(0, colon).replace(/^\[(.*)\]$/, '$1')
    return [prometheus.parse({ host, port: Number(address.slice(colon + 1)) })]
  }
  if (readers === undefined) return [prometheus.parse({})]
  return readers.flatMap(({ pull }) => (pull === undefined ? [] : [pull.exporter.prometheus]))
}

export function periodicReaders({ readers = [] }: MetricsOptions): PeriodicOptions[] {
  return readers.flatMap(({ periodic }) => (periodic === undefined ? [] : [periodic]))
}

export function addressOf({ host, port }: PrometheusOptions): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
