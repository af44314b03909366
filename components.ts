/** The one table that names every component. Importing it has no side effect. */
import { nopExporter } from './exporters/nop/index.ts'
import { otlp } from './exporters/otlp/index.ts'
import type { Factory } from './pipeline/component.ts'
import { k8sAttributes } from './processors/k8s_attributes/index.ts'
import { stitch } from './processors/stitch/index.ts'
import { nopReceiver } from './receivers/nop/index.ts'

export const COMPONENTS: readonly Factory[] = [
  // receivers
  nopReceiver,
  // processors
  k8sAttributes,
  stitch,
  // connectors
  // exporters
  nopExporter,
  otlp,
]
