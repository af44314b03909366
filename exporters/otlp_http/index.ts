import { exporter } from '../../pipeline/component.ts'
import { flowsExporter } from '../../pipeline/exporter/flows_exporter.ts'
import { extensionsOfClient } from '../../pipeline/extension_use.ts'
import { schema, validate } from './config.ts'
import { otlpHttpExporter } from './otlp_http_exporter.ts'

const flowsAsLogs = otlpHttpExporter('logs', 'flows')

export const otlpHttp = exporter({
  type: 'otlp_http',
  aliases: ['otlphttp'],
  stability: 'development',
  schema,
  validate,
  extensions: extensionsOfClient,
  create: {
    flows: (settings, config) => flowsExporter(flowsAsLogs(settings, config), settings),
    traces: otlpHttpExporter('traces'),
    metrics: otlpHttpExporter('metrics'),
    logs: otlpHttpExporter('logs'),
  },
})
