import { exporter } from '../../pipeline/component.ts'
import { flowsExporter } from '../../pipeline/exporter/flows_exporter.ts'
import { extensionsOfClient } from '../../pipeline/extension_use.ts'
import { schema, validate } from './config.ts'
import { otlpExporter } from './otlp_exporter.ts'

const flowsAsLogs = otlpExporter('logs', 'flows')

export const otlp = exporter({
  type: 'otlp',
  aliases: ['otlp_grpc'],
  stability: 'development',
  schema,
  validate,
  extensions: extensionsOfClient,
  create: {
    flows: (settings, config) => flowsExporter(flowsAsLogs(settings, config), settings),
    traces: otlpExporter('traces'),
    metrics: otlpExporter('metrics'),
    logs: otlpExporter('logs'),
  },
})
