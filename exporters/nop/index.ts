import { z } from 'zod'
import { exporter, type Settings } from '../../pipeline/component.ts'
import { NopExporter } from './nop_exporter.ts'

function create({ ledger }: Settings): NopExporter {
  return new NopExporter(ledger)
}

/** Takes everything and keeps nothing. */
export const nopExporter = exporter({
  type: 'nop',
  stability: 'beta',
  schema: z.strictObject({}),
  create: { flows: create, traces: create, metrics: create, logs: create },
})
