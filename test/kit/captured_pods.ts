/**
 * A server and a client in pods of their own, and tcpdump in the server's: what `flowspan replay`
 * makes of their real traffic.
 */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Row } from './flowspan.ts'
import { wholeLines } from './lines.ts'
import { Network, type Pod } from './netns.ts'
import { PacketCapture } from './packet_capture.ts'
import { removeDirectory, temporaryDirectory, waitFor } from './processes.ts'

const PROGRAM = join(import.meta.dirname, '../../bin/flowspan')
const run = promisify(execFile)

export class CapturedPods {
  readonly #network = new Network()
  readonly server: Pod = this.#network.pod('server')
  readonly client: Pod = this.#network.pod('client')
  /** Removed by `close`; for the server's data, too. */
  readonly directory = temporaryDirectory('captured')
  readonly file = join(this.directory, 'capture.pcap')
  #capture: PacketCapture | undefined

  /** Captures from when the promise resolves on. */
  async capture(): Promise<void> {
    this.#capture = new PacketCapture(this.server, { file: this.file, filter: 'tcp or udp' })
    await this.#capture.listens()
  }

  /** Rows of exchanges that have ended, once there are so many that fit. */
  async exchanges(count: number, fits: (row: Row) => boolean = () => true): Promise<Row[]> {
    return await this.#ended('exchange', count, fits)
  }

  /** The same of connections. */
  async connections(count: number, fits: (row: Row) => boolean = () => true): Promise<Row[]> {
    return await this.#ended('connection', count, fits)
  }

  async #ended(what: string, count: number, fits: (row: Row) => boolean): Promise<Row[]> {
    const enough = async () => {
      const ended = ({ kind, state }: Row) => kind === what && state === 'closed'
      const rows = (await this.#rows()).filter(ended).filter(fits)
      return rows.length >= count ? rows : undefined
    }
    try {
      return await waitFor(`the capture of ${count} ${what}s`, enough, { timeoutMs: 30_000 })
    } finally {
      await this.#capture?.assertWhole()
    }
  }

  /** Ends the capture and removes everything; what runs in the pods must have been stopped. */
  async close(): Promise<void> {
    await this.#capture?.stop()
    this.#network.close()
    removeDirectory(this.directory)
  }

  async #rows(): Promise<Row[]> {
    // The last packet may be half written yet: what stands before it counts.
    const command = ['replay', this.file, '--format', 'json']
    const { stdout } = await run(PROGRAM, command, { maxBuffer: 64 << 20 }).catch(
      (error: { stdout: string }) => error,
    )
    return wholeLines(stdout).map((line) => JSON.parse(line) as Row)
  }
}
