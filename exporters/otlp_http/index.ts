import { exporter } from '../../pipeline/component.ts'
import { extensionsOfClient } from '../../pipeline/extension_use.ts'
import { schema, validate } from './config.ts'
import { otlpHttpExporter } from './otlp_http_exporter.ts'

export const otlpHttp = exporter({
  type: 'otlp_http',
  aliases: ['otlphttp'],
  stability: 'development',
  schema,
  validate,
  extensions: extensionsOfClient,
  create: {
    traces: otlpHttpExporter('traces'),
    metrics: otlpHttpExporter('metrics'),
    logs: otlpHttpExporter('logs'),
  },
})
