/** The `service` section. */
import { z } from 'zod'
import { telemetryOptions } from '../telemetry/options.ts'
import { duration } from './duration.ts'

const ids = (what: string) => z.array(z.string()).default([]).describe(what)

/** A pipeline left empty is one without receivers, and not one that was never named. */
const pipeline = z.preprocess(
  (value) => value ?? {},
  z.strictObject({
    receivers: ids('receivers, or connectors that end in this pipeline'),
    processors: ids('processors, in the order in which data passes them'),
    exporters: ids('exporters, or connectors that start from this pipeline'),
  }),
)

export const serviceSchema = z.strictObject({
  extensions: ids('extensions to run, in the order of their start'),
  telemetry: telemetryOptions.prefault({}),
  shutdown_timeout: duration('30s').describe(
    'how long a shutdown may take before what is still held is given up and counted as lost',
  ),
  reload: z
    .strictObject({
      watch: z
        .boolean()
        .default(false)
        .describe('whether a change of any file that the configuration was read from reloads it'),
    })
    .prefault({}),
  pipelines: z.record(z.string(), pipeline).default({}).describe('pipelines, by signal[/name]'),
})

export type ServiceOptions = z.infer<typeof serviceSchema>
