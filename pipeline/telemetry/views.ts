/** `service::telemetry::metrics::views`: what becomes of single instruments. */
import {
  AggregationType,
  createAllowListAttributesProcessor,
  createDenyListAttributesProcessor,
  InstrumentType,
  type ViewOptions,
} from '@opentelemetry/sdk-metrics'
import { z } from 'zod'

const INSTRUMENT_TYPES = {
  counter: InstrumentType.COUNTER,
  histogram: InstrumentType.HISTOGRAM,
  observable_counter: InstrumentType.OBSERVABLE_COUNTER,
  observable_gauge: InstrumentType.OBSERVABLE_GAUGE,
  observable_up_down_counter: InstrumentType.OBSERVABLE_UP_DOWN_COUNTER,
  up_down_counter: InstrumentType.UP_DOWN_COUNTER,
} as const

const nothing = z.strictObject({}).nullable()
const names = z.array(z.string())

export const view = z.strictObject({
  selector: z
    .strictObject({
      /** `*` stands for any characters. */
      instrument_name: z.string().optional(),
      instrument_type: z
        .enum(Object.keys(INSTRUMENT_TYPES) as [keyof typeof INSTRUMENT_TYPES])
        .optional(),
      unit: z.string().optional(),
      meter_name: z.string().optional(),
    })
    .refine((selector) => Object.keys(selector).length > 0, 'must select something'),
  stream: z
    .strictObject({
      name: z.string().optional(),
      description: z.string().optional(),
      aggregation: z
        .strictObject({
          default: nothing.optional(),
          drop: nothing.optional(),
          last_value: nothing.optional(),
          sum: nothing.optional(),
          explicit_bucket_histogram: z
            .strictObject({
              boundaries: z.array(z.number()).default([]),
              record_min_max: z.boolean().default(true),
            })
            .optional(),
        })
        .refine((of) => Object.keys(of).length === 1, 'must name one aggregation')
        .optional(),
      attribute_keys: z
        .strictObject({ included: names.optional(), excluded: names.optional() })
        .optional(),
    })
    .prefault({}),
})

export type View = z.infer<typeof view>

export function viewOf({ selector, stream }: View): ViewOptions {
  const { instrument_name, instrument_type, unit, meter_name } = selector
  const { name, description, aggregation, attribute_keys } = stream
  const attributesProcessors = [
    ...(attribute_keys?.included
      ? [createAllowListAttributesProcessor(attribute_keys.included)]
      : []),
    ...(attribute_keys?.excluded
      ? [createDenyListAttributesProcessor(attribute_keys.excluded)]
      : []),
  ]
  const options: ViewOptions = {
    ...(instrument_name !== undefined && { instrumentName: instrument_name }),
    ...(instrument_type !== undefined && { instrumentType: INSTRUMENT_TYPES[instrument_type] }),
    ...(unit !== undefined && { instrumentUnit: unit }),
    ...(meter_name !== undefined && { meterName: meter_name }),
    ...(name !== undefined && { name }),
    ...(description !== undefined && { description }),
    ...(attributesProcessors.length > 0 && { attributesProcessors }),
    ...(aggregation !== undefined && { aggregation: aggregationOf(aggregation) }),
  }
  return options
}

function aggregationOf(of: NonNullable<View['stream']['aggregation']>) {
  if (of.drop !== undefined) return { type: AggregationType.DROP } as const
  if (of.sum !== undefined) return { type: AggregationType.SUM } as const
  if (of.last_value !== undefined) return { type: AggregationType.LAST_VALUE } as const
  if (of.explicit_bucket_histogram === undefined) return { type: AggregationType.DEFAULT } as const
  const { boundaries, record_min_max: recordMinMax } = of.explicit_bucket_histogram
  const type = AggregationType.EXPLICIT_BUCKET_HISTOGRAM
  return { type, options: { boundaries, recordMinMax } } as const
}
