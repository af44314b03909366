/** `tls` of whoever takes connections (Collector config/configtls, ServerConfig). */
import { z } from 'zod'
import type { ConfigProblem } from '../component.ts'
import { duration } from '../config/duration.ts'
import { secret } from '../config/secret.ts'

const VERSIONS = ['', '1.0', '1.1', '1.2', '1.3'] as const

export const serverTlsOptions = z.strictObject({
  cert_file: z.string().default(''),
  cert_pem: z.string().default(''),
  key_file: z.string().default(''),
  key_pem: secret().default(''),
  /** With it clients must show a certificate that one of these authorities has signed. */
  client_ca_file: z.string().default(''),
  client_ca_file_reload: z.boolean().default(false),
  min_version: z.enum(VERSIONS).default(''),
  max_version: z.enum(VERSIONS).default(''),
  cipher_suites: z.array(z.string()).default([]),
  curve_preferences: z.array(z.string()).default([]),
  /** 0: the certificate and its key are read once. */
  reload_interval: duration('0s'),
  /** The next three are of no use to a server; in the Collector it shares options with clients. */
  ca_file: z.string().default(''),
  ca_pem: z.string().default(''),
  include_system_ca_certs_pool: z.boolean().default(false),
})

export type ServerTlsConfig = z.infer<typeof serverTlsOptions>

/** Rules between the options, in the Collector's words. */
export function tlsProblems(tls: ServerTlsConfig, path: readonly string[]): ConfigProblem[] {
  const messages: string[] = []
  if (tls.cert_file !== '' && tls.cert_pem !== '') {
    messages.push('provide either certificate file or PEM, but not both')
  }
  if (tls.key_file !== '' && tls.key_pem !== '') {
    messages.push('provide either key file or PEM, but not both')
  }
  const hasCertificate = tls.cert_file !== '' || tls.cert_pem !== ''
  const hasKey = tls.key_file !== '' || tls.key_pem !== ''
  if (!hasCertificate || !hasKey) {
    messages.push('TLS configuration must include both certificate and key for server connections')
  }
  const { min_version: min, max_version: max } = tls
  if (max !== '' && max < (min === '' ? '1.2' : min)) {
    messages.push('invalid TLS configuration: min_version cannot be greater than max_version')
  }
  return messages.map((message) => ({ path, message }))
}
