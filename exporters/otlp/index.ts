import { exporter } from '../../pipeline/component.ts'
import { extensionsOfClient } from '../../pipeline/extension_use.ts'
import { schema, validate } from './config.ts'
import { otlpExporter } from './otlp_exporter.ts'

export const otlp = exporter({
  type: 'otlp',
  aliases: ['otlp_grpc'],
  stability: 'development',
  schema,
  validate,
  extensions: extensionsOfClient,
  create: {
    traces: otlpExporter('traces'),
    metrics: otlpExporter('metrics'),
    logs: otlpExporter('logs'),
  },
})
