/** Being asked to end: by a signal, or by something that the process cannot live without. */

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const
export type StopSignal = (typeof SIGNALS)[number]

export class Stop {
  /** Resolves once, with what asked for the end. */
  readonly requested: Promise<string>
  readonly #resolve: (reason: string) => void
  #isRequested = false

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

  /** Takes the signals that end a process; a second one changes nothing, the deadline holds. */
  static onSignals(): Stop {
    const stop = new Stop()
    for (const signal of SIGNALS) process.on(signal, () => stop.request(signal))
    return stop
  }
}
