import { validateHeaderName, validateHeaderValue } from 'node:http'
import { z } from 'zod'
import type { ConfigProblem } from '../../pipeline/component.ts'
import { duration } from '../../pipeline/config/duration.ts'
import { authOptions, headerOptions } from '../../pipeline/exporter/client_options.ts'
import { HTTP_COMPRESSIONS, levelProblem } from '../../pipeline/exporter/compression.ts'
import {
  queueOptions,
  queueProblems,
  retryOptions,
  retryProblems,
} from '../../pipeline/exporter/options.ts'
import { section } from '../../pipeline/exporter/section.ts'
import { tlsOptions, tlsProblems } from '../../pipeline/exporter/tls_options.ts'
import type { OtlpBatch } from '../../pipeline/otlp/batch.ts'

export const schema = z.strictObject({
  endpoint: z.string().default(''),
  traces_endpoint: z.string().default(''),
  metrics_endpoint: z.string().default(''),
  logs_endpoint: z.string().default(''),
  encoding: z.enum(['proto', 'json']).default('proto'),
  compression: z.enum(HTTP_COMPRESSIONS).default('gzip'),
  /** 0 is the cheapest, which is 1. */
  compression_params: section(z.strictObject({ level: z.int().default(0) })),
  headers: headerOptions,
  auth: authOptions,
  tls: tlsOptions,
  proxy_url: z.string().default(''),
  max_idle_conns: z.int().min(0).default(100),
  max_idle_conns_per_host: z.int().min(0).default(0),
  max_conns_per_host: z.int().min(0).default(0),
  idle_conn_timeout: duration('90s'),
  disable_keep_alives: z.boolean().default(false),
  /** Without effect: for configurations that are a Collector's too. Node sizes its own buffers. */
  read_buffer_size: z.int().default(0),
  write_buffer_size: z.int().default(0),
  /** Without effect as well: it speaks HTTP/1.1, which every OTLP backend does. */
  force_attempt_http2: z.boolean().default(true),
  http2_read_idle_timeout: duration('0s'),
  http2_ping_timeout: duration('0s'),
  timeout: duration('30s'),
  retry_on_failure: retryOptions,
  sending_queue: queueOptions,
})

export type OtlpHttpConfig = z.infer<typeof schema>

const ENDPOINTS = ['endpoint', 'traces_endpoint', 'metrics_endpoint', 'logs_endpoint'] as const

export function validate(config: OtlpHttpConfig): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = []
  if (ENDPOINTS.every((name) => config[name] === '')) {
    problems.push({ path: [], message: 'at least one endpoint must be specified' })
  }
  for (const name of [...ENDPOINTS, 'proxy_url'] as const) {
    if (config[name] !== '' && !isUrl(config[name])) {
      problems.push({
        path: [name],
        message: `${name} must be a valid URL: write http://host:port`,
      })
    }
  }
  const level = levelProblem(config.compression, config.compression_params.level)
  if (level !== undefined) problems.push({ path: ['compression_params'], message: level })
  problems.push(...headerProblems(config.headers), ...tlsProblems(config.tls))
  problems.push(...retryProblems(config.retry_on_failure), ...queueProblems(config.sending_queue))
  return problems
}

/** Where requests of a signal go; or which option is missing. */
export function urlOf(
  signal: OtlpBatch['signal'],
  config: OtlpHttpConfig,
): URL | { readonly problem: string } {
  const own = config[`${signal}_endpoint`]
  if (own !== '') return new URL(own)
  if (config.endpoint === '') {
    return { problem: `either endpoint or ${signal}_endpoint must be specified` }
  }
  return new URL(`${config.endpoint.replace(/\/$/, '')}/v1/${signal}`)
}

function isUrl(text: string): boolean {
  const url = URL.parse(text)
  return url !== null && (url.protocol === 'http:' || url.protocol === 'https:')
}

function headerProblems(headers: Readonly<Record<string, string>>): ConfigProblem[] {
  return Object.entries(headers).flatMap(([name, value]) => {
    try {
      validateHeaderName(name)
    } catch {
      return [{ path: ['headers', name], message: 'is no name that HTTP allows' }]
    }
    try {
      validateHeaderValue(name, value)
      return []
    } catch {
      return [{ path: ['headers', name], message: 'has a value that HTTP does not allow' }]
    }
  })
}
