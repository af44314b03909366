/**
 * Certificates of a server, from files or from the configuration, and read again while it runs.
 *
 * The files are read when the component is created, so that an error ends the start-up with the
 * name of its option. Later they are looked at when a client connects, so that an idle server does
 * no work; a file that cannot be read then leaves everything as it is.
 */
import { X509Certificate } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import {
  createSecureContext,
  type SecureContextOptions,
  type SecureVersion,
  type TlsOptions,
} from 'node:tls'
import type { Logger } from 'pino'
import type { ServerTlsConfig } from './tls_options.ts'

/** How often the file of client authorities is looked at, at most. */
const CLIENT_CA_INTERVAL_MS = 1000

/** Names that differ between Go, whose names the Collector takes, and OpenSSL. */
const CURVES: Readonly<Record<string, string>> = { P256: 'P-256', P384: 'P-384', P521: 'P-521' }

export class ServerTls {
  readonly #config: ServerTlsConfig
  readonly #path: string
  #context: SecureContextOptions
  #certificateReadAt: number
  #clientCaLookedAt: number
  #clientCaVersion: string

  /** @param path of the options, for messages. Throws when they cannot be used. */
  constructor(config: ServerTlsConfig, path: string) {
    this.#config = config
    this.#path = path
    this.#context = this.#read()
    this.#certificateReadAt = this.#clientCaLookedAt = performance.now()
    this.#clientCaVersion = versionOf(config.client_ca_file)
  }

  /** What a `tls.Server` is made with. */
  options(): TlsOptions {
    const requestCert = this.#config.client_ca_file !== ''
    return { ...this.#context, requestCert, rejectUnauthorized: requestCert }
  }

  /** Called for each connection: what `setSecureContext` is to get, when that has changed. */
  renewed(logger: Logger): SecureContextOptions | undefined {
    const now = performance.now()
    if (!this.#certificateIsDue(now) && !this.#clientCaIsDue(now)) return undefined
    this.#certificateReadAt = now
    try {
      this.#context = this.#read()
      return this.#context
    } catch (error) {
      logger.error({ error }, 'Cannot read the TLS files again: the ones read before stay in use')
      return undefined
    }
  }

  #certificateIsDue(now: number): boolean {
    const { reload_interval: interval } = this.#config
    return interval > 0 && now - this.#certificateReadAt >= interval
  }

  #clientCaIsDue(now: number): boolean {
    if (!this.#config.client_ca_file_reload) return false
    if (now - this.#clientCaLookedAt < CLIENT_CA_INTERVAL_MS) return false
    this.#clientCaLookedAt = now
    const version = versionOf(this.#config.client_ca_file)
    if (version === this.#clientCaVersion) return false
    this.#clientCaVersion = version
    return true
  }

  #read(): SecureContextOptions {
    const config = this.#config
    const certName = config.cert_pem === '' ? 'cert_file' : 'cert_pem'
    const keyName = config.key_pem === '' ? 'key_file' : 'key_pem'
    const cert = config.cert_pem || this.#file(config.cert_file, 'cert_file')
    const key = config.key_pem || this.#file(config.key_file, 'key_file')
    const ca = config.client_ca_file && this.#file(config.client_ca_file, 'client_ca_file')
    const ciphers = config.cipher_suites.join(':')
    const curves = config.curve_preferences.map((name) => CURVES[name] ?? name).join(':')
    this.#tried(certName, () => new X509Certificate(cert))
    this.#tried(keyName, () => createSecureContext({ cert, key }))
    if (ca !== '') this.#tried('client_ca_file', () => new X509Certificate(ca))
    if (ciphers !== '') this.#tried('cipher_suites', () => createSecureContext({ ciphers }))
    if (curves !== '') {
      this.#tried('curve_preferences', () => createSecureContext({ ecdhCurve: curves }))
    }
    return {
      cert,
      key,
      minVersion: `TLSv${config.min_version || '1.2'}` as SecureVersion,
      maxVersion: `TLSv${config.max_version || '1.3'}` as SecureVersion,
      ...(ca !== '' && { ca }),
      ...(ciphers !== '' && { ciphers }),
      ...(curves !== '' && { ecdhCurve: curves }),
    }
  }

  #file(file: string, option: string): Buffer {
    return this.#tried(option, () => readFileSync(file))
  }

  #tried<T>(option: string, run: () => T): T {
    try {
      return run()
    } catch (error) {
      throw new Error(`${this.#path}::${option}: ${(error as Error).message}`, { cause: error })
    }
  }
}

/** Changes when the file does; '' when it cannot be looked at. */
function versionOf(file: string): string {
  if (file === '') return ''
  try {
    const { mtimeMs, size, ino } = statSync(file)
    return `${mtimeMs} ${size} ${ino}`
  } catch {
    return ''
  }
}
