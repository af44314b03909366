/** A receiver with an option of each sort, for whoever decodes configurations. */
import { z } from 'zod'
import { receiver } from '../../../pipeline/component.ts'
import { duration } from '../../../pipeline/config/duration.ts'
import { headerOptions } from '../../../pipeline/exporter/client_options.ts'
import { Probes } from '../probes.ts'

const sample = receiver({
  type: 'sample',
  stability: 'development',
  schema: z.strictObject({
    endpoint: z.string().default('localhost:4317'),
    timeout: duration('10s'),
    retries: z.int().default(3),
    mode: z.enum(['fast', 'safe']).default('fast'),
    nested: z.strictObject({ depth: z.number().min(0).default(1) }).prefault({}),
    headers: headerOptions,
    tags: z.array(z.string()).default([]),
  }),
  validate: ({ endpoint }) =>
    endpoint === '' ? [{ path: [], message: 'requires a non-empty "endpoint"' }] : [],
  create: { flows: () => ({}) },
})

/** The id of a component that is told apart from a connector of the same name. */
const joint = receiver({
  type: 'joint',
  stability: 'development',
  schema: z.strictObject({}),
  create: { flows: () => ({}) },
})

export const { factories: sampleFactories } = new Probes([sample, joint])
