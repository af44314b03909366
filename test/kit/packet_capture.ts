/** tcpdump in a pod, which writes a capture that can be read while it grows. */
import { inPod, type Pod } from './netns.ts'
import { Program } from './processes.ts'

/**
 * What the kernel keeps for it while it does not get to run. With the 2 MiB that are the default a
 * message of 2 MiB loses its end, and its answer, as soon as others are busy.
 */
const BUFFER_KIB = 64 << 10

export class PacketCapture {
  readonly #program: Program

  constructor(pod: Pod, { file, filter }: { file: string; filter: string }) {
    // As root: the directory is root's. Both ends: packets say on which end's host they were seen.
    const options = ['-Z', 'root', '-i', 'any', '-B', `${BUFFER_KIB}`, '-U', '-w', file]
    this.#program = new Program(inPod(pod, ['tcpdump', ...options, filter]))
  }

  /** Resolves when it captures. */
  async listens(): Promise<void> {
    await this.#program.line(/listening on any/)
  }

  /** Throws where packets are missing: what the capture tells, or fails to, is then no proof. */
  async assertWhole(): Promise<void> {
    const before = this.#program.output.length
    process.kill(this.#program.pid, 'SIGUSR1')
    const [, dropped] = await this.#program.until('counts its packets', () =>
      /(\d+) packets? dropped by kernel/.exec(this.#program.output.slice(before)),
    )
    if (dropped !== '0') throw new Error(`tcpdump has missed ${dropped} packets`)
  }

  /** Safe twice. */
  async stop(): Promise<void> {
    await this.#program.stop()
  }
}
