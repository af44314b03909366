/** Two pods and a line between them that can be made worse: what goes to the second passes it. */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { wholeLines } from '../../../kit/lines.ts'
import { inPod, Network, type Pod } from '../../../kit/netns.ts'
import { Program, temporaryDirectory } from '../../../kit/processes.ts'
import type { Row } from '../script.ts'

export const PORT = 7000

export interface Talk {
  readonly connections: number
  readonly bytes: number
  readonly intervalMs: number
  readonly echo?: boolean
  /** So many connections in each interval, each for one request. */
  readonly short?: boolean
}

export class Line {
  readonly near: Pod
  readonly far: Pod
  readonly #network = new Network()
  readonly #fifo = join(temporaryDirectory('line'), 'commands')
  readonly #programs: Program[] = []
  #line: Program | undefined
  #first: readonly string[] = []

  constructor() {
    this.near = this.#network.pod('near')
    this.far = this.#network.pod('far')
  }

  /** The line and a server behind it; `through` false: the pods as they are. */
  async start({ through }: { through: boolean }): Promise<void> {
    // What is sent is to be as steady as it says, however busy the machine is.
    if (through) this.#first = ['chrt', '--rr', '1']
    const serve = ['python3', '-u', join(import.meta.dirname, 'talkers.py'), 'serve', `${PORT}`]
    await this.#run(this.far, serve)
    if (!through) return
    spawnSync('mkfifo', [this.#fifo])
    const line = [join(import.meta.dirname, 'line.py'), this.#fifo, this.far.ipv4, 'veth2']
    this.#line = await this.#run(this.#network.node, ['python3', '-u', ...line])
  }

  async talk({ connections, bytes, intervalMs, echo, short }: Talk): Promise<Program> {
    const numbers = [this.far.ipv4, PORT, connections, bytes, intervalMs].map(String)
    const talkers = join(import.meta.dirname, 'talkers.py')
    const how = [short ? 'short' : 'talk', ...numbers, ...(echo ? ['echo'] : [])]
    const command = ['python3', '-u', talkers, ...how]
    return this.#run(this.near, command)
  }

  /** Makes it worse from now on; 0: as it was. */
  say(command: 'delay' | 'jitter' | 'loss', value: number): void {
    writeFileSync(this.#fifo, `${command} ${value}\n`, { flag: 'a' })
  }

  /** When it held or dropped its first packet by the command that was said so many commands ago. */
  async first(count: number): Promise<number> {
    const line = this.#line as Program
    const lines = () => wholeLines(line.output).filter((text) => text.startsWith('{'))
    const text = await line.until('holds a packet', () => lines()[count])
    return (JSON.parse(text) as { ns: number }).ns
  }

  /** Those of the rows that are of its episodes. */
  episodes(rows: readonly Row[]): Row[] {
    const inodes: unknown[] = [this.near.inode, this.far.inode]
    return rows.filter(({ kind, netns }) => kind === 'episode' && inodes.includes(netns))
  }

  async close(): Promise<void> {
    await Promise.all(this.#programs.map((program) => program.stop()))
    this.#network.close()
  }

  async #run(pod: Pod, command: readonly string[]): Promise<Program> {
    const program = new Program(inPod(pod, [...this.#first, ...command]))
    this.#programs.push(program)
    await program.line(/ready/)
    return program
  }
}
