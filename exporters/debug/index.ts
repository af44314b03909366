import { exporter } from '../../pipeline/component.ts'
import { schema } from './config.ts'
import { debugExporter, debugFlowsExporter, debugTracesExporter } from './debug_exporter.ts'

export const debug = exporter({
  type: 'debug',
  stability: 'development',
  schema,
  create: {
    flows: (settings, config) => debugFlowsExporter(settings, config),
    traces: (settings, config) => debugTracesExporter(settings, config),
    metrics: (settings, config) => debugExporter(settings, config),
    logs: (settings, config) => debugExporter(settings, config),
  },
})
