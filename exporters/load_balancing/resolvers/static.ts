/** A list in the configuration. */
import type { Resolver, ResolverSettings } from './resolver.ts'

export class StaticResolver implements Resolver {
  readonly name = 'static'
  readonly #endpoints: readonly string[]
  readonly #settings: ResolverSettings

  constructor(endpoints: readonly string[], settings: ResolverSettings) {
    this.#endpoints = endpoints
    this.#settings = settings
  }

  async start(): Promise<void> {
    this.#settings.resolved(this.#endpoints)
  }

  async stop(): Promise<void> {}
}
