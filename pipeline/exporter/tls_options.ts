/** `tls` of a client (Collector config/configtls). */
import { z } from 'zod'
import type { ConfigProblem } from '../component.ts'
import { duration } from '../config/duration.ts'
import { secret } from '../config/secret.ts'
import { section } from './section.ts'

export const tlsOptions = section(
  z.strictObject({
    insecure: z.boolean().default(false),
    insecure_skip_verify: z.boolean().default(false),
    server_name_override: z.string().default(''),
    ca_file: z.string().default(''),
    ca_pem: z.string().default(''),
    include_system_ca_certs_pool: z.boolean().default(false),
    cert_file: z.string().default(''),
    cert_pem: z.string().default(''),
    key_file: z.string().default(''),
    key_pem: secret().default(''),
    min_version: z.string().default(''),
    max_version: z.string().default(''),
    /** How often files may be read again; 0: never. */
    reload_interval: duration('0'),
  }),
)

export type TlsConfig = z.infer<typeof tlsOptions>

export const TLS_VERSIONS = { '1.0': 'TLSv1', '1.1': 'TLSv1.1', '1.2': 'TLSv1.2', '1.3': 'TLSv1.3' }
export type TlsVersion = keyof typeof TLS_VERSIONS

export function isTlsVersion(text: string): text is TlsVersion {
  return Object.hasOwn(TLS_VERSIONS, text)
}

/** What is wrong between the options, in the Collector's words. */
export function tlsProblems(tls: TlsConfig): readonly ConfigProblem[] {
  const messages: string[] = []
  const has = (name: 'ca' | 'cert' | 'key') =>
    tls[`${name}_file`] !== '' || tls[`${name}_pem`] !== ''
  for (const [name, what] of [
    ['ca', 'CA file'],
    ['cert', 'certificate'],
    ['key', 'key'],
  ] as const) {
    if (tls[`${name}_file`] === '' || tls[`${name}_pem`] === '') continue
    messages.push(`provide either a ${what} or the PEM-encoded string, but not both`)
  }
  if (has('cert') !== has('key')) messages.push('provide both certificate and key, or neither')
  const { min_version: min, max_version: max } = tls
  for (const [name, text] of [
    ['min_version', min],
    ['max_version', max],
  ] as const) {
    if (text === '' || isTlsVersion(text)) continue
    messages.push(`invalid TLS ${name}: unsupported TLS version: "${text}"`)
  }
  if (max !== '' && isTlsVersion(max) && max < (min === '' ? '1.2' : min)) {
    messages.push('invalid TLS configuration: min_version cannot be greater than max_version')
  }
  return messages.map((message) => ({ path: ['tls'], message }))
}
