/** The one table that names every component. Importing it has no side effect. */
import { nopExporter } from './exporters/nop/index.ts'
import type { Factory } from './pipeline/component.ts'
import { nopReceiver } from './receivers/nop/index.ts'

export const COMPONENTS: readonly Factory[] = [
  // receivers
  nopReceiver,
  // processors
  // connectors
  // exporters
  nopExporter,
]
