/** Options of `load_balancing`; names and defaults are the Collector's where it has the option. */
import { z } from 'zod'
import type { ConfigProblem } from '../../pipeline/component.ts'
import { duration } from '../../pipeline/config/duration.ts'
import { parseEndpoint } from '../../pipeline/exporter/grpc_endpoint.ts'
import { grpcClientOptions, grpcClientProblems } from '../../pipeline/exporter/grpc_options.ts'
import { queueOptions, queueProblems } from '../../pipeline/exporter/options.ts'
import { section } from '../../pipeline/exporter/section.ts'
import { AUTH_TYPES } from '../../pipeline/kubernetes/access.ts'
import { ROUTING_KEYS } from './keys.ts'
import { hostPort, RESOLVERS } from './resolvers/resolver.ts'

export const PORT = '4317'

const port = z.int().min(1).max(65_535)

const resolverOptions = z.strictObject({
  static: z.strictObject({ hostnames: z.array(z.string().min(1)).min(1) }).optional(),
  dns: z
    .strictObject({
      hostname: z.string().min(1),
      port: z.union([z.string(), port]).transform(String).default(PORT),
      interval: duration('5s'),
      timeout: duration('1s'),
    })
    .optional(),
  k8s: z
    .strictObject({
      service: z.string().min(1),
      ports: z
        .array(port)
        .min(1)
        .default([Number(PORT)]),
      timeout: duration('1m'),
      auth_type: z.enum(AUTH_TYPES).optional(),
      kube_config_path: z.string().min(1).optional(),
      context: z.string().min(1).optional(),
    })
    .optional(),
})

export const schema = z.strictObject({
  /** Left out: the signal's first of `KEYS_OF`. */
  routing_key: z.enum(ROUTING_KEYS).optional(),
  resolver: section(resolverOptions),
  protocol: section(z.strictObject({ otlp: section(z.strictObject(grpcClientOptions)) })),
  /** In front of the division, mostly for its `storage`. */
  sending_queue: queueOptions.optional(),
})

export type LoadBalancingConfig = z.infer<typeof schema>

export function validate(config: LoadBalancingConfig): readonly ConfigProblem[] {
  const { otlp } = config.protocol
  const within = (path: string[], problems: readonly ConfigProblem[]) =>
    problems.map(({ path: at, message }) => ({ path: [...path, ...at], message }))
  return [
    ...resolverProblems(config),
    ...within(['protocol', 'otlp'], grpcClientProblems(otlp)),
    ...ownQueueProblems(config),
    ...(config.sending_queue === undefined ? [] : queueProblems(config.sending_queue)),
  ]
}

function resolverProblems({ resolver }: LoadBalancingConfig): ConfigProblem[] {
  const given = RESOLVERS.filter((name) => resolver[name] !== undefined)
  if (given.length !== 1) {
    const found = given.length === 0 ? 'there is none' : `there are ${given.join(' and ')}`
    const message = `must be one of ${RESOLVERS.join(', ')}: ${found}`
    return [{ path: ['resolver'], message }]
  }
  const problems: ConfigProblem[] = []
  for (const [i, hostname] of (resolver.static?.hostnames ?? []).entries()) {
    const endpoint = parseEndpoint(withPort(hostname))
    if (!('problem' in endpoint)) continue
    problems.push({
      path: ['resolver', 'static', 'hostnames', String(i)],
      message: endpoint.problem,
    })
  }
  return problems
}

/** A part that waits on disk could not be given to another backend. */
function ownQueueProblems({ protocol }: LoadBalancingConfig): ConfigProblem[] {
  if (protocol.otlp.sending_queue.storage === '') return []
  const message = 'must not be set here: set load_balancing’s own sending_queue::storage'
  return [{ path: ['protocol', 'otlp', 'sending_queue', 'storage'], message }]
}

/** As the Collector does, 4317 where no port is written. */
export function withPort(hostname: string): string {
  return /:\d+$/.test(hostname) || hostname.startsWith('unix:')
    ? hostname
    : hostPort(hostname, PORT)
}
