/** A folder in the cgroup v2 tree, and programs that run in it or below it. */
import { mkdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { cgroupRoot } from '../../receivers/ebpf/cgroup.ts'

let made = 0

export class Cgroup {
  /** As a configuration names it. */
  readonly path: string
  readonly #folders: string[]

  /** `below`: what follows the folder's own name. Needs root and a cgroup v2 tree. */
  constructor(below: readonly string[] = [], name = `flowspan-${process.pid}-${made++}`) {
    const root = cgroupRoot()
    if (root === undefined) throw new Error('No cgroup v2 tree is mounted')
    this.path = `/${name}`
    const names = [name, ...below]
    this.#folders = names.map((_, i) => join(root, ...names.slice(0, i + 1)))
    mkdirSync(this.#folders.at(-1) as string, { recursive: true })
  }

  /** A command that runs in the innermost folder from its first byte on. */
  command(words: readonly string[]): [string, ...string[]] {
    const procs = join(this.#folders.at(-1) as string, 'cgroup.procs')
    return ['sh', '-c', 'echo $$ > "$0" && exec "$@"', procs, ...words]
  }

  /** After the last process has ended; the kernel may need a moment to notice. */
  async remove(): Promise<void> {
    for (const folder of this.#folders.toReversed()) {
      for (let attempt = 0; ; attempt++) {
        try {
          rmdirSync(folder)
          break
        } catch (error) {
          if (attempt === 100) throw error
          await sleep(20)
        }
      }
    }
  }
}
