/**
 * A directory of queues, locked for this process. All who use it share it, by its real path: during
 * a reload the extension that goes and the one that comes.
 *
 *     DIRECTORY/
 *       lock                                the process that has it
 *       exporter~002Fotlp~002Ftraces/       one folder a queue
 *         0000000001.9f3ac412.segment
 */
import { readdirSync, realpathSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { Budget, type Limits } from './budget.ts'
import { type Lock, lockFile } from './flock.ts'
import { folderName } from './folder_name.ts'
import { parseSegmentFileName } from './format.ts'
import { SharedQueue } from './queue.ts'
import type { Damage } from './recover.ts'
import { type Refusal, SegmentLog } from './segment_log.ts'
import type { StoredQueue } from './storage.ts'

const LOCK_FILE = 'lock'
/** A disk that is full fails every append: one line in this time tells as much. */
const LOG_INTERVAL_MS = 10_000

const directories = new Map<string, Promise<QueueDirectory>>()

export interface DirectoryOptions {
  readonly path: string
  readonly limits: Limits
  /** How long to wait for another process to give the directory up. */
  readonly timeoutMs: number
  readonly logger: Logger
}

/** Throws when another process has the directory, or it cannot be used. */
export async function useDirectory(options: DirectoryOptions): Promise<QueueDirectory> {
  const path = realpathSync(options.path)
  for (;;) {
    let opening = directories.get(path)
    if (opening === undefined) {
      opening = QueueDirectory.open({ ...options, path })
      directories.set(path, opening)
      opening.catch(() => directories.delete(path))
    }
    const directory = await opening
    if (directory.enter()) return directory
  }
}

export class QueueDirectory {
  readonly path: string
  readonly budget: Budget
  readonly #lock: Lock
  readonly #logger: Logger
  readonly #queues = new Map<string, Promise<SharedQueue>>()
  /** Records that were not taken. */
  readonly refused: Record<Refusal, number> = { size: 0, disk: 0 }
  readonly #watchers = new Set<(problem: string | undefined) => void>()
  /** Of queues that have been closed since the start. */
  readonly #damage: Damage = { records: 0, bytes: 0, tornBytes: 0 }
  #logs: readonly SegmentLog[] = []
  #problem: string | undefined
  #loggedAt = Number.NEGATIVE_INFINITY
  #users = 0
  #isClosed = false

  private constructor(of: { options: DirectoryOptions; lock: Lock }) {
    this.path = of.options.path
    this.budget = new Budget(of.options.limits)
    this.#logger = of.options.logger
    this.#lock = of.lock
  }

  static async open(options: DirectoryOptions): Promise<QueueDirectory> {
    const lock = await lockFile(join(options.path, LOCK_FILE), options)
    try {
      const directory = new QueueDirectory({ options, lock })
      directory.budget.used = segmentBytesIn(options.path)
      return directory
    } catch (error) {
      lock.release()
      throw error
    }
  }

  /** One more user; false when the directory has been closed already. */
  enter(): boolean {
    if (!this.#isClosed) this.#users++
    return !this.#isClosed
  }

  /** What was found damaged since the start. */
  get damage(): Damage {
    const sum = { ...this.#damage }
    for (const { damage } of this.#logs) addDamage(sum, damage)
    return sum
  }

  /** Calls `watcher` when the disk refuses, and when it takes data again, and now if it refuses. */
  watch(watcher: (problem: string | undefined) => void): () => void {
    this.#watchers.add(watcher)
    if (this.#problem !== undefined) watcher(this.#problem)
    return () => void this.#watchers.delete(watcher)
  }

  /** The queue with this name. Throws when its folder cannot be read or written. */
  async queue(name: string): Promise<StoredQueue> {
    for (;;) {
      if (this.#isClosed) throw new Error(`the storage ${this.path} is closed`)
      let opening = this.#queues.get(name)
      if (opening === undefined) {
        opening = this.#open(name)
        this.#queues.set(name, opening)
        opening.catch(() => this.#queues.delete(name))
      }
      const handle = (await opening).handle()
      // The last user may have closed it in the meantime.
      if (handle !== undefined) return handle
    }
  }

  /** Gives one use back; after the last the files are closed and the lock is let go. */
  async leave(): Promise<void> {
    if (this.#isClosed || --this.#users > 0) return
    this.#isClosed = true
    directories.delete(this.path)
    for (const opening of [...this.#queues.values()]) {
      const queue = await opening.catch(() => undefined)
      queue?.closeAll()
      queue?.log.close()
    }
    this.#lock.release()
  }

  async #open(name: string): Promise<SharedQueue> {
    const folder = join(this.path, folderName(name))
    const bytesBefore = segmentBytesIn(folder)
    let queue: SharedQueue | undefined
    const log = await SegmentLog.open({
      folder,
      budget: this.budget,
      logger: this.#logger.child({ queue: name }),
      onReady: () => queue?.ready(),
      onDisk: (problem) => this.#disk(problem),
      onRefused: (why) => {
        this.refused[why]++
      },
    })
    // The log counts its files itself from here on.
    this.budget.used -= bytesBefore
    this.#logs = [...this.#logs, log]
    if (log.restored.records > 0) {
      this.#logger.info({ queue: name, ...log.restored }, 'Found records of an earlier run')
    }
    queue = new SharedQueue(log, () => {
      this.#queues.delete(name)
      this.#logs = this.#logs.filter((open) => open !== log)
      addDamage(this.#damage, log.damage)
    })
    return queue
  }

  #disk(problem: string | undefined): void {
    const was = this.#problem
    this.#problem = problem
    if (problem === was) return
    for (const watcher of this.#watchers) watcher(problem)
    const now = performance.now()
    if (problem === undefined) this.#logger.info('The disk takes data again')
    else if (now - this.#loggedAt > LOG_INTERVAL_MS) {
      this.#loggedAt = now
      this.#logger.error({ reason: problem }, 'The disk refuses data: nothing more is accepted')
    }
  }
}

function addDamage(to: Damage, { records, bytes, tornBytes }: Damage): void {
  to.records += records
  to.bytes += bytes
  to.tornBytes += tornBytes
}

/** What the segments in a folder, or in the folders of a folder, take. */
function segmentBytesIn(folder: string): number {
  let bytes = 0
  try {
    for (const file of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, file.name)
      if (file.isDirectory()) bytes += segmentBytesIn(path)
      else if (parseSegmentFileName(file.name) !== undefined) bytes += statSync(path).size
    }
  } catch {
    // Not there yet, or not ours.
  }
  return bytes
}
