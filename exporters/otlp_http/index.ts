import { exporter } from '../../pipeline/component.ts'
import { schema, validate } from './config.ts'
import { otlpHttpExporter } from './otlp_http_exporter.ts'

export const otlpHttp = exporter({
  type: 'otlp_http',
  aliases: ['otlphttp'],
  stability: 'development',
  schema,
  validate,
  create: {
    traces: otlpHttpExporter('traces'),
    metrics: otlpHttpExporter('metrics'),
    logs: otlpHttpExporter('logs'),
  },
})
