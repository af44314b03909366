import { receiver } from '../../pipeline/component.ts'
import { extensions, schema, validate } from './config.ts'
import { receiverOf } from './otlp_receiver.ts'

export const otlpReceiver = receiver({
  type: 'otlp',
  stability: 'development',
  schema,
  validate,
  extensions,
  create: {
    flows: receiverOf('flows'),
    traces: receiverOf('traces'),
    metrics: receiverOf('metrics'),
    logs: receiverOf('logs'),
  },
})
