/** Where flowspan sends its own spans and metrics, as `otelconf` writes it. */
import { z } from 'zod'
import { secret } from '../config/secret.ts'

/** `headers: { name: value }`, or a list of `{ name, value }`. */
const headers = z.union([
  z.record(z.string(), secret()),
  z
    .array(z.strictObject({ name: z.string(), value: secret() }))
    .transform((list) => Object.fromEntries(list.map(({ name, value }) => [name, value]))),
])

const tls = z.strictObject({
  insecure: z.boolean().default(false),
  ca_file: z.string().default(''),
  cert_file: z.string().default(''),
  key_file: z.string().default(''),
})

export const OTLP_PROTOCOLS = ['grpc', 'http/protobuf'] as const

const otlp = z
  .strictObject({
    protocol: z.enum(OTLP_PROTOCOLS).default('http/protobuf'),
    endpoint: z
      .string()
      .min(1, 'must be set: write it as http://localhost:4317')
      .describe('`http://host:port`, `https://…`; for gRPC also `host:port`'),
    headers: headers.default({}),
    compression: z.enum(['gzip', 'none']).default('none'),
    timeout: z.int().min(1).default(10_000).describe('of one attempt, in milliseconds'),
    tls: tls.prefault({}),
    insecure: z
      .boolean()
      .default(false)
      .describe('the same as `tls::insecure`, as older configurations have it'),
    temporality_preference: z.enum(['cumulative', 'delta', 'low_memory']).default('cumulative'),
  })
  .superRefine(({ protocol, endpoint }, context) => {
    const isUrl = /^https?:\/\/[^/]+/.test(endpoint)
    if (isUrl || (protocol === 'grpc' && /^[^/]+:\d{1,5}$/.test(endpoint))) return
    const wanted = protocol === 'grpc' ? 'http://host:4317 or host:4317' : 'http://host:4318'
    const message = `must be a URL such as ${wanted}: it is "${endpoint}"`
    context.addIssue({ code: 'custom', path: ['endpoint'], message })
  })

export type OtlpOptions = z.infer<typeof otlp>

/** The `exporter` of a processor or reader: `{ otlp: … }`. */
export const otlpExporter = z.strictObject({ otlp })

/** Where signals go over HTTP when the endpoint names no path. */
export function httpUrl({ endpoint }: OtlpOptions, signal: 'traces' | 'metrics'): string {
  const url = new URL(endpoint)
  if (url.pathname === '/') url.pathname = `/v1/${signal}`
  return url.href
}

/** For gRPC: the target as the SDK takes it, and whether it goes without TLS. */
export function grpcUrl(options: OtlpOptions): { url: string; isInsecure: boolean } {
  const { endpoint } = options
  const wantsInsecure = options.insecure || options.tls.insecure
  if (/^https?:\/\//.test(endpoint)) {
    return { url: endpoint, isInsecure: wantsInsecure || endpoint.startsWith('http:') }
  }
  return { url: `${wantsInsecure ? 'http' : 'https'}://${endpoint}`, isInsecure: wantsInsecure }
}
