/**
 * Programs that tests start: spawned directly, watched, and ended by their own pid.
 *
 * Nothing outlives the test process: the kernel kills a program when its parent dies, and what is
 * left at a normal exit is killed then. Directories are swept by the next process.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const OUTPUT_CHARS_MAX = 256 * 1024
const READY_TIMEOUT_MS = 30_000
const STOP_TIMEOUT_MS = 10_000
const POLL_MS = 20
const DRAIN_MS = 200
const DIRECTORY = /^flowspan-kit-(\d+)-/

export interface ProgramOptions {
  /** Added to this process' own environment. */
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
}

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface Address {
  readonly host: string
  readonly port: number
}

export interface WaitOptions {
  /** Default 30 s. */
  readonly timeoutMs?: number
}

type OrNotYet<T> = T | false | null | undefined

/** Gives the awaited value, or false, null or undefined for "not yet". */
export type Check<T> = () => OrNotYet<T> | Promise<OrNotYet<T>>

const running = new Set<ChildProcess>()
const directories = new Set<string>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
  for (const directory of directories) removeDirectory(directory)
})

/** A running program. */
export class Program {
  readonly name: string
  /** Resolves when the program has ended and what it printed has come; never rejects. */
  readonly exited: Promise<Exit>
  readonly #child: ChildProcess
  #output = ''
  #failure: Error | undefined
  #ended = false

  /** Starts a program; `command` is its path and its arguments. */
  constructor(command: readonly [string, ...string[]], options: ProgramOptions = {}) {
    this.name = command[0].split('/').at(-1) ?? command[0]
    const args = ['--pdeathsig', 'KILL', '--', ...command]
    this.#child = spawn('setpriv', args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    })
    running.add(this.#child)
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output = (this.#output + text).slice(-OUTPUT_CHARS_MAX)
      })
    }
    this.exited = new Promise((resolve) => {
      const end = (code: number | null, signal: NodeJS.Signals | null) => {
        this.#ended = true
        running.delete(this.#child)
        resolve({ code, signal })
      }
      this.#child.on('close', end)
      this.#child.on('exit', () => {
        // A program that it started may hold its outputs open for as long as that one lives.
        setTimeout(() => {
          this.#child.stdout?.destroy()
          this.#child.stderr?.destroy()
        }, DRAIN_MS).unref()
      })
      this.#child.on('error', (error) => {
        this.#failure = error
        if (this.#child.pid === undefined) end(null, null)
      })
    })
  }

  /** Throws when the program could not be spawned. */
  get pid(): number {
    if (this.#child.pid === undefined) throw this.#error('was not started')
    return this.#child.pid
  }

  /** The end of what the program has printed on both of its outputs, at most 256 Ki characters. */
  get output(): string {
    return this.#output
  }

  /** Waits until the output matches. Throws with the output when the program ends before that. */
  async line(pattern: RegExp, options: WaitOptions = {}): Promise<RegExpExecArray> {
    return this.until(`prints ${pattern}`, () => pattern.exec(this.#output), options)
  }

  /** Waits until a connection to the address is accepted. */
  async listens(address: Address, options: WaitOptions = {}): Promise<void> {
    await this.until(`listens on ${address.host}:${address.port}`, () => accepts(address), options)
  }

  /** Waits until `check` gives something, as long as the program lives. */
  async until<T>(what: string, check: Check<T>, options: WaitOptions = {}): Promise<T> {
    const value = await poll(async () => {
      // Asked for before the check: what the program has done just before its end counts.
      const ended = this.#ended
      const found = await check()
      if (ended && !isThere(found)) {
        throw this.#error(`ended before it ${what}`)
      }
      return found
    }, options)
    if (value === undefined) throw this.#error(`took too long until it ${what}`)
    return value
  }

  /** Ends the program with SIGTERM, and after `timeoutMs` (default 10 s) SIGKILL. Safe twice. */
  async stop(options: WaitOptions = {}): Promise<Exit> {
    this.#child.kill('SIGTERM')
    const timer = setTimeout(
      () => this.#child.kill('SIGKILL'),
      options.timeoutMs ?? STOP_TIMEOUT_MS,
    )
    const exit = await this.exited
    clearTimeout(timer)
    return exit
  }

  #error(what: string): Error {
    const { exitCode, signalCode } = this.#child
    const exit = this.#ended ? ` (exit ${signalCode ?? exitCode})` : ''
    const why = this.#failure?.message ?? this.#output.trim().split('\n').slice(-40).join('\n')
    return new Error(`${this.name} ${what}${exit}: ${why}`)
  }
}

/** Waits until `check` gives something; throws "… did not come" with the name after `timeoutMs`. */
export async function waitFor<T>(
  what: string,
  check: Check<T>,
  options: WaitOptions = {},
): Promise<T> {
  const value = await poll(check, options)
  if (value === undefined) throw new Error(`${what} did not come`)
  return value
}

/** Gives undefined when the time is over. */
async function poll<T>(
  check: Check<T>,
  { timeoutMs = READY_TIMEOUT_MS }: WaitOptions,
): Promise<T | undefined> {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    const value = await check()
    if (isThere(value)) return value
    if (performance.now() > deadline) return undefined
    await sleep(POLL_MS)
  }
}

/** A check that answers `false` says "not yet", as one that answers nothing. */
function isThere<T>(value: OrNotYet<T>): value is T {
  return value !== false && value !== null && value !== undefined
}

/** A new directory, removed by `removeDirectory` or when this process exits. */
export function temporaryDirectory(name: string): string {
  if (directories.size === 0) sweep()
  const directory = mkdtempSync(join(tmpdir(), `flowspan-kit-${process.pid}-${name}-`))
  directories.add(directory)
  return directory
}

/** Removes a directory that `temporaryDirectory` made. Safe twice. */
export function removeDirectory(directory: string): void {
  if (!directories.delete(directory)) return
  rmSync(directory, { recursive: true, force: true, maxRetries: 3 })
}

/** Removes directories of processes that were killed. */
function sweep(): void {
  for (const name of readdirSync(tmpdir())) {
    const pid = DIRECTORY.exec(name)?.[1]
    if (pid === undefined || alive(Number(pid))) continue
    try {
      rmSync(join(tmpdir(), name), { recursive: true, force: true })
    } catch {
      // A program that outlived the process, or another sweep, is at it: the next one removes it.
    }
  }
}

/** Also when it is somebody else's. */
export function alive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function accepts({ host, port }: Address): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port })
    const end = (accepted: boolean) => {
      socket.destroy()
      resolve(accepted)
    }
    socket.on('connect', () => end(true)).on('error', () => end(false))
  })
}
