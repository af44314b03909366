/** Programs that run inside a pod. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { inPod, type Pod } from './netns.ts'

const LISTEN_TIMEOUT_MS = 10_000
const STOP_TIMEOUT_MS = 5_000
const TCP_LISTEN = '0A'

export interface Finished {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program to its end. */
export async function runInPod(pod: Pod, command: readonly string[]): Promise<Finished> {
  const child = start(pod, command)
  const texts = Promise.all([text(child.stdout), text(child.stderr)])
  const [status] = (await once(child, 'close')) as [number | null]
  const [stdout, stderr] = await texts
  return { status, stdout, stderr }
}

/** A server in a pod, listening when `start` has resolved. */
export class PodServer {
  readonly #child: ChildProcess
  readonly #said: Promise<string>

  static async start(pod: Pod, port: number, command: readonly string[]): Promise<PodServer> {
    const server = new PodServer(start(pod, command))
    const deadline = performance.now() + LISTEN_TIMEOUT_MS
    // Asked of the kernel, not by connecting: a probe would be a flow of its own.
    while (!server.#listens(port)) {
      if (server.#ended() || performance.now() > deadline) {
        await server.stop()
        throw new Error(`${command.join(' ')} does not listen on ${port}: ${await server.#said}`)
      }
      await sleep(20)
    }
    return server
  }

  private constructor(child: ChildProcess) {
    this.#child = child
    child.stdout?.resume()
    this.#said = text(child.stderr)
  }

  get pid(): number {
    return this.#child.pid as number
  }

  /** Ends the program with SIGTERM, then SIGKILL. Safe twice. */
  async stop(): Promise<void> {
    if (this.#ended()) return
    const closed = once(this.#child, 'close')
    this.#child.kill('SIGTERM')
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_TIMEOUT_MS)
    await closed
    clearTimeout(timer)
  }

  #ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  #listens(port: number): boolean {
    const hex = port.toString(16).toUpperCase().padStart(4, '0')
    return ['tcp', 'tcp6'].some((table) =>
      readOr(`/proc/${this.pid}/net/${table}`)
        .split('\n')
        .map((line) => line.trim().split(/\s+/))
        .some(([, local, , state]) => state === TCP_LISTEN && local?.endsWith(`:${hex}`)),
    )
  }
}

function start(pod: Pod, command: readonly string[]): ChildProcess {
  const [program, ...args] = inPod(pod, command) as [string, ...string[]]
  return spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
}

function readOr(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

async function text(stream: NodeJS.ReadableStream | null): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream ?? []) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}
