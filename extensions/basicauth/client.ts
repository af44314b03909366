/** Gives `Authorization: Basic` headers (RFC 7617). */
import type { ClientAuthenticator } from '../../pipeline/auth.ts'
import type { Extension, Host, Settings } from '../../pipeline/component.ts'
import { RotatingFile } from '../../pipeline/rotating_file.ts'
import type { ClientAuthConfig } from './config.ts'

export class BasicAuthClient implements Extension, ClientAuthenticator {
  readonly #username: () => string
  readonly #password: () => string
  #host: Host | undefined

  /** Reads the files; throws, naming the option, when one cannot be read. */
  constructor(settings: Settings, config: ClientAuthConfig) {
    const { username, username_file, password, password_file } = config
    const file = (path: string, name: string) => this.#fileValue(settings, { path, name })
    this.#username = username_file === '' ? () => username : file(username_file, 'username_file')
    this.#password = password_file === '' ? () => password : file(password_file, 'password_file')
  }

  start(host: Host): void {
    this.#host = host
  }

  credentials(): Readonly<Record<string, string>> {
    const pair = `${this.#username()}:${this.#password()}`
    return { authorization: `Basic ${Buffer.from(pair).toString('base64')}` }
  }

  #fileValue(
    { id, logger }: Settings,
    { path, name }: { path: string; name: string },
  ): () => string {
    const parse = (text: string): string => {
      const value = text.trim()
      if (value === '') throw new Error('it is empty')
      if (name === 'username_file' && value.includes(':')) throw new Error('it contains ":"')
      return value
    }
    const file = new RotatingFile(path, {
      parse,
      logger,
      option: `extensions::${id}::client_auth::${name}`,
      report: (report) => this.#host?.report(report),
    })
    return () => file.value
  }
}
