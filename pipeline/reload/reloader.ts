/**
 * Reads the configuration again when asked, by whomever: one reload at a time, and whoever asks
 * while one runs gets the next one, together with all others who did.
 */
import type { Logger } from 'pino'
import { messageOf } from '../graph/node.ts'
import type { ReloadResult } from '../service_view.ts'

export class Reloader {
  readonly #reload: () => Promise<void>
  readonly #logger: Logger
  #running: Promise<ReloadResult> | undefined
  #next: Promise<ReloadResult> | undefined

  /** @param reload throws when the configuration that runs was kept, and why */
  constructor(reload: () => Promise<void>, logger: Logger) {
    this.#reload = reload
    this.#logger = logger
  }

  /** @param by what asked for it, for the log: `SIGHUP` */
  request(by: string): Promise<ReloadResult> {
    if (this.#next !== undefined) return this.#next
    if (this.#running === undefined) return this.#start(by)
    // The one that runs may have read the files before they became what this one is about.
    this.#next = this.#running.then(() => {
      this.#next = undefined
      return this.#start(by)
    })
    return this.#next
  }

  #start(by: string): Promise<ReloadResult> {
    const run = this.#run(by).finally(() => {
      this.#running = undefined
    })
    this.#running = run
    return run
  }

  async #run(by: string): Promise<ReloadResult> {
    this.#logger.info({ by }, 'Reloading the configuration')
    try {
      await this.#reload()
      this.#logger.info({ by }, 'Reloaded the configuration')
      return { ok: true }
    } catch (error) {
      const reason = messageOf(error)
      this.#logger.error({ by }, 'Cannot reload the configuration; the running one stays')
      // A line each, as they are many where a file was edited badly.
      for (const line of reason.split('\n')) this.#logger.error(line.trim())
      return { ok: false, reason }
    }
  }
}
