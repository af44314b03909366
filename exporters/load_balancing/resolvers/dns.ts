/**
 * Asks for all addresses of a name, again and again: those of a headless Service are its pods.
 *
 * By getaddrinfo, so that /etc/hosts and search domains count as they do for everybody else. A name
 * without addresses (all pods are being replaced) is no reason to forget those that it had.
 */
import { lookup } from 'node:dns/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { hostPort, type Resolver, type ResolverSettings } from './resolver.ts'

export interface DnsConfig {
  readonly hostname: string
  readonly port: string
  readonly interval: number
  readonly timeout: number
}

export class DnsResolver implements Resolver {
  readonly name = 'dns'
  readonly #config: DnsConfig
  readonly #settings: ResolverSettings
  readonly #stop = new AbortController()
  #running: Promise<void> | undefined

  constructor(config: DnsConfig, settings: ResolverSettings) {
    this.#config = config
    this.#settings = settings
  }

  async start(): Promise<void> {
    await this.#resolve()
    this.#running = this.#repeat()
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#running
  }

  async #repeat(): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted) {
      await sleep(this.#config.interval, undefined, { signal, ref: false }).catch(() => undefined)
      if (!signal.aborted) await this.#resolve()
    }
  }

  async #resolve(): Promise<void> {
    const { hostname, port, timeout } = this.#config
    const { logger, resolved, failed } = this.#settings
    const { signal } = this.#stop
    const late = AbortSignal.any([signal, AbortSignal.timeout(timeout)])
    const { promise: over, reject } = Promise.withResolvers<never>()
    late.addEventListener('abort', () => reject(new Error(`no answer within ${timeout} ms`)))
    try {
      const addresses = await Promise.race([lookup(hostname, { all: true }), over])
      if (!signal.aborted) resolved(addresses.map(({ address }) => hostPort(address, port)))
    } catch (error) {
      if (signal.aborted) return
      failed()
      logger.warn({ hostname, error: (error as Error).message }, 'Cannot resolve the backends')
    }
  }
}
