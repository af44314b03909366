/**
 * flowspan, run as a user runs it: `bin/flowspan run --config FILE`, keeper and child, and ended
 * with SIGTERM.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { stringify } from 'yaml'
import { linesIn } from './lines.ts'
import type { Pod } from './netns.ts'
import { removeDirectory, temporaryDirectory } from './processes.ts'

const PROGRAM = join(import.meta.dirname, '../../bin/flowspan')
const READY = 'Everything is ready'
const READY_TIMEOUT_MS = 30_000
const STOP_TIMEOUT_MS = 20_000

/** A flow-log line: the columns of a row, by name. */
export type Row = Readonly<Record<string, string | number | boolean>>

/** One line of flowspan's log. */
export type LogLine = Readonly<Record<string, unknown>> & { readonly msg?: string }

/** The books of all components, as the last line of a run has them; what is 0 is left out. */
export interface Balance {
  readonly lost: number
  readonly held: number
  readonly unaccounted: number
  /** By kind and id: `receiver/ebpf`. */
  readonly components: Readonly<Record<string, Book>>
}

export interface Book {
  readonly in: number
  readonly out?: number
  readonly used?: Readonly<Record<string, number>>
  readonly lost?: Readonly<Record<string, number>>
  readonly held?: number
  readonly notes?: Readonly<Record<string, number>>
}

/** A configuration as a user writes it; its log is made JSON, its own metrics are off. */
export interface FlowspanConfig {
  readonly service: {
    readonly pipelines: object
    readonly telemetry?: object
    readonly extensions?: readonly string[]
  }
  readonly [section: string]: object
}

export interface FlowspanOptions {
  /** The launcher; of this tree where none is given. */
  readonly program?: string
  readonly env?: NodeJS.ProcessEnv
  /** Arguments of `setpriv`: whom it runs as, and with which capabilities. */
  readonly privileges?: readonly string[]
  /** The pod that it runs in, whose network alone it has; else the machine's. */
  readonly pod?: Pod
}

const TELEMETRY = {
  logs: { encoding: 'json', sampling: { enabled: false } },
  metrics: { level: 'none' },
}

export class Flowspan {
  /** A directory that flowspan, without privileges, may write into. */
  readonly directory: string
  /** Everything it logged so far; what is no JSON as `{ text }`. */
  readonly log: LogLine[] = []
  readonly #file: string
  readonly #child: ChildProcess
  readonly #exited: Promise<number | null>

  /**
   * Starts it and waits until it captures. `config` gets the directory, for paths of its files.
   * Throws with the whole log when it ends before it is ready.
   */
  static async start(
    config: (directory: string) => FlowspanConfig,
    options: FlowspanOptions = {},
  ): Promise<Flowspan> {
    const flowspan = new Flowspan(config, options)
    await flowspan.waitForLog((line) => line.msg?.includes(READY) === true, {
      timeoutMs: READY_TIMEOUT_MS,
    })
    return flowspan
  }

