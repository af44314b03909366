import { z } from 'zod'
import type { ConfigProblem, ExtensionUse } from '../../pipeline/component.ts'
import { duration } from '../../pipeline/config/duration.ts'
import { secret } from '../../pipeline/config/secret.ts'
import { ENCODINGS } from '../../pipeline/server/decompress.ts'
import { serverTlsOptions, tlsProblems } from '../../pipeline/server/tls_options.ts'

const MIB = 2 ** 20
const HTTP_BODY_BYTES_MAX = 20 * MIB
const GRPC_MESSAGE_MIB_MAX = 4
/** Of one connection; a client waits for its turn beyond it. */
const GRPC_STREAMS_MAX = 1000

/** Known to the Collector; requests in them are refused by name. */
export const UNSUPPORTED_ENCODINGS = ['snappy', 'x-snappy-framed', 'lz4'] as const

/** A map that may be named and left empty (`grpc:`), which is not the same as left out. */
function optional<T extends z.ZodType>(options: T) {
  return z.preprocess((value) => (value === null ? {} : value), options).optional()
}

const listening = {
  transport: z.enum(['tcp', 'tcp4', 'tcp6', 'unix']).default('tcp'),
  tls: optional(serverTlsOptions),
  include_metadata: z.boolean().default(false),
}

const keepalive = z.strictObject({
  server_parameters: optional(
    z.strictObject({
      max_connection_idle: duration('0s'),
      max_connection_age: duration('0s'),
      max_connection_age_grace: duration('0s'),
      time: duration('2h'),
      timeout: duration('20s'),
    }),
  ),
  enforcement_policy: optional(
    z.strictObject({
      min_time: duration('5m'),
      permit_without_stream: z.boolean().default(false),
    }),
  ),
})

const grpc = z.strictObject({
  endpoint: z.string().default('localhost:4317'),
  ...listening,
  max_recv_msg_size_mib: z
    .int()
    .min(0)
    .default(GRPC_MESSAGE_MIB_MAX)
    .transform((mib) => (mib === 0 ? GRPC_MESSAGE_MIB_MAX : mib)),
  max_concurrent_streams: z
    .int()
    .min(0)
    .max(2 ** 31 - 1)
    .default(GRPC_STREAMS_MAX)
    .transform((streams) => (streams === 0 ? GRPC_STREAMS_MAX : streams)),
  keepalive: optional(keepalive),
  auth: optional(z.strictObject({ authenticator: z.string() })),
  /** Node chooses the sizes of its buffers itself. */
  read_buffer_size: z.int().min(0).default(524_288),
  write_buffer_size: z.int().min(0).default(0),
})

const cors = z.strictObject({
  allowed_origins: z.array(z.string()).default([]),
  allowed_headers: z.array(z.string()).default([]),
  exposed_headers: z.array(z.string()).default([]),
  max_age: z.int().min(0).default(0),
})

const urlPath = (path: string) =>
  z
    .string()
    .default(path)
    .transform((text) => (text.startsWith('/') ? text : `/${text}`))

const http = z.strictObject({
  endpoint: z.string().default('localhost:4318'),
  ...listening,
  traces_url_path: urlPath('/v1/traces'),
  metrics_url_path: urlPath('/v1/metrics'),
  logs_url_path: urlPath('/v1/logs'),
  cors: optional(cors),
  auth: optional(
    z.strictObject({
      authenticator: z.string(),
      request_params: z.array(z.string()).default([]),
    }),
  ),
  max_request_body_size: z
    .int()
    .default(HTTP_BODY_BYTES_MAX)
    .transform((bytes) => (bytes <= 0 ? HTTP_BODY_BYTES_MAX : bytes)),
  compression_algorithms: z
    .array(z.enum(['', ...ENCODINGS, ...UNSUPPORTED_ENCODINGS]))
    .default(['', ...ENCODINGS]),
  response_headers: z
    .union([
      z.record(z.string(), secret()),
      z.array(z.strictObject({ name: z.string(), value: secret() })),
    ])
    .default({}),
  read_header_timeout: duration('1m'),
  read_timeout: duration('1m'),
  write_timeout: duration('0s'),
  idle_timeout: duration('0s'),
  keep_alives_enabled: z.boolean().default(true),
  keepalive: optional(
    z.strictObject({ enabled: z.boolean().default(true), idle_timeout: duration('0s') }),
  ),
})

export const schema = z.strictObject({
  protocols: z.preprocess(
    (value) => value ?? {},
    z.strictObject({ grpc: optional(grpc), http: optional(http) }),
  ),
  /** Bytes of requests that are held, of both protocols together. */
  max_in_flight_size_mib: z.int().min(1).default(256),
})

export type OtlpConfig = z.infer<typeof schema>
export type GrpcConfig = z.infer<typeof grpc>
export type HttpConfig = z.infer<typeof http>
export type CorsConfig = z.infer<typeof cors>

export function validate({ protocols }: OtlpConfig): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = []
  for (const name of ['grpc', 'http'] as const) {
    const protocol = protocols[name]
    if (protocol === undefined) continue
    if (protocol.tls) problems.push(...tlsProblems(protocol.tls, ['protocols', name, 'tls']))
    if (protocol.endpoint === '') {
      problems.push({ path: ['protocols', name, 'endpoint'], message: 'must not be empty' })
    }
  }
  if (protocols.grpc === undefined && protocols.http === undefined) {
    const message = 'must specify at least one protocol when using the OTLP receiver'
    problems.push({ path: [], message })
  }
  return problems
}

export function extensions({ protocols }: OtlpConfig): readonly ExtensionUse[] {
  return (['grpc', 'http'] as const).flatMap((name) => {
    const id = protocols[name]?.auth?.authenticator
    return id === undefined ? [] : [{ path: ['protocols', name, 'auth', 'authenticator'], id }]
  })
}

/** As `Host.listen` takes it. */
export function listenEndpoint({ endpoint, transport }: GrpcConfig | HttpConfig): string {
  if (transport === 'unix' && !endpoint.startsWith('unix:')) return `unix://${endpoint}`
  return endpoint
}
