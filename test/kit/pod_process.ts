/** Programs that run inside a pod. */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { inPod, type Pod } from './netns.ts'
import { Program } from './processes.ts'

const TCP_LISTEN = '0A'

export interface Finished {
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program to its end. Throws with what it said unless it exits with 0. */
export async function runInPod(pod: Pod, command: readonly string[]): Promise<Finished> {
  const [program, ...args] = inPod(pod, command)
  return promisify(execFile)(program, args)
}

/** Starts a server in a pod; it listens on `port` when the promise resolves. */
export async function serveInPod(
  pod: Pod,
  { port, command }: { port: number; command: readonly string[] },
): Promise<Program> {
  const program = new Program(inPod(pod, command))
  try {
    // Asked of the kernel, not by connecting: a probe would be a flow of its own.
    await program.until(`listens on ${port}`, () => listens(program.pid, port))
    return program
  } catch (error) {
    await program.stop()
    throw error
  }
}

/** Whether a socket listens on the port in the network namespace that the process is in. */
export function listens(pid: number, port: number): boolean {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  return ['tcp', 'tcp6'].some((table) =>
    readOr(`/proc/${pid}/net/${table}`)
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .some(([, local, , state]) => state === TCP_LISTEN && local?.endsWith(suffix)),
  )
}

function readOr(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
