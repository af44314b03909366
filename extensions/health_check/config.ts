import { z } from 'zod'
import type { ConfigProblem } from '../../pipeline/component.ts'
import { duration } from '../../pipeline/config/duration.ts'

const path = z.string().regex(/^\//, 'must begin with "/"')

const http = z.strictObject({
  endpoint: z.string().min(1).default('localhost:13133'),
  status: z
    .strictObject({ enabled: z.boolean().default(true), path: path.default('/status') })
    .prefault({}),
})

export const schema = z.strictObject({
  endpoint: z.string().min(1).default('localhost:13133').describe('`host:port`, or `unix:///path`'),
  path: path
    .default('/')
    .describe('where health is answered; "/" is every path that means nothing else'),
  liveness_path: path
    .default('/livez')
    .describe('where it is answered whether the process works at all, for a liveness probe'),
  response_body: z
    .strictObject({ healthy: z.string().default(''), unhealthy: z.string().default('') })
    .optional()
    .describe('instead of JSON'),
  use_v2: z.boolean().default(false).describe('what `http` says instead of `endpoint` and `path`'),
  http: http.optional(),
  component_health: z
    .strictObject({
      include_permanent_errors: z.boolean().default(true),
      include_recoverable_errors: z.boolean().default(true),
      recovery_duration: duration('1m').describe(
        'how long an error that may pass is no reason to be unhealthy',
      ),
    })
    .prefault({}),
})

export type HealthCheckConfig = z.infer<typeof schema>

export function validate({ use_v2, http, path, liveness_path }: HealthCheckConfig) {
  const problems: ConfigProblem[] = []
  if (http !== undefined && !use_v2) {
    problems.push({ path: ['http'], message: 'needs "use_v2: true" beside it' })
  }
  if (use_v2 && http?.status.enabled === false) {
    const message = 'must be true: there would be nothing to answer'
    problems.push({ path: ['http', 'status', 'enabled'], message })
  }
  if (liveness_path === (use_v2 ? (http?.status.path ?? '/status') : path)) {
    problems.push({ path: ['liveness_path'], message: 'must not be the path of the health itself' })
  }
  return problems
}

/** Where to listen, and the path that health is answered at. */
export function placeOf({ use_v2, http, endpoint, path }: HealthCheckConfig) {
  if (!use_v2) return { endpoint, path }
  const { endpoint: address, status } = http ?? schema.shape.http.unwrap().parse({})
  return { endpoint: address, path: status.path }
}
