/**
 * The privileged parent. It opens what needs privileges and keeps it open, runs the pipelines in a
 * child that has no privilege at all, and starts the child again when that crashes: what is
 * attached to the kernel, and what the kernel remembers of each socket, stays meanwhile.
 *
 *     keeper (root) ── fds 3… ──▶ setpriv ──▶ child (root with next to nothing, then nobody)
 *           └──────── channel ────────────────┘
 *
 * The keeper parses nothing but its configuration, and the three words its child can say.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import type { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { Resolved } from '../config/resolve.ts'
import type { ReloadResult } from '../service_view.ts'
import type { Stop } from '../stop.ts'
import { ChildChannel } from './channel.ts'
import { handoverEnv, type InheritedBy, type User } from './handover.ts'
import type { Opened } from './opened.ts'
import { setprivArguments } from './privileges.ts'

/** Standard input, output and error come before what is handed over. */
const FIRST_FD = 3
/** One thread more than libuv's four: a receiver may wait for the kernel in one. */
const POOL = { UV_THREADPOOL_SIZE: '5' }
const BACKOFF_FIRST_MS = 200
const BACKOFF_MAX_MS = 10_000
/** A child that ran this long was not killed by what killed its predecessors. */
const STEADY_MS = 60_000
/** What a child gets beyond its own deadline before it is killed. */
const GRACE_MS = 5000

/** Exit codes that a new start would only repeat: a bad start, and `setpriv` that cannot exec. */
const FUTILE = [1, 126, 127]

export interface KeeperOptions {
  readonly opened: Opened
  /** What the child runs. */
  readonly resolved: Resolved
  /** The program and its arguments, as this process was started. */
  readonly command: readonly string[]
  readonly user: User
  readonly stop: Stop
  readonly shutdownTimeoutMs: number
  readonly logger: Logger
  /** The child was asked for a reload, and asks in turn. */
  readonly reload: (by: string) => Promise<ReloadResult>
}

interface End {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export class Keeper {
  readonly #options: KeeperOptions
  /** Of the configuration that the child runs, or will when it is started again. */
  #resolved: Resolved
  #shutdownTimeoutMs: number
  #child: ChildChannel | undefined

  constructor(options: KeeperOptions) {
    this.#options = options
    this.#resolved = options.resolved
    this.#shutdownTimeoutMs = options.shutdownTimeoutMs
  }

  /** Has the child exchange its configuration; throws when it kept the one it had, and why. */
  async reload(resolved: Resolved, shutdownTimeoutMs: number): Promise<void> {
    if (this.#child === undefined) throw new Error('the pipeline process does not run')
    const result = await this.#child.reload(resolved)
    if (!result.ok) throw new Error(result.reason)
    this.#resolved = resolved
    this.#shutdownTimeoutMs = shutdownTimeoutMs
  }

  /** Runs until the child has ended for good; gives the exit code. */
  async run(): Promise<number> {
    const { stop, logger } = this.#options
    for (let backoffMs = BACKOFF_FIRST_MS; !stop.isRequested; ) {
      const startedMs = performance.now()
      const end = await this.#runChild()
      const code = verdict(end, stop)
      if (code !== undefined) return code
      if (performance.now() - startedMs > STEADY_MS) backoffMs = BACKOFF_FIRST_MS
      const how = end.signal === null ? { code: end.code } : { killed_by: end.signal }
      logger.error({ ...how, restart_ms: backoffMs }, 'The pipeline process crashed; restarting it')
      await this.#wait(backoffMs)
      backoffMs = Math.min(2 * backoffMs, BACKOFF_MAX_MS)
    }
    return 0
  }

  /** Waits so long, or until the end is asked for. */
  async #wait(ms: number): Promise<void> {
    const over = new AbortController()
    this.#options.stop.requested.then(() => over.abort())
    await delay(ms, undefined, { signal: over.signal }).catch(() => {})
  }

  async #runChild(): Promise<End> {
    const { stop, opened, logger } = this.#options
    const { child, ended } = this.#spawn()
    if (child.pid !== undefined) {
      for (const { privileged } of opened.parts) privileged.childStarted?.(child.pid)
      logger.debug({ pid: child.pid }, 'Started the pipeline process')
    }
    let killer: NodeJS.Timeout | undefined
    const isOver = { value: false }
    stop.requested.then((reason) => {
      if (isOver.value) return
      child.kill(reason === 'SIGINT' ? 'SIGINT' : 'SIGTERM')
      killer = setTimeout(() => {
        logger.error('The pipeline process did not end in time; killing it')
        child.kill('SIGKILL')
      }, this.#shutdownTimeoutMs + GRACE_MS)
    })
    try {
      return await ended
    } finally {
      isOver.value = true
      this.#child = undefined
      clearTimeout(killer)
    }
  }

  #spawn(): { child: ChildProcess; ended: Promise<End> } {
    const { opened, command, user, reload } = this.#options
    const fds: number[] = []
    const components: InheritedBy[] = opened.parts.map(({ of, privileged }) => {
      const first = FIRST_FD + fds.length
      fds.push(...privileged.fds)
      return {
        kind: of.kind,
        id: of.id.text,
        fds: privileged.fds.map((_, i) => first + i),
        info: privileged.info,
      }
    })
    const channelFd = FIRST_FD + fds.length
    const uid = process.getuid?.() ?? 0
    const child = spawn('setpriv', [...setprivArguments(uid), ...command], {
      stdio: ['inherit', 'inherit', 'inherit', ...fds, 'pipe'],
      env: { ...POOL, ...process.env, ...handoverEnv({ components, channelFd, user }) },
    })
    const stream = child.stdio[channelFd] as Duplex | null
    if (stream) {
      this.#child = new ChildChannel(stream, reload)
      this.#child.start(this.#resolved)
    }
    return { child, ended: endOf(child) }
  }
}

function endOf(child: ChildProcess): Promise<End> {
  const { promise, resolve, reject } = Promise.withResolvers<End>()
  child.once('exit', (code, signal) => resolve({ code, signal }))
  child.once('error', (error: NodeJS.ErrnoException) => {
    // Also raised when a kill fails; the exit then still comes.
    if (child.pid !== undefined) return
    const why = error.code === 'ENOENT' ? 'setpriv is missing; install util-linux' : error.message
    reject(new Error(`cannot start the pipeline process: ${why}`))
  })
  return promise
}

/** The keeper's exit code, or undefined when the child is to be started again. */
function verdict({ code, signal }: End, stop: Stop): number | undefined {
  if (code === 0) return 0
  if (code !== null && FUTILE.includes(code)) return 1
  if (!stop.isRequested) return undefined
  // A signal that arrived before the child listened for it ended it all the same.
  return signal === 'SIGTERM' || signal === 'SIGINT' ? 0 : 1
}
