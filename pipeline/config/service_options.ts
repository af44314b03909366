/** The `service` section. */
import { z } from 'zod'
import { telemetryOptions } from '../telemetry/options.ts'
import { duration } from './duration.ts'

const ids = z.array(z.string()).default([])

/** A pipeline left empty is one without receivers, and not one that was never named. */
const pipeline = z.preprocess(
  (value) => value ?? {},
  z.strictObject({ receivers: ids, processors: ids, exporters: ids }),
)

export const serviceSchema = z.strictObject({
  extensions: ids,
  telemetry: telemetryOptions.prefault({}),
  /** How long a shutdown may take before what is still held is given up and counted as lost. */
  shutdown_timeout: duration('30s'),
  reload: z
    .strictObject({
      /** Whether a change of any file that the configuration was read from reloads it. */
      watch: z.boolean().default(false),
    })
    .prefault({}),
  pipelines: z.record(z.string(), pipeline).default({}),
})

export type ServiceOptions = z.infer<typeof serviceSchema>
