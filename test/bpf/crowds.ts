/** Runs crowds.py: more of something than a map of the kernel programs holds. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { wholeLines } from '../kit/lines.ts'
import { inPod, type Pod } from '../kit/netns.ts'
import { Program } from '../kit/processes.ts'

const CROWDS = join(import.meta.dirname, 'crowds.py')

export interface Said {
  readonly port: number
  readonly other_port: number
  readonly ports: readonly number[]
}

function commandOf(scenario: string, options: Record<string, number> = {}) {
  const pairs = Object.entries(options).map(([key, value]) => `${key}=${value}`)
  return ['python3', '-u', CROWDS, scenario, ...pairs] as [string, ...string[]]
}

/** To its end, while nothing else in this process goes on: no timer of the keeper. */
export function crowdAtOnce(scenario: string, options: Record<string, number>): Said {
  const [program, ...args] = commandOf(scenario, options)
  const { stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' })
  if (stdout === '') throw new Error(stderr)
  return JSON.parse(stdout) as Said
}

export interface CrowdOptions {
  readonly options?: Record<string, number>
  readonly pod?: Pod
}

export class Crowd {
  readonly #program: Program
  #lines = 0

  /** Runs until the test has ended. */
  constructor(test: TestContext, scenario: string, { options, pod }: CrowdOptions = {}) {
    const command = commandOf(scenario, options)
    this.#program = new Program(pod === undefined ? command : inPod(pod, command))
    test.after(() => this.#program.stop().then(() => {}))
  }

  get pid(): number {
    return this.#program.pid
  }

  /** What it says next. */
  async says(): Promise<Said> {
    const lines = () => wholeLines(this.#program.output).filter((line) => line.startsWith('{'))
    const line = await this.#program.until('says more', () => lines()[this.#lines])
    this.#lines += 1
    return JSON.parse(line) as Said
  }

  /** Lets it take the next step; what it says then. */
  go(): Promise<Said> {
    process.kill(this.pid, 'SIGUSR1')
    return this.says()
  }
}
