import { isIP } from 'node:net'
import { z } from 'zod'
import type { ConfigProblem } from '../../pipeline/component.ts'
import { duration } from '../../pipeline/config/duration.ts'
import { metadataOf } from '../../pipeline/exporter/grpc_transport.ts'
import { queueOptions, retryOptions, tlsOptions } from '../../pipeline/exporter/options.ts'

export const schema = z.strictObject({
  endpoint: z.string().default(''),
  tls: tlsOptions,
  headers: z.record(z.string(), z.string()).default({}),
  compression: z.enum(['gzip', 'none']).default('gzip'),
  timeout: duration('5s'),
  retry_on_failure: retryOptions,
  sending_queue: queueOptions,
})

export type OtlpConfig = z.infer<typeof schema>

export function validate(config: OtlpConfig): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = []
  const endpoint = parseEndpoint(config.endpoint)
  if ('problem' in endpoint) problems.push({ path: ['endpoint'], message: endpoint.problem })
  if ((config.tls.cert_file === '') !== (config.tls.key_file === '')) {
    problems.push({ path: ['tls'], message: '"cert_file" and "key_file" must be set together' })
  }
  for (const [name, value] of Object.entries(config.headers)) {
    try {
      metadataOf({ [name]: value })
    } catch (error) {
      problems.push({ path: ['headers', name], message: (error as Error).message })
    }
  }
  return problems
}

export interface Endpoint {
  /** As gRPC names it. */
  readonly target: string
  /** Without brackets; '' of a socket in the file system. */
  readonly host: string
  /** What the scheme says of TLS; undefined when there is none, and `tls::insecure` decides. */
  readonly secure: boolean | undefined
}

/** `host:port`, `[v6]:port`, `http(s)://host:port`, `dns:///host:port`, `unix:///path`. */
export function parseEndpoint(text: string): Endpoint | { readonly problem: string } {
  if (text === '') return { problem: 'requires a non-empty "endpoint"' }
  if (/^unix:/.test(text)) return { target: text, host: '', secure: undefined }
  const [, scheme = '', rest = ''] = /^(https?:\/\/|dns:\/\/\/)?(.*?)\/?$/i.exec(text) ?? []
  const [, host = '', port] = /^(\[[^\]]*\]|[^:/\s]*)(?::([^:]*))?$/.exec(rest) ?? []
  if (host === '') return { problem: `invalid endpoint "${text}": write host:port` }
  if (host.startsWith('[') && isIP(host.slice(1, -1)) !== 6) {
    return { problem: `invalid IPv6 address "${host}"` }
  }
  if (port === undefined) return { problem: 'missing port in address' }
  if (!/^\d+$/.test(port) || Number(port) < 1 || Number(port) > 65_535) {
    return { problem: `invalid port "${port}"` }
  }
  const secure = /^http/i.test(scheme) ? scheme.toLowerCase() === 'https://' : undefined
  return { target: `dns:///${host}:${port}`, host: host.replace(/^\[|\]$/g, ''), secure }
}
