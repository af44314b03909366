/** Certificates and keys of a client, from files or from the configuration itself. */
import { getCACertificates, type SecureContextOptions, type SecureVersion } from 'node:tls'
import type { Logger } from 'pino'
import { RotatingFile } from '../rotating_file.ts'
import { isTlsVersion, TLS_VERSIONS, type TlsConfig } from './tls_options.ts'

interface Material {
  readonly ca: string
  readonly cert: string
  readonly key: string
}

/** What a client shows and believes; looks at the files again each `reload_interval`. */
export class ClientTls {
  readonly #config: TlsConfig
  readonly #read: { readonly [K in keyof Material]: () => string }
  #material: Material
  #context: SecureContextOptions

  /**
   * @param of.path of the options, for messages. Throws, naming the option, when a file cannot be
   *   read.
   */
  constructor(config: TlsConfig, of: { path: string; logger: Logger }) {
    this.#config = config
    const read = (name: keyof Material) => {
      const file = config[`${name}_file`]
      const pem = config[`${name}_pem`]
      return file === '' ? () => pem : rereading(file, { ...of, name, config })
    }
    this.#read = { ca: read('ca'), cert: read('cert'), key: read('key') }
    this.#material = this.#now()
    this.#context = this.#made()
  }

  /** The same object as long as nothing has changed. */
  get context(): SecureContextOptions {
    const now = this.#now()
    const before = this.#material
    if (now.ca !== before.ca || now.cert !== before.cert || now.key !== before.key) {
      this.#material = now
      this.#context = this.#made()
    }
    return this.#context
  }

  #now(): Material {
    return { ca: this.#read.ca(), cert: this.#read.cert(), key: this.#read.key() }
  }

  #made(): SecureContextOptions {
    const { ca, cert, key } = this.#material
    const { min_version: min, max_version: max, include_system_ca_certs_pool } = this.#config
    const system = ca === '' || include_system_ca_certs_pool ? systemCertificates() : []
    return {
      ca: ca === '' ? system : [...system, ca],
      ...(cert !== '' && { cert, key }),
      minVersion: versionOf(min) ?? 'TLSv1.2',
      ...(max !== '' && { maxVersion: versionOf(max) as SecureVersion }),
    }
  }
}

function versionOf(text: string): SecureVersion | undefined {
  return isTlsVersion(text) ? (TLS_VERSIONS[text] as SecureVersion) : undefined
}

/** Those of this machine beside those that Node brings: a company's own CA is among the former. */
function systemCertificates(): string[] {
  return [...getCACertificates('default'), ...getCACertificates('system')]
}

function rereading(
  file: string,
  of: { path: string; name: string; logger: Logger; config: TlsConfig },
): () => string {
  const { reload_interval } = of.config
  const rotating = new RotatingFile(file, {
    parse: (text) => text,
    logger: of.logger,
    option: `${of.path}::${of.name}_file`,
    report: () => {},
    lookMs: reload_interval === 0 ? Number.POSITIVE_INFINITY : reload_interval,
  })
  return () => rotating.value
}
