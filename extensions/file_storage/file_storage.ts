/** Queues on disk, one folder each, for exporters whose `sending_queue::storage` names this. */
import { accessSync, constants, mkdirSync, statSync } from 'node:fs'
import type { Host, Settings } from '../../pipeline/component.ts'
import type { Limits } from '../../pipeline/storage/budget.ts'
import { type QueueDirectory, useDirectory } from '../../pipeline/storage/directory.ts'
import type { Storage, StoredQueue } from '../../pipeline/storage/storage.ts'
import { bytesOf, type FileStorageConfig, modeOf } from './config.ts'
import { measure } from './measure.ts'

const OK = { status: 'ok' } as const

export class FileStorage implements Storage {
  readonly #settings: Settings
  #config: FileStorageConfig
  #directory: QueueDirectory | undefined
  #stopWatching: (() => void) | undefined
  #stopMeasuring: (() => void) | undefined

  constructor(settings: Settings, config: FileStorageConfig) {
    this.#settings = settings
    this.#config = config
  }

  async start(host: Host): Promise<void> {
    const { logger } = this.#settings
    const { directory: path, timeout: timeoutMs, compaction } = this.#config
    this.#prepare()
    if (compaction.on_start || compaction.on_rebound) {
      logger.info('compaction: nothing to do, disk space is given back as records are done')
    }
    try {
      const limits = limitsOf(this.#config)
      this.#directory = await useDirectory({ path, limits, timeoutMs, logger })
    } catch (error) {
      throw this.#problem(accessProblem(error as NodeJS.ErrnoException, path))
    }
    // The one that came last has the say, when several use one directory.
    this.#directory.budget.limits = limitsOf(this.#config)
    this.#stopWatching = this.#directory.watch((reason) => {
      host.report(reason === undefined ? OK : { status: 'recoverable_error', reason })
    })
    this.#stopMeasuring = measure(this.#settings, this.#directory)
  }

  async queue(name: string): Promise<StoredQueue> {
    if (this.#directory === undefined) throw new Error(`${this.#settings.id} is not running`)
    try {
      return await this.#directory.queue(name)
    } catch (error) {
      throw this.#problem(accessProblem(error as NodeJS.ErrnoException, this.#config.directory))
    }
  }

  /** Limits change where they are; a queue cannot move to another directory. */
  reconfigure(wanted: unknown): (() => void) | undefined {
    const config = wanted as FileStorageConfig
    if (config.directory !== this.#config.directory) return undefined
    return () => {
      this.#config = config
      if (this.#directory !== undefined) this.#directory.budget.limits = limitsOf(config)
    }
  }

  async shutdown(): Promise<void> {
    const directory = this.#directory
    this.#directory = undefined
    this.#stopWatching?.()
    this.#stopMeasuring?.()
    await directory?.leave()
  }

  /** Sees to it that the directory is there and can be used, by the user that the process is. */
  #prepare(): void {
    const { directory, create_directory } = this.#config
    let isDirectory: boolean
    try {
      if (create_directory) mkdirSync(directory, { recursive: true, mode: modeOf(this.#config) })
      isDirectory = statSync(directory).isDirectory()
      accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK)
    } catch (error) {
      throw this.#problem(accessProblem(error as NodeJS.ErrnoException, directory))
    }
    if (!isDirectory) throw this.#problem(`${directory} is not a directory`)
  }

  #problem(message: string): Error {
    return new Error(`extensions::${this.#settings.id}::directory: ${message}`)
  }
}

function accessProblem({ code, message }: NodeJS.ErrnoException, directory: string): string {
  const user = process.getuid?.()
  if (code === 'ENOENT') {
    return (
      `directory must exist: ${directory} does not. You can enable the create_directory ` +
      'option to automatically create it'
    )
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return (
      `the user that flowspan runs as, uid ${user}, may not write in ${directory}; ` +
      `the pipelines have no privileges, so give it to that user: chown -R ${user} ${directory}`
    )
  }
  return code === 'EROFS' ? `${directory} is on a file system that is read-only` : message
}

function limitsOf({ max_size_mib, segment_size_mib, fsync }: FileStorageConfig): Limits {
  return { maxBytes: bytesOf(max_size_mib), segmentBytes: bytesOf(segment_size_mib), fsync }
}
