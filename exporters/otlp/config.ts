import { z } from 'zod'
import type { ConfigProblem } from '../../pipeline/component.ts'
import { duration } from '../../pipeline/config/duration.ts'
import { authOptions, headerOptions } from '../../pipeline/exporter/client_options.ts'
import { GRPC_COMPRESSIONS, metadataOf } from '../../pipeline/exporter/grpc_transport.ts'
import {
  queueOptions,
  queueProblems,
  retryOptions,
  retryProblems,
} from '../../pipeline/exporter/options.ts'
import { section } from '../../pipeline/exporter/section.ts'
import { tlsOptions, tlsProblems } from '../../pipeline/exporter/tls_options.ts'
import { parseEndpoint } from './endpoint.ts'

/** Those that grpc-js knows. */
const BALANCERS = ['round_robin', 'pick_first', 'weighted_round_robin']

export const schema = z.strictObject({
  endpoint: z.string().default(''),
  tls: tlsOptions,
  headers: headerOptions,
  auth: authOptions,
  compression: z.enum(GRPC_COMPRESSIONS).default('gzip'),
  keepalive: section(
    z.strictObject({
      time: duration('10s'),
      timeout: duration('10s'),
      permit_without_stream: z.boolean().default(false),
    }),
  ),
  balancer_name: z.string().default('round_robin'),
  wait_for_ready: z.boolean().default(false),
  authority: z.string().default(''),
  user_agent: z.string().default(''),
  /** Without effect: for configurations that are a Collector's too. Node sizes its own buffers. */
  read_buffer_size: z.int().default(0),
  write_buffer_size: z.int().default(0),
  timeout: duration('5s'),
  retry_on_failure: retryOptions,
  sending_queue: queueOptions,
})

export type OtlpConfig = z.infer<typeof schema>

export function validate(config: OtlpConfig): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = []
  const endpoint = parseEndpoint(config.endpoint)
  if ('problem' in endpoint) problems.push({ path: ['endpoint'], message: endpoint.problem })
  if (!BALANCERS.includes(config.balancer_name)) {
    const message = `invalid balancer_name: ${config.balancer_name} (valid: ${BALANCERS.join(', ')})`
    problems.push({ path: [], message })
  }
  problems.push(...tlsProblems(config.tls))
  for (const [name, value] of Object.entries(config.headers)) {
    try {
      metadataOf({ [name]: value })
    } catch (error) {
      // Not grpc-js' own words when they are of the value, which they would quote.
      const bad = /value/i.test((error as Error).message) ? 'the value has' : 'the name has'
      problems.push({
        path: ['headers', name],
        message: `${bad} characters that gRPC does not allow`,
      })
    }
  }
  problems.push(...retryProblems(config.retry_on_failure), ...queueProblems(config.sending_queue))
  return problems
}
