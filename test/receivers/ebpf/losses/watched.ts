/** The kernel's side held by the test, and a reader of it that comes and goes. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pino } from 'pino'
import type { LedgerEntry } from '../../../../pipeline/ledger.ts'
import { schema } from '../../../../receivers/ebpf/config.ts'
import { kernelConfig } from '../../../../receivers/ebpf/index.ts'
import { openKernel } from '../../../../receivers/ebpf/keeper.ts'
import { removeDirectory, temporaryDirectory, waitFor } from '../../../kit/processes.ts'
import type { Row } from '../script.ts'

const READER = join(import.meta.dirname, 'reader.ts')

export type Books = LedgerEntry & { readonly notes: Readonly<Record<string, number>> }

/** What a process was alive, of the wall clock. */
export interface Life {
  readonly fromMs: number
  readonly toMs: number
}

export class Watched {
  /** Of readers that were killed: from when to when nobody read. */
  readonly gaps: Life[] = []
  readonly #privileged: Awaited<ReturnType<typeof openKernel>>
  readonly #options: object
  readonly #directory = temporaryDirectory('losses')
  #reader: ChildProcess | undefined
  #output = ''
  readonly #rows: Row[] = []
  /** What each reader writes, and how much of it was read here. */
  readonly #files: { readonly path: string; read: number }[] = []

  private constructor(privileged: Awaited<ReturnType<typeof openKernel>>, options: object) {
    this.#privileged = privileged
    this.#options = options
  }

  static async start(options: object = {}): Promise<Watched> {
    const config = kernelConfig(schema.parse(options))
    const privileged = await openKernel(config, { id: 'ebpf', logger: pino({ enabled: false }) })
    const watched = new Watched(privileged, options)
    await watched.#spawn()
    return watched
  }

  async #spawn(): Promise<void> {
    const { fds, info } = this.#privileged
    const about = JSON.stringify({ ...(info as object), fds: fds.length })
    // A file of its own: what is killed may leave a line without its end.
    const path = join(this.#directory, `rows.${this.#files.length}`)
    this.#files.push({ path, read: 0 })
    const args = [READER, about, JSON.stringify(this.#options), path]
    const stdio = ['ignore', 'pipe', 'inherit', ...fds] as const
    const reader = spawn(process.execPath, args, { stdio: [...stdio] })
    this.#reader = reader
    this.#output = ''
    reader.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#output += text
    })
    this.#privileged.childStarted?.(reader.pid as number)
    await waitFor('The reader', () => this.#output.includes('reads'))
  }

  signal(signal: NodeJS.Signals): void {
    this.#reader?.kill(signal)
  }

  /** Kills the reader, and starts another one. */
  async replace(): Promise<void> {
    const reader = this.#reader as ChildProcess
    const fromMs = Date.now()
    reader.kill('SIGKILL')
    await once(reader, 'exit')
    await this.#spawn()
    this.gaps.push({ fromMs, toMs: Date.now() })
  }

  /** Ends the reader when the kernel's side has ended, so that its counts are final. */
  async books(): Promise<Books> {
    this.#privileged.close()
    const reader = this.#reader as ChildProcess
    reader.kill('SIGTERM')
    await once(reader, 'close')
    return JSON.parse(this.#output.split('\n')[1] as string) as Books
  }

  /** So far; lines that were read before are not read again. */
  rows(): readonly Row[] {
    for (const file of this.#files) {
      if (!existsSync(file.path)) continue
      const text = readFileSync(file.path, 'latin1')
      const end = text.lastIndexOf('\n') + 1
      for (const line of text.slice(file.read, end).split('\n').filter(Boolean)) {
        this.#rows.push(JSON.parse(line) as Row)
      }
      file.read = end
    }
    return this.#rows
  }

  /** Safe twice. */
  close(): void {
    this.#reader?.kill('SIGKILL')
    this.#privileged.close()
    removeDirectory(this.#directory)
  }
}
