import { connector } from '../../pipeline/component.ts'
import { type FlowMetricsConfig, schema } from './config.ts'
import { FlowMetrics } from './flow_metrics.ts'

export const flowMetrics = connector<FlowMetricsConfig>({
  type: 'flow_metrics',
  stability: 'alpha',
  schema,
  create: {
    flows: { metrics: (settings, config, next) => new FlowMetrics(settings, config, { next }) },
  },
})
