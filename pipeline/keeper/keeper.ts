/**
 * The privileged parent. It opens what needs privileges and keeps it open, runs the pipelines in a
 * child that has no privilege at all, and starts the child again when that crashes: what is
 * attached to the kernel, and what the kernel remembers of each socket, stays meanwhile.
 *
 *     keeper (root) ── fds 3… ──▶ setpriv ──▶ child (root with next to nothing, then nobody)
 *           └──────── lifeline ───────────────┘
 *
 * The keeper parses nothing but its configuration.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { Stop } from '../stop.ts'
import { handoverEnv, type InheritedBy, type User } from './handover.ts'
import type { Opened } from './opened.ts'
import { setprivArguments } from './privileges.ts'

/** Standard input, output and error come before what is handed over. */
const FIRST_FD = 3
const BACKOFF_FIRST_MS = 200
const BACKOFF_MAX_MS = 10_000
/** A child that ran this long was not killed by what killed its predecessors. */
const STEADY_MS = 60_000
/** What a child gets beyond its own deadline before it is killed. */
const GRACE_MS = 5000

/** Exit codes that a new start would only repeat: a bad start, and `setpriv` that cannot exec. */
const FUTILE = [1, 126, 127]

export interface KeeperOptions {
  readonly opened: readonly Opened[]
  /** The program and its arguments, as this process was started. */
  readonly command: readonly string[]
  readonly user: User
  readonly stop: Stop
  readonly shutdownTimeoutMs: number
  readonly logger: Logger
}

interface End {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export class Keeper {
  readonly #options: KeeperOptions

  constructor(options: KeeperOptions) {
    this.#options = options
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
    const { stop, opened, logger, shutdownTimeoutMs } = this.#options
    const { child, ended } = this.#spawn()
    if (child.pid !== undefined) {
      for (const { privileged } of opened) privileged.childStarted?.(child.pid)
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
      }, shutdownTimeoutMs + GRACE_MS)
    })
    try {
      return await ended
    } finally {
      isOver.value = true
      clearTimeout(killer)
    }
  }

  #spawn(): { child: ChildProcess; ended: Promise<End> } {
    const { opened, command, user } = this.#options
    const fds: number[] = []
    const components: InheritedBy[] = opened.map(({ of, privileged }) => {
      const first = FIRST_FD + fds.length
      fds.push(...privileged.fds)
      return {
        kind: of.kind,
        id: of.id.text,
        fds: privileged.fds.map((_, i) => first + i),
        info: privileged.info,
      }
    })
    const lifelineFd = FIRST_FD + fds.length
    const uid = process.getuid?.() ?? 0
    const child = spawn('setpriv', [...setprivArguments(uid), ...command], {
      stdio: ['inherit', 'inherit', 'inherit', ...fds, 'pipe'],
      env: { ...process.env, ...handoverEnv({ components, lifelineFd, user }) },
    })
    // The child writes nothing to it; that the keeper holds it is all it is for.
    child.stdio[lifelineFd]?.on('error', () => {})
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
