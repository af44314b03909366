/**
 * A chain of programs on the loopback whose requests carry the truth: /orders/X asks for /items/X.
 *
 *     crowd ──▶ nginx ──▶ caller (an event loop) or pool (threads) ──▶ slow
 */
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { nginxConfig } from './apps/nginx.ts'
import type { Row } from './flowspan.ts'
import { freePorts } from './ports.ts'
import { Program, removeDirectory, temporaryDirectory } from './processes.ts'

const apps = join(import.meta.dirname, 'apps')
const host = '127.0.0.1'
/** How long the last service takes at most. */
const SLOW_MS = 8

/** How causes were found: calls with the right parent, without one, with a wrong one. */
export interface Score {
  correct: number
  orphan: number
  wrong: number
}

export class Chain {
  readonly #programs: readonly Program[]
  readonly #ports: readonly [nginx: number, caller: number, slow: number]
  readonly #directory: string

  private constructor(programs: Program[], ports: number[], directory: string) {
    this.#programs = programs
    this.#ports = ports as [number, number, number]
    this.#directory = directory
  }

  /** `way`: a way of caller.ts, or `pool` for pool.py. */
  static async start(way: string): Promise<Chain> {
    const [nginx, caller, slow] = (await freePorts(3)) as [number, number, number]
    const directory = temporaryDirectory('chain')
    const config = join(directory, 'nginx.conf')
    writeFileSync(config, nginxConfig(directory, nginx, { ipv4: host, ipv6: '::1', port: caller }))
    const node = (app: string, ...args: string[]) => [process.execPath, join(apps, app), ...args]
    const commands = [
      [nginx, ['nginx', '-p', directory, '-c', config, '-e', 'stderr']],
      [
        caller,
        way === 'pool'
          ? ['/usr/bin/python3', join(apps, 'pool.py'), String(caller), String(slow)]
          : node('caller.ts', String(caller), String(slow), way),
      ],
      [slow, node('slow.ts', String(slow), String(SLOW_MS))],
    ] as const
    const programs: Program[] = []
    const chain = new Chain(programs, [nginx, caller, slow], directory)
    try {
      for (const [port, command] of commands) {
        const program = new Program(command as unknown as [string, ...string[]])
        programs.push(program)
        await program.listens({ host, port })
      }
      return chain
    } catch (error) {
      await chain.stop()
      throw error
    }
  }

  /** Asks for /orders/N/NAME with N from 0, so many at a time. */
  async ask(name: string, { requests, clients }: { requests: number; clients: number }) {
    const url = `http://${host}:${this.#ports[0]}`
    const args = [join(apps, 'crowd.ts'), String(requests), url, String(clients), `/${name}`]
    await promisify(execFile)(process.execPath, args)
  }

  /** Scores of nginx and of the caller for what `ask` was given that name, from rows of stitch. */
  score(rows: readonly Row[], name: string): { nginx: Score; caller: Score } {
    const [, caller, slow] = this.#ports
    const score = { nginx: noScore(), caller: noScore() }
    const bySpan = new Map(rows.map((row) => [row.span_id, row]))
    for (const row of rows) {
      if (row.kind !== 'exchange' || row.state !== 'closed' || row.role !== 'client') continue
      const of = ({ [`${host}:${caller}`]: 'nginx', [`${host}:${slow}`]: 'caller' } as const)[
        String(row.dst)
      ]
      if (of === undefined || !String(row.target).endsWith(`/${name}`)) continue
      const parent = bySpan.get(row.parent_span_id as string)
      if (row.parent_span_id === undefined) score[of].orphan++
      else if (parent !== undefined && numberOf(parent) === numberOf(row)) score[of].correct++
      else score[of].wrong++
    }
    return score
  }

  async stop(): Promise<void> {
    await Promise.all(this.#programs.map((program) => program.stop()))
    removeDirectory(this.#directory)
  }
}

function noScore(): Score {
  return { correct: 0, orphan: 0, wrong: 0 }
}

/** `12/name` of `/orders/12/name` and `/items/12/name`. */
function numberOf({ target }: Row): string {
  return String(target).replace(/^\/\w+\//, '')
}

/** For `Flowspan.start`: rows with parents, in a file of that name in its directory. */
export function stitchedTo(file: string): (directory: string) => {
  service: { pipelines: object }
} {
  return (directory) => ({
    receivers: { ebpf: {} },
    processors: { k8s_attributes: { auth_type: 'none' }, stitch: {} },
    exporters: { file: { path: join(directory, file) } },
    service: {
      pipelines: {
        flows: {
          receivers: ['ebpf'],
          processors: ['k8s_attributes', 'stitch'],
          exporters: ['file'],
        },
      },
    },
  })
}