  private constructor(
    config: (directory: string) => FlowspanConfig,
    { program = PROGRAM, env = process.env, privileges = [], pod }: FlowspanOptions,
  ) {
    this.directory = temporaryDirectory('flowspan')
    chmodSync(this.directory, 0o777)
    this.#file = join(this.directory, 'config.yaml')
    this.#configure(config)
    // Not `ip netns exec`: that mounts another /sys, without what the keeper finds there.
    const enter = pod === undefined ? [] : ['nsenter', `--net=/run/netns/${pod.netns}`, '--']
    const drop = ['setpriv', '--pdeathsig', 'TERM', ...privileges]
    const run = ['--', program, 'run', '--config', this.#file]
    const [command, ...args] = [...enter, ...drop, ...run] as [string, ...string[]]
    this.#child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env })
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      createInterface({ input: stream as NodeJS.ReadableStream }).on('line', (line) => {
        this.log.push(parse(line))
      })
    }
    this.#exited = once(this.#child, 'close').then(([code]) => code as number | null)
    process.on('exit', this.#kill)
  }

  /** Exchanges its configuration, by SIGHUP. Answers whether the new one is in force. */
  async reload(config: (directory: string) => FlowspanConfig): Promise<boolean> {
    const after = this.log.length
    this.#configure(config)
    this.#child.kill('SIGHUP')
    const { msg } = await this.waitForLog(
      (line) => /^(Reloaded|Cannot reload) the configuration/.test(line.msg ?? ''),
      { after, timeoutMs: READY_TIMEOUT_MS },
    )
    return msg?.startsWith('Reloaded') === true
  }

  #configure(config: (directory: string) => FlowspanConfig): void {
    const { service, ...sections } = config(this.directory)
    const full = { ...sections, service: { telemetry: TELEMETRY, ...service } }
    writeFileSync(this.#file, stringify(full, { aliasDuplicateObjects: false }))
  }

  get pid(): number {
    return this.#child.pid as number
  }

  /** The unprivileged process: the keeper's only child. */
  get childPid(): number {
    const path = `/proc/${this.pid}/task/${this.pid}/children`
    const pid = Number(readFileSync(path, 'utf8').trim().split(' ')[0])
    if (!pid) throw new Error('The keeper has no child')
    return pid
  }

  /** Resolves with the first line that fits, logged before or after the call. */
  async waitForLog(
    fits: (line: LogLine) => boolean,
    { timeoutMs = 10_000, after = 0 } = {},
  ): Promise<LogLine> {
    const deadline = performance.now() + timeoutMs
    for (;;) {
      const found = this.log.slice(after).find(fits)
      if (found) return found
      if (this.#ended() || performance.now() > deadline) {
        const why = this.#ended() ? 'ended' : `is silent after ${timeoutMs} ms`
        await this.kill()
        throw new Error(`flowspan ${why}:\n${this.text()}`)
      }
      await sleep(20)
    }
  }

  /** Drains and ends it; gives the books of all components. Throws unless it exits with 0. */
  async stop(): Promise<Balance> {
    this.#child.kill('SIGTERM')
    const code = await Promise.race([this.#exited, sleep(STOP_TIMEOUT_MS, 'late', { ref: false })])
    if (code !== 0) {
      await this.kill()
      throw new Error(`flowspan ended with ${code}:\n${this.text()}`)
    }
    process.off('exit', this.#kill)
    return this.balance()
  }

  /** Ends it at once, for when a test has failed. Safe twice, and after `stop`. */
  async kill(): Promise<void> {
    this.#kill()
    await this.#exited
    process.off('exit', this.#kill)
  }

  /** Removes its directory; after `stop` or `kill`. */
  clean(): void {
    removeDirectory(this.directory)
  }

  /** The books that the child logged when it ended. */
  balance(): Balance {
    const line = this.log.findLast((candidate) => candidate.components !== undefined)
    if (!line) throw new Error(`flowspan logged no balance:\n${this.text()}`)
    return line as unknown as Balance
  }

  /** Rows that the file exporter with this path has written so far. */
  rows(name: string): Row[] {
    return this.lines(name).map((line) => JSON.parse(line) as Row)
  }

  lines(name: string): string[] {
    return linesIn(join(this.directory, name))
  }

  text(): string {
    return this.log.map((line) => line.text ?? JSON.stringify(line)).join('\n')
  }

  #ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  readonly #kill = (): void => {
    // The child ends by itself when its keeper is gone.
    if (!this.#ended()) this.#child.kill('SIGKILL')
  }
}

/** Keeper and child: the child would end in order if it were left alone. */
export async function killAtOnce(flowspan: Flowspan): Promise<void> {
  const { pid } = flowspan
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
  const ended = flowspan.kill()
  for (const child of children.split(' ').filter(Boolean)) process.kill(Number(child), 'SIGKILL')
  await ended
}

function parse(line: string): LogLine {
  try {
    return JSON.parse(line) as LogLine
  } catch {
    return { text: line }
  }
}
