/** The connections of an HTTP client, kept for the next request. */
import { Agent } from 'node:http'
import { Agent as SecureAgent } from 'node:https'
import type { ClientTls } from './tls.ts'
import type { TlsConfig } from './tls_options.ts'

export interface ConnectionOptions {
  /** Kept while nobody uses them; 0: without bound. */
  readonly maxIdle: number
  /** At once, used or not; 0: without bound. */
  readonly max: number
  readonly idleTimeoutMs: number
  readonly keepAlive: boolean
  /** Of a proxy; '' for none. */
  readonly proxyUrl: string
}

export class HttpAgents {
  readonly #options: ConnectionOptions
  readonly #tls: { readonly config: TlsConfig; readonly client: ClientTls } | undefined
  #context: unknown
  #current: Agent | undefined
  /** Those with certificates of before, whose requests go on. */
  readonly #agents = new Set<Agent>()

  /** @param tls undefined for connections without */
  constructor(
    options: ConnectionOptions,
    tls: { config: TlsConfig; client: ClientTls } | undefined,
  ) {
    this.#options = options
    this.#tls = tls
  }

  /** Another one once the certificates have changed. */
  get current(): Agent {
    const context = this.#tls?.client.context
    if (this.#current === undefined || context !== this.#context) {
      this.#context = context
      this.#current = this.#made()
      this.#agents.add(this.#current)
    }
    return this.#current
  }

  close(): void {
    for (const agent of this.#agents) agent.destroy()
    this.#agents.clear()
    this.#current = undefined
  }

  #made(): Agent {
    const { maxIdle, max, idleTimeoutMs: timeout, keepAlive, proxyUrl } = this.#options
    const options = {
      keepAlive,
      maxFreeSockets: maxIdle === 0 ? Number.POSITIVE_INFINITY : maxIdle,
      maxSockets: max === 0 ? Number.POSITIVE_INFINITY : max,
      ...(timeout > 0 && { timeout }),
      ...(proxyUrl !== '' && { proxyEnv: { HTTP_PROXY: proxyUrl, HTTPS_PROXY: proxyUrl } }),
    }
    if (this.#tls === undefined) return new Agent(options)
    const { config, client } = this.#tls
    return new SecureAgent({
      ...options,
      ...client.context,
      rejectUnauthorized: !config.insecure_skip_verify,
      ...(config.server_name_override !== '' && { servername: config.server_name_override }),
    })
  }
}
