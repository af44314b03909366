/** program.ts run as a user would, with a configuration that the test can exchange. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { linesIn, wholeLines } from '../../kit/lines.ts'

const PROGRAM = join(import.meta.dirname, 'program.ts')
export const WAIT_MS = 30_000

export interface RunOptions {
  readonly fail?: string
  readonly args?: readonly string[]
  /** The whole configuration, given the path that both halves of `needy` append lines to. */
  readonly yaml?: (log: string) => string
}

export class Run {
  readonly process: ChildProcess
  readonly folder = mkdtempSync(join(tmpdir(), 'flowspan-keeper-'))
  readonly log = join(this.folder, 'log')
  readonly config = join(this.folder, 'config.yaml')
  stderr = ''
  readonly exited: Promise<[number | null, NodeJS.Signals | null]>

  constructor(
    t: TestContext,
    { fail = 'never', args = [], yaml = needy({ fail }) }: RunOptions = {},
  ) {
    // Nobody but root may read it.
    writeFileSync(this.config, yaml(this.log), { mode: 0o600 })
    this.process = spawn(process.execPath, [PROGRAM, 'run', '--config', this.config, ...args], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    this.process.stderr?.on('data', (chunk) => {
      this.stderr += chunk
    })
    this.exited = once(this.process, 'close') as typeof this.exited
    t.after(() => {
      this.process.kill('SIGKILL')
      rmSync(this.folder, { recursive: true })
    })
  }

  /** Another configuration, put in its place as editors do. */
  write(yaml: (log: string) => string): void {
    const draft = join(this.folder, 'draft.yaml')
    writeFileSync(draft, yaml(this.log), { mode: 0o600 })
    renameSync(draft, this.config)
  }

  lines(): string[] {
    return linesIn(this.log)
  }

  /** The match in the `nth` line of the log that matches, waiting until it is there. */
  async line(pattern: RegExp, nth = 0): Promise<RegExpExecArray> {
    return await this.#match(() => this.lines(), { pattern, nth })
  }

  /** The same of what it prints. */
  async prints(pattern: RegExp, nth = 0): Promise<RegExpExecArray> {
    return await this.#match(() => wholeLines(this.stderr), { pattern, nth })
  }

  async #match(
    lines: () => string[],
    { pattern, nth }: { pattern: RegExp; nth: number },
  ): Promise<RegExpExecArray> {
    for (const deadline = performance.now() + WAIT_MS; performance.now() < deadline; ) {
      const matches = lines().map((line) => pattern.exec(line))
      const match = matches.filter((found) => found !== null)[nth]
      if (match !== undefined) return match
      await sleep(20)
    }
    assert.fail(`no ${pattern} in ${this.lines().join('\n')}\n${this.stderr}`)
  }
}

export interface Needy {
  readonly fail?: string
  readonly value?: number
  readonly fixed?: number
  /** Of `service`. */
  readonly service?: string
}

export function needy({ fail = 'never', value = 0, fixed = 0, service = '' }: Needy = {}) {
  return (log: string) => `
receivers: { needy: { path: ${log}, fail: ${fail}, value: ${value}, fixed: ${fixed} } }
exporters: { nop: }
service:
  telemetry: { metrics: { level: none } }
  ${service}
  pipelines: { flows: { receivers: [needy], exporters: [nop] } }`
}

export function isAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}`)
}
