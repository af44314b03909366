/** Options of whatever sends OTLP over gRPC; names and defaults are the Collector's. */
import { z } from 'zod'
import type { ConfigProblem } from '../component.ts'
import { duration } from '../config/duration.ts'
import { authOptions, headerOptions } from './client_options.ts'
import { GRPC_COMPRESSIONS, metadataOf } from './grpc_transport.ts'
import { queueOptions, queueProblems, retryOptions, retryProblems } from './options.ts'
import { section } from './section.ts'
import { tlsOptions, tlsProblems } from './tls_options.ts'

/** Those that grpc-js knows. */
const BALANCERS = ['round_robin', 'pick_first', 'weighted_round_robin']

/** Everything but where to send to. */
export const grpcClientOptions = {
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
}

const client = z.strictObject(grpcClientOptions)
export type GrpcClientConfig = z.infer<typeof client>

export function grpcClientProblems(config: GrpcClientConfig): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = []
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
