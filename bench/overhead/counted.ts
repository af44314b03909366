/** Runs streams.py: loads that count what they did and the CPU time that it took them. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Authority } from '../../test/kit/certificates.ts'
import { Program, removeDirectory, temporaryDirectory } from '../../test/kit/processes.ts'
import { pin } from './processes.ts'

const STREAMS = join(import.meta.dirname, 'streams.py')
const COUNT_BYTES = 24
const CPUS = [1, 0] as const
const PACED_MB_PER_S = 300

export type Kind = 'bytes' | 'tls' | 'body'

/** Both ends in one thread; a process and a CPU for each; the same at so many MB/s. */
export type Shape = 'turns' | 'ends' | 'paced'

/** What was done so far. */
export interface Counted {
  readonly done: number
  /** CPU time of both ends. */
  readonly ns: number
}

export class CountedLoad {
  readonly #directory = temporaryDirectory('streams')
  readonly #counts: string[] = []
  readonly #programs: Program[] = []

  /** A stream, `done` in bytes. */
  static async stream(kind: Kind, shape: Shape): Promise<CountedLoad> {
    const load = new CountedLoad()
    const { key, cert } = new Authority(load.#directory).issue('server')
    const tls = kind === 'tls' ? [cert, key] : []
    if (shape === 'turns') load.#start('turns', kind, (count) => [count, ...tls])
    else {
      const server = load.#start('serve', kind, (count) => [count, ...tls])
      const [, port = ''] = await server.line(/port (\d+)/)
      const mbPerSecond = shape === 'paced' ? PACED_MB_PER_S : 0
      load.#start('connect', kind, (count) => [count, port, `${mbPerSecond}`])
    }
    return load
  }

  /** `done` in turns: reads of a byte, or datagrams. */
  static loop(role: 'peek' | 'self'): CountedLoad {
    const load = new CountedLoad()
    load.#start(role, undefined, (count) => [count])
    return load
  }

  #start(role: string, kind: Kind | undefined, args: (count: string) => string[]): Program {
    const count = join(this.#directory, `count${this.#counts.length}`)
    writeFileSync(count, new Uint8Array(COUNT_BYTES))
    const own = kind === undefined ? [] : [kind]
    const program = new Program(['python3', '-u', STREAMS, role, ...own, ...args(count)])
    pin(program.pid, CPUS[this.#counts.length] as number)
    this.#counts.push(count)
    this.#programs.push(program)
    return program
  }

  read(): Counted {
    const counts = this.#counts.map(countOf)
    return {
      done: (counts[0] as Counted).done,
      ns: counts.reduce((sum, { ns }) => sum + ns, 0),
    }
  }

  async stop(): Promise<void> {
    for (const program of this.#programs.reverse()) await program.stop()
    removeDirectory(this.#directory)
  }
}

/** Both numbers of one moment: read until nobody wrote meanwhile. */
function countOf(path: string): Counted {
  for (;;) {
    const [one, other] = [readFileSync(path), readFileSync(path)]
    if (!one.equals(other) || one.readUInt32LE() % 2 === 1) continue
    return { done: Number(one.readBigUInt64LE(8)), ns: Number(one.readBigUInt64LE(16)) }
  }
}
