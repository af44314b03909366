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
import { parseSegmentFileName } from './format.ts'
import { SharedQueue } from './queue.ts'
import { SegmentLog } from './segment_log.ts'
import type { StoredQueue } from './storage.ts'

const LOCK_FILE = 'lock'
/** Linux takes so many bytes in a file's name. */
const NAME_BYTES_MAX = 255

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
  /** Why the disk refused the last time, unless it has taken data since. */
  problem: string | undefined
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

  async queue(name: string): Promise<StoredQueue> {
    if (this.#isClosed) throw new Error(`the storage ${this.path} is closed`)
    let opening = this.#queues.get(name)
    if (opening === undefined) {
      opening = this.#open(name)
      this.#queues.set(name, opening)
      opening.catch(() => this.#queues.delete(name))
    }
    return (await opening).handle()
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
      onDisk: (problem) => {
        this.problem = problem
      },
    })
    // The log counts its files itself from here on.
    this.budget.used -= bytesBefore
    queue = new SharedQueue(log, () => this.#queues.delete(name))
    return queue
  }
}

/** Characters that are not safe in a file's name become `~` and their code, as in the Collector. */
export function folderName(name: string): string {
  const escaped = (text: string) =>
    [...Array(text.length).keys()]
      .map((i) => `~${text.charCodeAt(i).toString(16).toUpperCase().padStart(4, '0')}`)
      .join('')
  const safe = name.replace(/[^A-Za-z0-9._-]/g, escaped).replace(/^\.+$/, escaped)
  if (safe === '' || safe.length > NAME_BYTES_MAX) {
    throw new Error(`the queue name "${name}" must have 1 to ${NAME_BYTES_MAX} safe characters`)
  }
  return safe
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
