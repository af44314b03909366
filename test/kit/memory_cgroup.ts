/** A cgroup with a limit of memory, version 2 or 1, for a process that is to be killed by it. */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

interface Version {
  readonly root: string
  readonly limit: string
  /** Written after `limit`, where the kernel has it: memory and swap together, or swap. */
  readonly swap: (bytes: number) => readonly [file: string, value: string]
  readonly peak: string
}

const VERSIONS: readonly Version[] = [
  {
    root: '/sys/fs/cgroup',
    limit: 'memory.max',
    swap: () => ['memory.swap.max', '0'],
    peak: 'memory.peak',
  },
  {
    root: '/sys/fs/cgroup/memory',
    limit: 'memory.limit_in_bytes',
    swap: (bytes) => ['memory.memsw.limit_in_bytes', String(bytes)],
    peak: 'memory.max_usage_in_bytes',
  },
]

export class MemoryCgroup {
  readonly #folder: string
  readonly #version: Version

  /** Undefined where this process cannot make one. */
  static create(bytes: number): MemoryCgroup | undefined {
    for (const version of VERSIONS) {
      const folder = join(version.root, `flowspan-test-${process.pid}`)
      try {
        mkdirSync(folder)
      } catch {
        continue
      }
      if (existsSync(join(folder, version.limit))) return new MemoryCgroup(folder, version, bytes)
      rmdirSync(folder)
    }
    return undefined
  }

  private constructor(folder: string, version: Version, bytes: number) {
    this.#folder = folder
    this.#version = version
    writeFileSync(join(folder, version.limit), String(bytes))
    const [file, value] = version.swap(bytes)
    if (existsSync(join(folder, file))) writeFileSync(join(folder, file), value)
  }

  /** A command that runs in the cgroup from its first byte on. */
  command(words: readonly string[]): [string, string[]] {
    const script = 'echo $$ > "$0" && exec "$@"'
    return ['sh', ['-c', script, join(this.#folder, 'cgroup.procs'), ...words]]
  }

  /** The most that was used at once, in bytes. */
  get peak(): number {
    return Number(readFileSync(join(this.#folder, this.#version.peak), 'utf8'))
  }

  /** After the last process has ended; the kernel may need a moment to notice. */
  async remove(): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      try {
        return rmdirSync(this.#folder)
      } catch (error) {
        if (attempt === 100) throw error
        await sleep(20)
      }
    }
  }
}
