/** Where the text goes: standard output, as long as somebody reads it. */
import type { Writable } from 'node:stream'
import type { Ledger } from '../../pipeline/ledger.ts'
import { LogSampler } from '../../pipeline/log_sampler.ts'
import type { DebugConfig } from './config.ts'

/** Text that may wait for a reader; more is dropped and counted. */
const WAITING_BYTES_MAX = 1024 * 1024

export interface Output {
  readonly stream: Writable
  readonly colors: boolean
}

/** Colours only where a person looks (no-color.org). */
export function standardOutput(): Output {
  const { stdout, env } = process
  return { stream: stdout, colors: stdout.isTTY === true && !env.NO_COLOR }
}

/** Of what comes within a second the first few texts are printed, then one of so many. */
type Sampling = Pick<DebugConfig, 'sampling_initial' | 'sampling_thereafter'>

const SAMPLING_TICK_MS = 1000

export class Printer {
  readonly #stream: Writable
  readonly #ledger: Ledger
  readonly #sampler: LogSampler
  #closed = false
  readonly #onError = () => {
    // EPIPE: the reader has gone, as `flowspan … | head` does. What follows is counted as lost.
    this.#closed = true
  }

  constructor(stream: Writable, { ledger, sampling }: { ledger: Ledger; sampling: Sampling }) {
    this.#stream = stream
    this.#ledger = ledger
    this.#sampler = new LogSampler({
      enabled: true,
      tick: SAMPLING_TICK_MS,
      initial: sampling.sampling_initial,
      thereafter: sampling.sampling_thereafter,
    })
    stream.on('error', this.#onError)
  }

  /** Whether the next text is to be made and printed; if not, its items are counted. */
  admits(items: number): boolean {
    const admitted = this.#sampler.admits('info', '')
    if (!admitted) this.#ledger.used('sampled_out', items)
    return admitted
  }

  /** Prints the text of so many items, or counts them as lost. */
  print(text: string, items: number): void {
    if (this.#closed) this.#ledger.lost('output_closed', items)
    else if (this.#stream.writableLength > WAITING_BYTES_MAX) {
      this.#ledger.lost('output_too_slow', items)
    } else {
      this.#stream.write(`${text}\n`)
      this.#ledger.used('printed', items)
    }
  }

  /** Resolves when all is with the reader, or the reader is gone. */
  async close(): Promise<void> {
    if (!this.#closed && this.#stream.writableLength > 0) {
      await new Promise<void>((resolve) => {
        this.#stream.write('', () => resolve())
        this.#stream.once('error', () => resolve())
      })
    }
    // The stream outlives the exporter, and its error after that is nobody's: keep a listener.
    this.#closed = true
  }
}
