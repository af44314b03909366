/** What signals ask of a process: to end, or to read its configuration again. */
import { isatty } from 'node:tty'

const SIGNALS = ['SIGTERM', 'SIGINT'] as const
const STDERR = 2

export class Stop {
  /** Resolves once, with what asked for the end. */
  readonly requested: Promise<string>
  readonly #resolve: (reason: string) => void
  #isRequested = false
  #reload: (() => void) | undefined
  #reloadIsWanted = false

  constructor() {
    const { promise, resolve } = Promise.withResolvers<string>()
    this.requested = promise
    this.#resolve = resolve
  }

  get isRequested(): boolean {
    return this.#isRequested
  }

  request(reason: string): void {
    this.#isRequested = true
    this.#resolve(reason)
  }

  /** SIGHUP calls it, also one that came before now. */
  onReload(reload: () => void): void {
    this.#reload = reload
    if (this.#reloadIsWanted) reload()
  }

  /** Takes the signals; a second one that ends changes nothing, the deadline holds. */
  static onSignals(): Stop {
    const stop = new Stop()
    for (const signal of SIGNALS) process.on(signal, () => stop.request(signal))
    const hadTerminal = isatty(STDERR)
    process.on('SIGHUP', () => {
      // The kernel sends it too when a terminal is closed, which ends what runs there.
      if (hadTerminal && !isatty(STDERR)) stop.request('SIGHUP')
      else stop.#hangUp()
    })
    return stop
  }

  #hangUp(): void {
    this.#reloadIsWanted = true
    this.#reload?.()
  }
}
