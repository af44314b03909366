/** Judges, and gives, a token in a header: `Authorization: Bearer TOKEN` (RFC 6750). */
import type { ClientAuthenticator, Headers, ServerAuthenticator } from '../../pipeline/auth.ts'
import type { Extension, Host, Settings } from '../../pipeline/component.ts'
import { RotatingFile } from '../../pipeline/rotating_file.ts'
import { digestOf, matchesAny } from '../../pipeline/secret_match.ts'
import { type BearerConfig, parseTokens } from './config.ts'

/** Tokens in the forms that are needed for each request. */
interface Tokens {
  readonly digests: readonly Buffer[]
  readonly credentials: Readonly<Record<string, string>>
}

export class BearerTokenAuth implements Extension, ServerAuthenticator, ClientAuthenticator {
  readonly #header: string
  readonly #scheme: string
  readonly #tokens: () => Tokens
  #host: Host | undefined

  /** Reads the file with the tokens; throws, naming the option, when it cannot be used. */
  constructor(settings: Settings, config: BearerConfig) {
    const { logger, id } = settings
    this.#header = config.header.toLowerCase()
    this.#scheme = config.scheme
    if (config.filename === '') {
      const tokens = this.#prepare(config.tokens.length > 0 ? config.tokens : [config.token])
      this.#tokens = () => tokens
      return
    }
    if (config.token !== '' || config.tokens.length > 0) {
      logger.warn('a filename is specified. Configured token(s) is ignored!')
    }
    const file = new RotatingFile(config.filename, {
      parse: (text) => this.#prepare(parseTokens(text)),
      logger,
      option: `extensions::${id}::filename`,
      report: (report) => this.#host?.report(report),
    })
    this.#tokens = () => file.value
  }

  start(host: Host): void {
    this.#host = host
  }

  authenticate(headers: Headers): string | undefined {
    const values = headers[this.#header]
    const value = typeof values === 'string' ? values : values?.[0]
    if (value === undefined || value === '') {
      return `missing or empty authorization header: ${this.#header}`
    }
    const token = this.#tokenOf(value)
    if (token !== undefined && matchesAny(this.#tokens().digests, token)) return undefined
    return 'provided authorization does not match expected scheme or token'
  }

  /** With several tokens the first one. */
  credentials(): Readonly<Record<string, string>> {
    return this.#tokens().credentials
  }

  /** What follows the scheme, whose case means nothing (RFC 9110, 11.1). */
  #tokenOf(value: string): string | undefined {
    const { length } = this.#scheme
    if (length === 0) return value
    const scheme = value.slice(0, length)
    if (scheme.toLowerCase() !== this.#scheme.toLowerCase() || value[length] !== ' ') return
    return value.slice(length).trim()
  }

  #prepare(tokens: readonly string[]): Tokens {
    const value = this.#scheme === '' ? `${tokens[0]}` : `${this.#scheme} ${tokens[0]}`
    return { digests: tokens.map(digestOf), credentials: { [this.#header]: value } }
  }
}
