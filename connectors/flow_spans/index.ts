import { connector } from '../../pipeline/component.ts'
import { type FlowSpansConfig, schema } from './config.ts'
import { FlowSpans } from './flow_spans.ts'

export const flowSpans = connector<FlowSpansConfig>({
  type: 'flow_spans',
  stability: 'alpha',
  schema,
  create: {
    flows: { traces: (settings, config, next) => new FlowSpans(settings, config, next) },
  },
})
