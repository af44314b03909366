/** `service::telemetry::traces`: flowspan's traces of itself. Off unless it has a processor. */
import { z } from 'zod'
import { level } from './level_option.ts'
import { METRIC_LEVELS } from './metrics_options.ts'
import { otlpExporter } from './otlp_options.ts'

const processor = z
  .strictObject({
    batch: z
      .strictObject({
        schedule_delay: z
          .int()
          .min(1)
          .default(5000)
          .describe("times in milliseconds; names and defaults are OpenTelemetry's"),
        export_timeout: z.int().min(1).default(30_000),
        max_queue_size: z.int().min(1).default(2048),
        max_export_batch_size: z.int().min(1).default(512),
        exporter: otlpExporter,
      })
      .refine(
        ({ max_queue_size, max_export_batch_size }) => max_export_batch_size <= max_queue_size,
        '"max_export_batch_size" must not be more than "max_queue_size"',
      )
      .optional(),
    simple: z.strictObject({ exporter: otlpExporter }).optional(),
  })
  .refine(
    ({ batch, simple }) => (batch === undefined) !== (simple === undefined),
    'must have one of "batch" and "simple"',
  )

const nothing = z.strictObject({}).nullable()

const plainSampler = z.strictObject({
  always_on: nothing.optional(),
  always_off: nothing.optional(),
  trace_id_ratio_based: z.strictObject({ ratio: z.number().min(0).max(1).default(1) }).optional(),
})

const ONE_SAMPLER = 'must name one sampler'
const isOne = (sampler: object) => Object.keys(sampler).length === 1

const sampler = plainSampler
  .extend({
    parent_based: z.strictObject({ root: plainSampler.refine(isOne, ONE_SAMPLER) }).optional(),
  })
  .refine(isOne, ONE_SAMPLER)

export type PlainSampler = z.infer<typeof plainSampler>
export type SamplerOptions = z.infer<typeof sampler>
export type SpanProcessorOptions = z.infer<typeof processor>

export const PROPAGATORS = ['tracecontext', 'baggage', 'b3', 'b3multi'] as const

export const tracesOptions = z.strictObject({
  /** `none` switches traces off, whatever else is set. */
  level: level(METRIC_LEVELS, 'normal'),
  processors: z.array(processor).default([]),
  sampler: sampler
    .default({ parent_based: { root: { always_on: {} } } })
    .describe("default: every trace that begins here; of others what their root's program decided"),
  propagators: z.array(z.enum(PROPAGATORS)).default(['tracecontext', 'baggage']),
})

export type TracesOptions = z.infer<typeof tracesOptions>

export function isTracing({ level, processors }: TracesOptions): boolean {
  return level !== 'none' && processors.length > 0
}
