/**
 * Cgroups as a kubelet and its container runtime would make them, of version 2 or 1, under a name
 * of this process: real ones, with real processes in them.
 */
import { existsSync, mkdirSync, readFileSync, rmdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { waitFor } from './processes.ts'

/** Where the hierarchies are mounted; v1's of memory. */
const ROOTS = {
  v2: ['/sys/fs/cgroup/unified', '/sys/fs/cgroup'],
  v1: ['/sys/fs/cgroup/memory'],
} as const

let made = 0

/** Why there can be none of this version here; undefined: there can. */
export function missingCgroups(version: 'v1' | 'v2'): string | undefined {
  if (process.getuid?.() !== 0) return 'Cannot make cgroups as this is not root: run it with sudo'
  if (rootOf(version) !== undefined) return undefined
  return `Cannot make cgroups as no hierarchy of ${version} is mounted below /sys/fs/cgroup`
}

function rootOf(version: 'v1' | 'v2'): string | undefined {
  // Every cgroup but the root of v2 has this file; of the root only v2 has cgroup.controllers.
  const file = version === 'v2' ? 'cgroup.controllers' : 'cgroup.procs'
  return ROOTS[version].find((root) => existsSync(join(root, file)))
}

export class Cgroups {
  readonly #root: string
  /** The tree's first folder, which is not in anyone's way. */
  readonly #top: string
  readonly #folders: string[] = []

  constructor(version: 'v1' | 'v2' = 'v2') {
    const root = rootOf(version)
    if (root === undefined) throw new Error(missingCgroups(version))
    made += 1
    this.#top = `flowspan-${process.pid}-${made}.slice`
    this.#root = root
  }

  /** Makes the cgroup with all above it; its path is below a slice of this process. */
  make(path: string): Cgroup {
    const names = [this.#top, ...path.split('/')]
    for (let depth = 1; depth <= names.length; depth++) {
      const folder = join(this.#root, ...names.slice(0, depth))
      if (this.#folders.includes(folder)) continue
      mkdirSync(folder)
      this.#folders.push(folder)
    }
    const folder = join(this.#root, ...names)
    return {
      path: `/${names.join('/')}`,
      folder,
      id: statSync(folder, { bigint: true }).ino,
      command: (words) => inCgroup(folder, words),
    }
  }

  /** With what still runs there. */
  async remove(): Promise<void> {
    for (const folder of this.#folders.splice(0).reverse()) await removeCgroup(folder)
  }
}

export interface Cgroup {
  /** From the root of the hierarchy. */
  readonly path: string
  readonly folder: string
  readonly id: bigint
  /** A command that runs in it from its first byte on. */
  command(words: readonly string[]): [string, ...string[]]
}

function inCgroup(folder: string, words: readonly string[]): [string, ...string[]] {
  const script = 'echo $$ > "$0" && exec "$@"'
  return ['sh', '-c', script, join(folder, 'cgroup.procs'), ...words]
}

/** Ends what runs in it; the kernel may need a moment until that has gone. */
export async function removeCgroup(folder: string): Promise<void> {
  await waitFor(`The end of ${folder}`, () => {
    if (!existsSync(folder)) return true
    const pids = readFileSync(join(folder, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean)
    for (const pid of pids) kill(Number(pid))
    try {
      rmdirSync(folder)
      return true
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EBUSY') throw error
      return undefined
    }
  })
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It went by itself.
  }
}
