/** Runs held.py: connections that stay open from step to step. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { wholeLines } from '../kit/lines.ts'
import { inPod, type Pod } from '../kit/netns.ts'
import { Program, temporaryDirectory } from '../kit/processes.ts'

const HELD = join(import.meta.dirname, 'held.py')

export interface Step {
  readonly pid: number
  readonly [key: string]: number
}

type CommandLine = readonly [string, ...string[]]

export interface HeldOptions {
  readonly scenario: string
  readonly options?: Record<string, string | number>
  readonly pod?: Pod
  /** What runs the command somewhere else. */
  readonly within?: (command: CommandLine) => CommandLine
}

export class Held {
  readonly program: Program
  readonly #directory = temporaryDirectory('held')
  #lines = 0
  #steps = 0

  /** Runs until the test has ended. */
  constructor(test: TestContext, { scenario, options = {}, pod, within }: HeldOptions) {
    const pairs = Object.entries(options).map(([key, value]) => `${key}=${value}`)
    const command = ['python3', '-u', HELD, scenario, `dir=${this.#directory}`, ...pairs] as const
    const inside = within ?? ((line: CommandLine) => (pod === undefined ? line : inPod(pod, line)))
    this.program = new Program(inside(command))
    test.after(() => this.stop())
  }

  /** What it says next. */
  async says(): Promise<Step> {
    const lines = () => wholeLines(this.program.output).filter((line) => line.startsWith('{'))
    const line = await this.program.until('says more', () => lines()[this.#lines])
    this.#lines += 1
    return JSON.parse(line) as Step
  }

  /** Lets it take the next step. */
  go(): void {
    this.#steps += 1
    writeFileSync(join(this.#directory, `go${this.#steps}`), '')
  }

  /** Safe twice. */
  async stop(): Promise<void> {
    await this.program.stop()
  }
}
