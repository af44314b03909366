import { exporter } from '../../pipeline/component.ts'
import { schema, validate } from './config.ts'
import { otlpExporter } from './otlp_exporter.ts'

export const otlp = exporter({
  type: 'otlp',
  aliases: ['otlp_grpc'],
  stability: 'development',
  schema,
  validate,
  create: {
    traces: otlpExporter('traces'),
    metrics: otlpExporter('metrics'),
    logs: otlpExporter('logs'),
  },
})
