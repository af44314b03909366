import { exporter } from '../../pipeline/component.ts'
import { schema, validate } from './config.ts'
import { flowsFileExporter, otlpFileExporter } from './file_exporter.ts'

export const file = exporter({
  type: 'file',
  stability: 'development',
  schema,
  validate,
  create: {
    flows: flowsFileExporter,
    traces: otlpFileExporter,
    metrics: otlpFileExporter,
    logs: otlpFileExporter,
  },
})
