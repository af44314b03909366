import { z } from 'zod'
import { duration } from '../../pipeline/config/duration.ts'
import { knownMethods } from '../../pipeline/flows/conventions/http.ts'
import { httpRoutes } from '../../pipeline/flows/conventions/routes.ts'

export const schema = z.strictObject({
  metrics_flush_interval: duration('15s').describe('how often all points are sent'),
  series_max: z
    .int()
    .min(1)
    .default(10_000)
    .describe('series a metric; further ones are added up in one with otel.metric.overflow'),
  series_expiration: duration('5m').describe(
    'a series not updated for this long is forgotten; 0: never',
  ),
  known_methods: knownMethods,
  http_routes: httpRoutes,
})

export type FlowMetricsConfig = z.infer<typeof schema>
