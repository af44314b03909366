/**
 * Programs started with a mark in their environment, so that a test can tell whether anything of
 * them is left, whoever its parent has become.
 */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const MARK = 'FLOWSPAN_TEST_MARK'

export class Marked {
  readonly process: ChildProcess
  output = ''
  readonly exited: Promise<[number | null, NodeJS.Signals | null]>
  readonly #mark = randomUUID()

  constructor(command: readonly [string, ...string[]], options: SpawnOptions = {}) {
    const [program, ...args] = command
    this.process = spawn(program, args, {
      ...options,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...options.env, [MARK]: this.#mark },
    })
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream?.on('data', (chunk) => {
        this.output += chunk
      })
    }
    this.exited = once(this.process, 'close') as typeof this.exited
  }

  /** Waits until the output matches; throws with the output when it ends or the time is over. */
  async saying(pattern: RegExp, timeoutMs: number): Promise<void> {
    for (const deadline = performance.now() + timeoutMs; !pattern.test(this.output); ) {
      const { exitCode, signalCode } = this.process
      const over = exitCode !== null || signalCode !== null || performance.now() > deadline
      if (over) throw new Error(`Waited for ${pattern} in vain:\n${this.output}`)
      await sleep(50)
    }
  }

  /** Process ids of all that was started below, and still runs. */
  left(): number[] {
    return readdirSync('/proc').flatMap((entry) => {
      if (!/^\d+$/.test(entry)) return []
      try {
        const environment = readFileSync(`/proc/${entry}/environ`, 'utf8')
        return environment.includes(`${MARK}=${this.#mark}`) ? [Number(entry)] : []
      } catch {
        return []
      }
    })
  }

  /** Ends whatever is left. */
  async clean(): Promise<void> {
    for (const pid of this.left()) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // It ended by itself meanwhile.
      }
    }
    await this.exited
  }
}
