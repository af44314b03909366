/** The process that sends requests at a rate, as the bench holds it. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Order, Taken } from './rate_load.ts'

export class RateSource {
  readonly #process: ChildProcess = fork(join(import.meta.dirname, 'rate_load.ts'))

  get pid(): number {
    return this.#process.pid as number
  }

  async begin(order: Order): Promise<void> {
    await this.#ask(order)
  }

  /** What was answered since it was asked last, or began. */
  async take(): Promise<Taken> {
    return (await this.#ask('take')) as Taken
  }

  stop(): void {
    this.#process.kill('SIGTERM')
  }

  async #ask(message: Order | 'take'): Promise<unknown> {
    this.#process.send(message)
    const [answer] = await once(this.#process, 'message')
    return answer
  }
}
